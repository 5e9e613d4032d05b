//! `completeness(from, to)`: a table that says of a period how much of the answer is certain, and what each vendor could have had at most.
//!
//! It is a view over `attributed` and `ledger` whose times are arguments, so a question about it is pruned and judged like any other.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{Documentation, Expr, LogicalPlan};
use datafusion::prelude::SessionContext;

use crate::udf::TRAFFIC;

/// What it is called.
pub const NAME: &str = "completeness";
const SQL: &str = include_str!("../sql/functions/completeness.sql");

/// The function, planned but for its times.
#[derive(Debug)]
struct Completeness {
    plan: LogicalPlan,
}

/// Adds the function to a session that has the tables and the view.
pub async fn register(context: &SessionContext) -> Result<()> {
    let plan = context.sql(SQL).await?.into_unoptimized_plan();
    context.register_udtf(NAME, Arc::new(Completeness { plan }));
    Ok(())
}

impl TableFunctionImpl for Completeness {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [from, to] = args.exprs() else {
            return plan_err!(
                "{NAME} needs two times: {NAME}('2014-09-22', '2014-09-23T12:00:00Z')"
            );
        };
        let times = vec![("from", time(from)?), ("to", time(to)?)];
        let plan = self.plan.clone().with_param_values(times)?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// A time written as text, in UTC where it names no zone.
fn time(argument: &Expr) -> Result<ScalarValue> {
    let kind = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let Expr::Literal(value, _) = argument else {
        return plan_err!("{NAME} takes times as text, such as '2014-09-22T16:00:00Z'");
    };
    match value.cast_to(&kind) {
        Ok(time) if !time.is_null() => Ok(time),
        _ => plan_err!(
            "{NAME}: {value} is no time; write it as '2014-09-22' or '2014-09-22T16:00:00Z'"
        ),
    }
}

/// What the reference says of it.
pub(crate) fn documentation() -> Documentation {
    Documentation::builder(
        TRAFFIC,
        "A table: for records that began from one time until another, a row for each vendor and one without a vendor for the rest, with \
         bytes_up as recorded; scaled_bytes_up, what it was before sampling, and margin_95, the half width of its 95 % interval; \
         share_percent; at_most_bytes_up and at_most_percent, what could have gone to the vendor at most; and of the whole \
         attributed_percent, contested_percent, mismatch_percent, unattributed_percent and, from the ledger, lost_percent. In the row \
         without a vendor, at most is the bound of any vendor that is not listed.",
        "completeness(from, to)",
    )
    .with_argument("from", "First time, as text; in UTC where it names no zone.")
    .with_argument("to", "The first time after.")
    .with_sql_example("SELECT vendor, share_percent, at_most_percent FROM completeness('2014-09-22', '2014-09-23')")
    .build()
}
