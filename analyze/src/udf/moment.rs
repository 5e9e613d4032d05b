//! `moment(…)`: all that the time of a flow decides in its judgement, as one text, so that flows which differ in time only are judged once.
//! Part of `catalog diff`, which judges distinct evidence and not rows.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{Documentation, ScalarUDF};

use crate::catalog::Catalog;
use crate::sightings::Sightings;
use crate::udf::attribute::{Columns, signature};
use crate::udf::function::{Function, TRAFFIC};

/// The function under a name, by a catalog and what was seen besides the flow at hand; it takes what `attribute` takes.
pub(crate) fn function(
    name: &'static str,
    (catalog, sightings): (&Arc<Catalog>, &Arc<Sightings>),
) -> ScalarUDF {
    let (catalog, sightings) = (Arc::clone(catalog), Arc::clone(sightings));
    Function {
        name,
        signature: signature(),
        returns: DataType::Utf8View,
        documentation: Documentation::builder(TRAFFIC, "What the time decides.", name).build(),
        catalog_id: catalog.snapshot().id.clone(),
        check: None,
        body: Box::new(move |columns| moments(columns, (&catalog, &sightings))),
    }
    .into_udf()
}

fn moments(columns: &[ArrayRef], (catalog, sightings): (&Catalog, &Sightings)) -> Result<ArrayRef> {
    let witnesses = sightings.witnesses();
    let rows = columns.first().map_or(0, Array::len);
    let columns = Columns::of(columns)?;
    let moment = |row| {
        let facts = columns.facts(row, (catalog, &witnesses))?;
        let Some(witness) = facts.witness else {
            return Ok(Some(format!("{:?} {}", facts.at, facts.ech_advertised)));
        };
        let (vendor, rule) = (witness.vendor, witness.rule_id);
        Ok(Some(format!(
            "{:?} {} {vendor} {rule} {}",
            facts.at, facts.ech_advertised, witness.by_dns
        )))
    };
    Ok(Arc::new((0..rows).map(moment).collect::<Result<StringViewArray>>()?))
}
