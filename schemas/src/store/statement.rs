//! What was done to rows before they were written, so that nobody takes a pseudonym for an address: in the terms of RFC 6235.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Said in every file, spool file and manifest entry of rows to which something was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The profile: `truncate` or `pseudonymise`.
    pub profile: String,
    /// Which key made the pseudonyms, never the key; none where it was forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Technique by table and column; a column that is not named is as it was observed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub techniques: BTreeMap<String, BTreeMap<String, String>>,
}

impl Statement {
    /// Of one table only.
    pub(crate) fn of_table(&self, table: &str) -> Self {
        let mut statement = self.clone();
        statement.techniques.retain(|name, _| name == table);
        statement
    }

    /// Without techniques: those stand in the files.
    pub(crate) fn in_short(&self) -> Self {
        self.of_table("")
    }

    pub(crate) fn to_json(&self) -> String {
        // Text keys and text values cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
