//! `country(ip)`: where an address is, as the catalog's location data sees it.
//! Announced from many places at once, or special: then "where" has no answer.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};

use crate::catalog::Catalog;
use crate::udf::distinct::text_of_address;
use crate::udf::function::{Function, TRAFFIC};

pub(crate) fn function(catalog: &Arc<Catalog>) -> ScalarUDF {
    let catalog = Arc::clone(catalog);
    Function {
        name: "country",
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Stable),
        returns: DataType::Utf8View,
        documentation: Documentation::builder(
            TRAFFIC,
            "Country of an address by the catalog's location data, ISO 3166-1 alpha-2; null for \
             anycast, special-purpose and unknown addresses.",
            "country(ip)",
        )
        .with_argument("ip", "IPv4 or IPv6 address as text.")
        .with_sql_example("SELECT country(dst_ip) AS country, sum(src_bytes) FROM flows GROUP BY 1")
        .with_related_udf("asn")
        .build(),
        catalog_id: catalog.snapshot().id.clone(),
        check: None,
        body: Box::new(move |columns| {
            text_of_address(columns, |ip| {
                let place = catalog.place(ip);
                if place.anycast { None } else { place.country }
            })
        }),
    }
    .into_udf()
}
