//! `ip_in(ip, cidr)`: whether an address lies in a prefix.
//! An address of the other IP version lies in none; IPv4 written inside IPv6 counts as IPv6.

use std::net::IpAddr;

use arrow::array::BooleanArray;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};
use ipnet::IpNet;

use crate::udf::distinct::{Distinct, text};
use crate::udf::function::{Function, TRAFFIC};

pub(crate) fn function() -> ScalarUDF {
    Function {
        name: "ip_in",
        signature: Signature::exact(
            vec![DataType::Utf8View, DataType::Utf8View],
            Volatility::Immutable,
        ),
        returns: DataType::Boolean,
        documentation: Documentation::builder(
            TRAFFIC,
            "Whether an address lies in a prefix; null where one of them is none.",
            "ip_in(ip, cidr)",
        )
        .with_argument("ip", "IPv4 or IPv6 address as text.")
        .with_argument("cidr", "Prefix as ADDRESS/LENGTH, or one address.")
        .with_sql_example("SELECT count(*) FROM flows WHERE ip_in(src_ip, '10.0.0.0/8')")
        .with_related_udf("ip_version")
        .build(),
        catalog_id: String::new(),
        check: Some(check),
        body: Box::new(|columns| {
            let ips = Distinct::of(text(columns, 0)?);
            let prefixes = Distinct::of(text(columns, 1)?);
            let addresses: Vec<Option<IpAddr>> =
                ips.values.iter().map(|value| value.parse().ok()).collect();
            let nets: Vec<Option<IpNet>> =
                prefixes.values.iter().map(|value| prefix(value)).collect();
            let inside: BooleanArray = ips
                .rows
                .iter()
                .zip(&prefixes.rows)
                .map(|(ip, net)| {
                    let ip = addresses.get((*ip)? as usize).copied().flatten()?;
                    let net = nets.get((*net)? as usize).copied().flatten()?;
                    Some(net.contains(&ip))
                })
                .collect();
            Ok(std::sync::Arc::new(inside))
        }),
    }
    .into_udf()
}

fn prefix(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn check(literals: &[Option<&ScalarValue>]) -> Result<()> {
    if let [_, Some(literal)] = literals
        && let Some(Some(cidr)) = literal.try_as_str()
        && prefix(cidr).is_none()
    {
        return plan_err!(
            "ip_in: argument cidr is '{cidr}', which is no prefix; write ADDRESS/LENGTH, for example '10.0.0.0/8' or '2001:db8::/32'"
        );
    }
    Ok(())
}
