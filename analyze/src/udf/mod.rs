//! The functions that queries may use besides the engine's own, one a file.
//!
//! A bad row gives null; a literal that can never be right is an error when the query is planned. None reads a clock, a file
//! or the network.

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::catalog::Catalog;
use crate::sightings::Sightings;

mod as_org;
mod asn;
mod attribute;
mod community_id;
mod country;
mod date_trunc;
mod distinct;
mod function;
mod ip_in;
mod ip_version;
mod judgements;
mod moment;
mod oui_maker;
mod registered_domain;
mod remembered_percent;
mod sketch;
mod vendor_of;

pub(crate) use function::TRAFFIC;

/// The function that judges a flow.
pub const JUDGEMENT: &str = "attribute";
/// The same, by a catalog that the session's is compared with.
pub const JUDGEMENT_BEFORE: &str = "attribute_before";

/// What a session needs to judge by two catalogs, each with its sightings: [`JUDGEMENT_BEFORE`], and for either what the time of a flow decides.
pub fn comparing(
    before: (&Arc<Catalog>, &Arc<Sightings>),
    after: (&Arc<Catalog>, &Arc<Sightings>),
) -> [ScalarUDF; 3] {
    [
        attribute::function(JUDGEMENT_BEFORE, before),
        moment::function("moment_before", before),
        moment::function("moment", after),
    ]
}

/// Functions of the engine's that answer the same here, sooner.
pub fn sooner() -> [ScalarUDF; 1] {
    [date_trunc::function()]
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
        remembered_percent::function(sightings),
        sketch::count(),
        vendor_of::function(catalog),
    ]
}

/// The aggregates among them, by name.
pub fn aggregates() -> [AggregateUDF; 2] {
    sketch::aggregates()
}
