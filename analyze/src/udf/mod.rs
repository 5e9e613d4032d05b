//! The functions that queries may use besides the engine's own, one a file.
//!
//! A bad row gives null; a literal that can never be right is an error when the query is planned. None reads a clock, a file
//! or the network.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use crate::catalog::Catalog;

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

/// All functions, by name, judging by `catalog`.
pub fn all(catalog: &Arc<Catalog>) -> Vec<ScalarUDF> {
    vec![
        as_org::function(catalog),
        asn::function(catalog),
        attribute::function(catalog),
        community_id::function(),
        country::function(catalog),
        ip_in::function(),
        ip_version::function(),
        oui_maker::function(catalog),
        registered_domain::function(),
        vendor_of::function(catalog),
    ]
}
