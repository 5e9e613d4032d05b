//! `remembered_percent()`: of how many addresses it is remembered what else was seen of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};

use crate::sightings::Sightings;
use crate::udf::function::{Function, TRAFFIC};

pub(crate) fn function(sightings: &Arc<Sightings>) -> ScalarUDF {
    let sightings = Arc::clone(sightings);
    Function {
        name: "remembered_percent",
        // It is known when the flows of the question have been looked at, not when it is planned.
        signature: Signature::nullary(Volatility::Volatile),
        returns: DataType::Float64,
        documentation: documentation(),
        catalog_id: String::new(),
        check: None,
        body: Box::new(move |_| {
            let percent = sightings.witnesses().remembered_percent();
            Ok(Arc::new(Float64Array::from(vec![percent])) as ArrayRef)
        }),
    }
    .into_udf()
}

fn documentation() -> Documentation {
    Documentation::builder(
        TRAFFIC,
        "Share of the addresses of which it is remembered what else was seen of them, in percent: 100, but in the largest stores. For the others there \
         is no evidence E2, and a device is named by its own flow only.",
        "remembered_percent()",
    )
    .with_sql_example("SELECT remembered_percent()")
    .build()
}
