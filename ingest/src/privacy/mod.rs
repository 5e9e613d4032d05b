//! What becomes of people's addresses and devices before a row is kept. Nothing reaches an archive that has not passed here: only this module can make a
//! [`Released`], and an archive takes nothing else.
//!
//! Names and directions are found before, for a pseudonym matches no prefix. The ledger passes as it is: it counts, and names interfaces and capture files
//! as the operator did, nobody on the wire.

mod actions;
mod addresses;
mod error;
mod hosts;
mod key;
mod names;
mod prefix_preserving;
mod profile;

use std::fmt;
use std::ops::Deref;

use schemas::devices::DeviceRow;
use schemas::dns::DnsRow;
use schemas::flow::FlowRow;
use schemas::store::Statement;

pub use self::error::PrivacyError;
pub use self::profile::{PrivacyArgs, Profile};

use self::addresses::Veil;
use self::key::Key;
use crate::config::IngestArgs;
use crate::direction::Inside;
use crate::rows::Rows;

/// A row that may be kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Released<R>(R);

impl<R> Deref for Released<R> {
    type Target = R;
    fn deref(&self) -> &R {
        &self.0
    }
}

/// The way out for rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Privacy {
    veil: Option<Veil>,
    key_id: Option<String>,
}

impl Privacy {
    /// What the operator asked for; reads the key, so that it can be out of reach once the process is confined.
    pub(crate) fn of(args: &IngestArgs) -> Result<Self, PrivacyError> {
        let asked = &args.privacy;
        asked.check()?;
        if asked.profile() != Profile::None && args.inside.is_empty() {
            return Err(PrivacyError::NobodyInside(asked.profile().word()));
        }
        let key = asked.key(Some(&args.store))?;
        let key_id = key.as_ref().map(Key::id);
        let veil = match (asked.profile(), key) {
            (Profile::None, _) => None,
            // Ids must not tell addresses; nobody needs to make the same again.
            (Profile::Truncate, None) => Some(Key::fresh()?),
            (_, key) => key,
        };
        let inside = Inside(args.inside.clone());
        let veil = veil.map(|key| Veil::new(asked.profile(), inside, &key));
        Ok(Self { veil, key_id })
    }

    /// Lets a flow pass.
    pub(crate) fn flow(&self, row: FlowRow) -> Released<FlowRow> {
        Released(match &self.veil {
            Some(veil) => veil.flow(veil.unnamed_flow(row)),
            None => row,
        })
    }

    /// Lets flows pass, in the room they lie in: a row is large.
    pub(crate) fn flows(&self, rows: Rows<FlowRow>) -> Released<Rows<FlowRow>> {
        if self.veil.is_none() {
            return Released(rows);
        }
        Released(rows.map(|row| self.flow(row).0))
    }

    /// Lets questions pass, likewise.
    pub(crate) fn lookups(&self, rows: Rows<DnsRow>) -> Released<Rows<DnsRow>> {
        Released(match &self.veil {
            Some(veil) => rows.map(|row| veil.dns(veil.unnamed_lookup(row))),
            None => rows,
        })
    }

    /// Lets a device pass.
    pub(crate) fn device(&self, row: DeviceRow) -> Released<DeviceRow> {
        Released(match &self.veil {
            Some(veil) => veil.device_row(Veil::unnamed_device(row)),
            None => row,
        })
    }

    /// What is done, for whoever reads the rows; none where nothing is.
    pub(crate) fn statement(&self) -> Option<Statement> {
        let profile = self.veil.as_ref()?.profile;
        Some(Statement {
            profile: profile.word().to_owned(),
            key_id: self.key_id.clone(),
            techniques: actions::techniques(profile),
        })
    }
}

impl fmt::Display for Privacy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = self.veil.as_ref().map_or(Profile::None, |veil| veil.profile);
        match &self.key_id {
            Some(id) => write!(f, "privacy profile {}, key {id}", profile.word()),
            None => write!(f, "privacy profile {}", profile.word()),
        }
    }
}

#[cfg(test)]
mod tests;
