//! `asn(ip)`: the autonomous system that announces an address.
//! It operates the server or carries it; whose service runs there is another question.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};

use crate::catalog::{Catalog, Date};
use crate::udf::distinct::{Distinct, text};
use crate::udf::function::{Function, TRAFFIC};

pub(crate) fn function(catalog: &Arc<Catalog>) -> ScalarUDF {
    let catalog = Arc::clone(catalog);
    Function {
        name: "asn",
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Stable),
        returns: DataType::Int64,
        documentation: Documentation::builder(
            TRAFFIC,
            "Number of the autonomous system that announces an address; null where none is known.",
            "asn(ip)",
        )
        .with_argument("ip", "IPv4 or IPv6 address as text.")
        .with_sql_example("SELECT asn(dst_ip), count(*) FROM flows GROUP BY 1")
        .with_related_udf("as_org")
        .build(),
        catalog_id: catalog.snapshot().id.clone(),
        check: None,
        body: Box::new(move |columns| {
            let distinct = Distinct::of(text(columns, 0)?);
            let number = |ip: IpAddr| {
                catalog.network(ip, Date::LATEST).map(|network| i64::from(network.asn))
            };
            let answers: Int64Array =
                distinct.values.iter().map(|value| value.parse().ok().and_then(number)).collect();
            distinct.spread(&answers)
        }),
    }
    .into_udf()
}
