//! Tables that are functions of a period: `completeness(from, to)` says how much of an answer is certain and what each vendor could have had at
//! most, `dns_accuracy(from, to)` how often the DNS join is right where a name on the flow can tell.
//!
//! Each is a view over `attributed` whose times are arguments, so a question about it is pruned and judged like any other.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{Documentation, Expr, LogicalPlan};
use datafusion::prelude::SessionContext;

use crate::udf::TRAFFIC;

/// A function that ships.
pub(crate) struct PeriodTable {
    pub(crate) name: &'static str,
    pub(crate) sql: &'static str,
    about: &'static str,
    example: &'static str,
}

const COMPLETENESS: PeriodTable = PeriodTable {
    name: "completeness",
    sql: include_str!("../sql/functions/completeness.sql"),
    about: "A table: for records that began from one time until another, a row for each vendor and one without a vendor for the rest, with \
        bytes_up as recorded; scaled_bytes_up, what it was before sampling, and margin_95, the half width of its 95 % interval; \
        share_percent; at_most_bytes_up and at_most_percent, what could have gone to the vendor at most; and of the whole \
        attributed_percent, contested_percent, mismatch_percent, unattributed_percent and, from the ledger, lost_percent, null where it was not counted. \
        at_most_of says of which traffic at most is a bound, or why there is none; watched_percent how much of the time the least watched interface \
        saw, null for captures; remembered_percent of how many addresses it is remembered what else was seen of them, all but for the largest stores. In the row \
        without a vendor, at most is the bound of any vendor that is not listed.",
    example: "SELECT vendor, share_percent, at_most_percent FROM completeness('2014-09-22', '2014-09-23')",
};

pub(crate) const DNS_ACCURACY: PeriodTable = PeriodTable {
    name: "dns_accuracy",
    sql: include_str!("../sql/functions/dns_accuracy.sql"),
    about: "A table of one row: how right the DNS join is on flows that bear a name of their own and whose client had been told of their \
        address. flows, bytes_up and clients are compared; claimed_flows and claimed_bytes_up those for which the DNS alone would name a \
        vendor, agreed_flows and agreed_bytes_up where that is the vendor of the name, differing_clients who has flows where vendor or name is another; \
        owner_percent and owner_bytes_percent the share of the claimed that agrees, name_percent and name_bytes_percent the share of the compared \
        whose very name is among the candidates; dns_only_percent the share of all octets sent that are named by the DNS only.",
    example: "SELECT owner_percent, name_percent, dns_only_percent FROM dns_accuracy('2014-09-22', '2014-09-23')",
};

/// All of them, by name.
pub(crate) const ALL: [PeriodTable; 2] = [COMPLETENESS, DNS_ACCURACY];

impl PeriodTable {
    /// What the reference says of it.
    pub(crate) fn documentation(&self) -> Documentation {
        let syntax = format!("{}(from, to)", self.name);
        Documentation::builder(TRAFFIC, self.about, syntax)
            .with_argument("from", "First time, as text; in UTC where it names no zone.")
            .with_argument("to", "The first time after.")
            .with_sql_example(self.example)
            .build()
    }
}

/// A function, planned but for its times.
#[derive(Debug)]
struct Planned {
    name: &'static str,
    plan: LogicalPlan,
}

/// Adds the functions to a session that has the tables and the view.
pub async fn register(context: &SessionContext) -> Result<()> {
    for PeriodTable { name, sql, .. } in ALL {
        let plan = context.sql(sql).await?.into_unoptimized_plan();
        context.register_udtf(name, Arc::new(Planned { name, plan }));
    }
    Ok(())
}

impl TableFunctionImpl for Planned {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let name = self.name;
        let [from, to] = args.exprs() else {
            return plan_err!(
                "{name} needs two times: {name}('2014-09-22', '2014-09-23T12:00:00Z')"
            );
        };
        let (from, to) = (time(name, from)?, time(name, to)?);
        let (from_us, to_us) = (from.cast_to(&DataType::Int64)?, to.cast_to(&DataType::Int64)?);
        let times = vec![("from", from), ("to", to), ("from_us", from_us), ("to_us", to_us)];
        let plan = self.plan.clone().with_param_values(times)?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// A time written as text, in UTC where it names no zone.
fn time(name: &str, argument: &Expr) -> Result<ScalarValue> {
    let kind = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let Expr::Literal(value, _) = argument else {
        return plan_err!("{name} takes times as text, such as '2014-09-22T16:00:00Z'");
    };
    match value.cast_to(&kind) {
        Ok(time) if !time.is_null() => Ok(time),
        _ => plan_err!(
            "{name}: {value} is no time; write it as '2014-09-22' or '2014-09-22T16:00:00Z'"
        ),
    }
}
