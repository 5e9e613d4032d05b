//! The functions that queries may use besides the engine's own, one a file.
//!
//! A bad row gives null; a literal that can never be right is an error when the query is planned. None reads a clock, a file
//! or the network.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use crate::catalog::Catalog;
use crate::sightings::Sightings;

mod as_org;
mod asn;
mod attribute;
mod community_id;
mod country;
mod distinct;
mod function;
mod ip_in;
mod ip_version;
mod judgements;
mod oui_maker;
mod registered_domain;
mod vendor_of;

pub(crate) use function::TRAFFIC;

/// The function that judges a flow.
pub const JUDGEMENT: &str = "attribute";
/// The same, by a catalog that the session's is compared with.
pub const JUDGEMENT_BEFORE: &str = "attribute_before";

/// [`JUDGEMENT_BEFORE`], by `catalog`.
pub fn before(catalog: &Arc<Catalog>, sightings: &Arc<Sightings>) -> ScalarUDF {
    attribute::function(JUDGEMENT_BEFORE, (catalog, sightings))
}

/// All functions, by name, judging by `catalog` and each flow by itself.
pub fn all(catalog: &Arc<Catalog>) -> Vec<ScalarUDF> {
    over(catalog, &Arc::default())
}

/// The same, judging by what was seen around a flow as well.
pub fn over(catalog: &Arc<Catalog>, sightings: &Arc<Sightings>) -> Vec<ScalarUDF> {
    vec![
        as_org::function(catalog),
        asn::function(catalog),
        attribute::function(JUDGEMENT, (catalog, sightings)),
        community_id::function(),
        country::function(catalog),
        ip_in::function(),
        ip_version::function(),
        oui_maker::function(catalog),
        registered_domain::function(),
        vendor_of::function(catalog),
    ]
}
