//! The writer's end of the spool: rows become columns, and columns a bundle. It never waits for the disk.

use std::sync::Arc;

use schemas::devices::{DeviceBatch, DeviceRow};
use schemas::dns::{DnsBatch, DnsRow};
use schemas::flow::{FlowBatch, FlowRow};
use schemas::ledger::{LedgerBatch, LedgerRow};
use schemas::store::StoreError;
use schemas::store::spool::{FINAL, Sums, WHOLE};

use crate::archive::Archive;
use crate::privacy::Released;
use crate::rows::Rows;
use crate::spool::backlog::{Bundle, Lost};
use crate::spool::shared::Shared;

/// Rows of a bundle.
const BUNDLE_ROWS_MAX: usize = 8_192;

/// Takes finished rows.
#[derive(Debug)]
pub struct Intake {
    shared: Arc<Shared>,
    flows: FlowBatch,
    dns: DnsBatch,
    devices: DeviceBatch,
    ledger: LedgerBatch,
    sums: Sums,
    wall_ns: i64,
    told: Lost,
}

impl Intake {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            flows: FlowBatch::default(),
            dns: DnsBatch::default(),
            devices: DeviceBatch::default(),
            ledger: LedgerBatch::default(),
            sums: Sums::default(),
            wall_ns: 0,
            told: Lost::default(),
        }
    }

    /// Sends off what came since the last cut; to be called once a second.
    ///
    /// `provisional` are the ledger's rows as they would stand if the probe died now: they count when nothing follows. `is_rotation` ends the file, whose
    /// rows are then published.
    pub fn cut(
        &mut self,
        wall_ns: i64,
        provisional: &[LedgerRow],
        is_rotation: bool,
    ) -> Result<(), StoreError> {
        self.wall_ns = wall_ns;
        let mut batch = LedgerBatch::default();
        for row in provisional {
            batch.append(row);
        }
        let mut bundle = self.bundle(WHOLE)?;
        let [_, _, _, section, _] = &mut bundle.sections;
        *section = vec![batch.finish().map_err(StoreError::Columns)?];
        bundle.is_rotation = is_rotation;
        self.push(bundle);
        Ok(())
    }

    /// What was dropped since this was last asked: for the ledger's next row, provisional or not.
    pub fn lost(&mut self) -> Lost {
        let mut state = self.shared.state();
        let lost = state.backlog.lost();
        state.lost_known = lost.flows;
        drop(state);
        let new = lost.since(self.told);
        self.told = lost;
        new
    }

    /// What the operator should hear of, once each.
    pub fn notices(&self) -> Vec<String> {
        let mut state = self.shared.state();
        let mut notices = std::mem::take(&mut state.notices);
        match std::mem::take(&mut state.notices_dropped) {
            0 => {}
            more => notices.push(format!("{more} more notices of the spool were dropped")),
        }
        notices
    }

    /// Ends the run: what is still here is its last.
    pub fn close(mut self, wall_ns: i64) -> Result<(), StoreError> {
        self.wall_ns = wall_ns;
        let bundle = self.bundle(WHOLE | FINAL)?;
        self.push(bundle);
        // The rest is for `drop`, which also runs when the writer breaks.
        Ok(())
    }

    fn bundle(&mut self, flags: u32) -> Result<Bundle, StoreError> {
        let sections = [
            vec![self.flows.finish().map_err(StoreError::Columns)?],
            vec![self.dns.finish().map_err(StoreError::Columns)?],
            vec![self.ledger.finish().map_err(StoreError::Columns)?],
            Vec::new(),
            vec![self.devices.finish().map_err(StoreError::Columns)?],
        ];
        let sums = std::mem::take(&mut self.sums);
        Ok(Bundle { flags, wall_ns: self.wall_ns, sections, sums, ..Bundle::default() })
    }

    fn push(&self, mut bundle: Bundle) {
        for section in &mut bundle.sections {
            section.retain(|batch| batch.num_rows() > 0);
        }
        let mut state = self.shared.state();
        bundle.lost_known = state.lost_known;
        state.backlog.push(bundle);
        drop(state);
        self.shared.rows.notify_one();
    }

    /// Sends off a part of what will be cut.
    fn keep_bound(&mut self) -> Result<(), StoreError> {
        let rows = [self.flows.len(), self.dns.len(), self.devices.len(), self.ledger.len()];
        if rows.iter().sum::<usize>() >= BUNDLE_ROWS_MAX {
            let bundle = self.bundle(0)?;
            self.push(bundle);
        }
        Ok(())
    }
}

impl Archive for Intake {
    fn flows(&mut self, rows: &Released<Rows<FlowRow>>) -> Result<(), StoreError> {
        self.flows.extend(rows);
        for row in rows.iter() {
            self.sums += Sums {
                rows: 1,
                packets: row.packets.unsigned_abs(),
                wire_bytes: row.wire_bytes.unsigned_abs(),
                ip_bytes: row.bytes.unsigned_abs(),
            };
        }
        self.keep_bound()
    }

    fn dns(&mut self, rows: &Released<Rows<DnsRow>>) -> Result<(), StoreError> {
        self.dns.extend(rows);
        self.keep_bound()
    }

    fn device(&mut self, row: &Released<DeviceRow>) -> Result<(), StoreError> {
        self.devices.append(row);
        self.keep_bound()
    }

    fn ledger(&mut self, row: &LedgerRow) -> Result<(), StoreError> {
        self.ledger.append(row);
        self.keep_bound()
    }

    fn cut(
        &mut self,
        wall_ns: i64,
        provisional: &[LedgerRow],
        rotate: bool,
    ) -> Result<(), StoreError> {
        Self::cut(self, wall_ns, provisional, rotate)
    }

    fn lost(&mut self) -> Sums {
        Self::lost(self).flows
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.shared.state().is_closing = true;
        self.shared.rows.notify_one();
    }
}
