//! What every run sets out with, whatever it reads: its lanes, their accounts, and the memory of answers.

use std::sync::Arc;

use schemas::Text;

use crate::config::Settings;
use crate::delivery::Outbox;
use crate::filter::Filter;
use crate::lane::{Lane, LaneSettings};
use crate::ledger::Account;
use crate::record::RowStyle;
use crate::resolution::Resolutions;

/// Time between the clock passing a deadline and the record's arrival: a sweep, a linger, some slack.
const LATENESS_NS: i64 = 60_000_000_000;

/// What is the same for all lanes of a run.
pub(crate) struct Outfit {
    /// What the operator asked for.
    pub settings: Settings,
    /// Frames that do not match are counted and looked at no further.
    pub filter: Option<Arc<Filter>>,
    /// The interface, if packets come from one.
    pub interface: Option<Text>,
    /// Kind of source.
    pub backend: &'static str,
    /// A filter runs in the kernel.
    pub kernel_filters: bool,
}

impl Outfit {
    /// Numbers of the lanes.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = u8> + use<> {
        (0..self.settings.lanes).map(|lane| u8::try_from(lane).unwrap_or(u8::MAX))
    }

    /// A lane; `seed` is that of its table's hash.
    pub(crate) fn lane<O: Outbox>(&self, number: u8, seed: u64, outbox: O) -> Lane<O> {
        let settings = LaneSettings {
            lane: number,
            limits: self.settings.limits,
            seed,
            style: RowStyle {
                sensor: self.settings.sensor.clone(),
                inside: self.settings.inside.clone(),
                interface: self.interface.clone(),
            },
            filter: self.filter.clone(),
            packets: self.settings.packets,
        };
        Lane::new(settings, outbox)
    }

    /// An account for each lane.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        let account = |lane| {
            let mut account = Account::new(self.settings.sensor.clone(), lane, self.backend);
            account.kernel_filters = self.kernel_filters;
            account
        };
        (0..self.settings.lanes).map(account).collect()
    }

    /// What clients will be told, remembered for as long as a record can be late.
    pub(crate) fn resolutions(&self) -> Resolutions {
        let limits = self.settings.limits;
        Resolutions::new(limits.active_timeout_ns + limits.idle_timeout_ns + LATENESS_NS)
    }
}
