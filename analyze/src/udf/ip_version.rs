//! `ip_version(ip)`: 4 or 6, and null for what is no address.
//! So that a column of text can be told apart without guessing at dots and colons.

use std::net::IpAddr;

use arrow::array::Int32Array;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};

use crate::udf::distinct::{Distinct, text};
use crate::udf::function::{Function, TRAFFIC};

pub(crate) fn function() -> ScalarUDF {
    Function {
        name: "ip_version",
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable),
        returns: DataType::Int32,
        documentation: Documentation::builder(
            TRAFFIC,
            "Version of an address, 4 or 6; null for what is no address.",
            "ip_version(ip)",
        )
        .with_argument("ip", "IPv4 or IPv6 address as text.")
        .with_sql_example("SELECT ip_version(client_ip), count(*) FROM dns GROUP BY 1")
        .with_related_udf("ip_in")
        .build(),
        catalog_id: String::new(),
        check: None,
        body: Box::new(|columns| {
            let distinct = Distinct::of(text(columns, 0)?);
            let version = |ip: IpAddr| if ip.is_ipv4() { 4 } else { 6 };
            let answers: Int32Array =
                distinct.values.iter().map(|value| value.parse().ok().map(version)).collect();
            distinct.spread(&answers)
        }),
    }
    .into_udf()
}
