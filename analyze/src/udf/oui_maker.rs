//! `oui_maker(mac)`: who made a network interface, by the longest registered prefix.
//! Randomised, group and virtual addresses name nobody.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};

use crate::catalog::Catalog;
use crate::catalog::parse_mac;
use crate::udf::distinct::text_of_text;
use crate::udf::function::{Function, TRAFFIC};

pub(crate) fn function(catalog: &Arc<Catalog>) -> ScalarUDF {
    let catalog = Arc::clone(catalog);
    Function {
        name: "oui_maker",
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Stable),
        returns: DataType::Utf8View,
        documentation: Documentation::builder(
            TRAFFIC,
            "Organisation that registered the prefix of a MAC address; null for randomised, group \
             and virtual addresses. Behind a router the address is the router's.",
            "oui_maker(mac)",
        )
        .with_argument("mac", "MAC address as text, parted by ':' or '-'.")
        .with_sql_example("SELECT oui_maker(src_mac), count(*) FROM flows GROUP BY 1")
        .with_related_udf("vendor_of")
        .build(),
        catalog_id: catalog.snapshot().id.clone(),
        check: None,
        body: Box::new(move |columns| {
            text_of_text(columns, |text| {
                parse_mac(text).and_then(|mac| catalog.maker(mac)).map(|maker| maker.organisation)
            })
        }),
    }
    .into_udf()
}
