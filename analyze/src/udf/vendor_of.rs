//! `vendor_of(name)`: whose a DNS name is, by the longest suffix on label boundaries.
//! A vendor's word inside a cloud's host name only hints, and gives null.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};

use crate::catalog::{Catalog, Date};
use crate::udf::distinct::text_of_text;
use crate::udf::function::{Function, TRAFFIC};

pub(crate) fn function(catalog: &Arc<Catalog>) -> ScalarUDF {
    let catalog = Arc::clone(catalog);
    Function {
        name: "vendor_of",
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Stable),
        returns: DataType::Utf8View,
        documentation: Documentation::builder(
            TRAFFIC,
            "Key of the vendor a DNS name belongs to at last; null for names nobody owns and for hosts of a \
             cloud that only carry a vendor's word.",
            "vendor_of(name)",
        )
        .with_argument("name", "DNS name; case and a last dot do not matter.")
        .with_sql_example("SELECT query FROM dns WHERE vendor_of(query) = 'xiaomi'")
        .with_related_udf("registered_domain")
        .build(),
        catalog_id: catalog.snapshot().id.clone(),
        check: None,
        body: Box::new(move |columns| {
            text_of_text(columns, |name| {
                let found = catalog.domain_rule(name, Date::LATEST).filter(|found| !found.weak);
                found.map(|found| found.vendor.as_str())
            })
        }),
    }
    .into_udf()
}
