//! What the rows of a rollup were summed up from, so that it can be told whether they still say what the flows do.

use serde::{Deserialize, Serialize};

use crate::store::statement::Statement;

/// The origin of rolled-up rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rolled {
    /// The hours or days in it, each once.
    pub buckets: Vec<Bucket>,
    /// What had been done to rows that were summed up; those of sensors that are not named so are as observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privacy: Vec<Statement>,
}

impl Rolled {
    /// What had been done, as a file says it: a list.
    pub(crate) fn stated(&self) -> Option<String> {
        let text = || serde_json::to_string(&self.privacy).ok();
        if self.privacy.is_empty() { None } else { text() }
    }
}

/// One hour or day, rolled up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its begin, µs since 1970 UTC.
    pub start: i64,
    /// The catalog that judged.
    pub catalog_id: String,
    /// Rows of `flows` in it.
    pub rows: u64,
    /// Whether the day after was over too, of which names and devices are witnesses.
    pub is_settled: bool,
}
