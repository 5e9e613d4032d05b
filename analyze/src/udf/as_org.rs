//! `as_org(ip)`: the organisation whose autonomous system announces an address.
//! The name is as its registry writes it; it is no key for vendors.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};

use crate::catalog::{Catalog, Date};
use crate::udf::distinct::text_of_address;
use crate::udf::function::{Function, TRAFFIC};

pub(crate) fn function(catalog: &Arc<Catalog>) -> ScalarUDF {
    let catalog = Arc::clone(catalog);
    Function {
        name: "as_org",
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Stable),
        returns: DataType::Utf8View,
        documentation: Documentation::builder(
            TRAFFIC,
            "Organisation of the autonomous system that announces an address, as its registry \
             writes it; null where none is known.",
            "as_org(ip)",
        )
        .with_argument("ip", "IPv4 or IPv6 address as text.")
        .with_sql_example("SELECT as_org(dst_ip), sum(bytes) FROM flows GROUP BY 1 ORDER BY 2 DESC")
        .with_related_udf("asn")
        .build(),
        catalog_id: catalog.snapshot().id.clone(),
        check: None,
        body: Box::new(move |columns| {
            text_of_address(columns, |ip| {
                catalog.network(ip, Date::LATEST).map(|network| network.organisation)
            })
        }),
    }
    .into_udf()
}
