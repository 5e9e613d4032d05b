//! Rows to put in, and what came out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use schemas::devices::DeviceRow;
use schemas::flow::FlowRow;
use schemas::ledger::LedgerRow;
use schemas::store::{Store, verify};
use schemas::{Mac, Micros};

use crate::archive::Archive;
use crate::block::Time;
use crate::flow::Open;
use crate::ledger::{Account, Exported, IntervalEnd, Tally, Totals};
use crate::metrics::Metrics;
use crate::privacy::Privacy;
use crate::spool::backlog::Lost;
use crate::spool::keeper::Step;
use crate::spool::{Intake, Keeper, Kept, Press, Pressed, Recovered, SpoolSettings, open, recover};

pub(crate) const SENSOR: &str = "tap-1";
/// 2014-09-23 14:00 UTC.
pub(crate) const START_US: i64 = 1_411_480_800_000_000;
pub(crate) const SECOND_NS: i64 = 1_000_000_000;

/// A row of `flows` with some packets.
pub(crate) fn flow(id: i64, end_us: i64) -> FlowRow {
    let host = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let packets = id % 7 + 1;
    FlowRow {
        flow_start: Micros(end_us),
        flow_end: Micros(end_us),
        flow_first_seen: Micros(end_us),
        flow_part: 0,
        duration_us: 0,
        flow_id: id,
        sensor_id: SENSOR.into(),
        interface: None,
        ip_version: 4,
        ip_proto: 17,
        proto: "udp",
        src_ip: host,
        dst_ip: host,
        src_port: Some(1),
        dst_port: Some(2),
        icmp_type: None,
        icmp_code: None,
        vlan_id: None,
        inner_vlan_id: None,
        mpls_label: None,
        tunnel_type: None,
        tunnel_id: None,
        tunnel_src_ip: None,
        tunnel_dst_ip: None,
        tunnel_bytes: None,
        tunnel_stack: None,
        src_mac: None,
        dst_mac: None,
        src_packets: packets,
        dst_packets: 0,
        src_bytes: packets * 100,
        dst_bytes: 0,
        src_payload_bytes: 0,
        dst_payload_bytes: 0,
        packets,
        bytes: packets * 100,
        wire_bytes: packets * 114,
        src_tcp_flags: None,
        dst_tcp_flags: None,
        conn_state: "SF",
        initiator_evidence: "first_seen",
        flow_end_reason: "idle",
        service: None,
        // Text that no compression makes small.
        server_name: Some(
            format!("{:x}.example", (id.cast_unsigned() + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
                .into(),
        ),
        server_name_source: None,
        server_names: Vec::new(),
        dns_names: Vec::new(),
        dns_names_at: None,
        alpn: None,
        tls_version: None,
        tls_ja4: None,
        ech_offered: None,
        http_user_agent: None,
        site: None,
        direction: "unknown",
        dscp: None,
        fragments: 0,
        missed_bytes: None,
        sampling_rate: 1,
    }
}

/// A row of `devices`.
fn device(at_us: i64) -> DeviceRow {
    DeviceRow {
        ts: Micros(at_us),
        mac: Some(Mac([2, 0, 0, 0, 0, 7])),
        ip: None,
        dhcp_hostname: Some("Redmi-Note".into()),
        dhcp_vendor_class: None,
        dhcp_parameters: Some("1,3,6".into()),
        mdns_name: None,
        http_user_agent: None,
        source: "dhcp",
        sensor_id: SENSOR.into(),
    }
}

/// A probe without packets: it makes up rows and keeps the books.
pub(crate) struct Probe {
    pub(crate) intake: Intake,
    keeper: Option<Keeper>,
    press: Option<Press>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) given: i64,
    pub(crate) second: i64,
    exported: Exported,
    lost: Lost,
}

impl Probe {
    pub(crate) fn start(root: &Path, boot: &str, spool_max_bytes: u64) -> Self {
        Self::start_after(root, boot, spool_max_bytes).0
    }

    pub(crate) fn start_after(
        root: &Path,
        boot: &str,
        spool_max_bytes: u64,
    ) -> (Self, Option<i64>) {
        let store = Store::open_or_create(root).unwrap();
        let recovered = recover(&store, SENSOR, boot, i64::MAX).unwrap();
        let alive = recovered.last_alive_ns;
        (Self::with(store, boot, spool_max_bytes, recovered), alive)
    }

    fn with(store: Store, boot: &str, spool_max_bytes: u64, recovered: Recovered) -> Self {
        let metrics = Arc::new(Metrics::default());
        let settings = SpoolSettings {
            store,
            sensor: SENSOR.into(),
            boot: boot.to_owned(),
            spool_max_bytes,
            metrics: Arc::clone(&metrics),
            privacy: None,
        };
        let (intake, keeper, press) = open(settings, recovered);
        let (exported, lost) = (Exported::default(), Lost::default());
        let (keeper, press) = (Some(keeper), Some(press));
        Self { intake, keeper, press, metrics, given: 0, second: 0, exported, lost }
    }

    /// A step of the first disk thread.
    pub(crate) fn keep(&mut self) -> Step {
        self.keeper.as_mut().unwrap().step()
    }

    /// A step of the second.
    pub(crate) fn press(&mut self) -> Option<bool> {
        self.press.as_mut().unwrap().step()
    }

    /// Starts both as threads.
    pub(crate) fn threads(&mut self) -> (JoinHandle<Kept>, JoinHandle<Pressed>) {
        let (keeper, press) = (self.keeper.take().unwrap(), self.press.take().unwrap());
        (thread::spawn(|| keeper.run()), thread::spawn(|| press.run()))
    }

    /// Makes rows whose ids nobody else has.
    pub(crate) fn rows(&mut self, first_id: i64, count: i64) {
        for id in first_id..first_id + count {
            let row = flow(id, START_US + self.second * 1_000_000 + id % 1_000);
            self.exported.rows += 1;
            self.exported.sums.packets += row.packets.unsigned_abs();
            self.intake.flows(&Privacy::default().flows(vec![row].into())).unwrap();
        }
        self.given += count;
    }

    /// A device says something.
    pub(crate) fn device(&mut self, at_us: i64) {
        self.intake.device(&Privacy::default().device(device(at_us))).unwrap();
    }

    fn ledger_row(&mut self) -> LedgerRow {
        let new = self.intake.lost();
        self.lost.flows += new.flows;
        let at = START_US * 1_000 + self.second * SECOND_NS;
        let end = IntervalEnd {
            tally: Tally {
                time: Time { from_ns: at, to_ns: at, step_back_ns: 0 },
                ..Tally::default()
            },
            open: Open::default(),
            entries: 0,
            totals: Totals::default(),
            interface: "veth".into(),
            watch: None,
        };
        let mut row = Account::new(SENSOR.into(), 0, "tpacket_v3").close(&end, &self.exported);
        row.rows_lost = Some(self.lost.flows.rows.cast_signed());
        row.rows_lost_packets = Some(self.lost.flows.packets.cast_signed());
        row
    }

    /// Closes an interval of the ledger.
    pub(crate) fn interval(&mut self) {
        let row = self.ledger_row();
        self.intake.ledger(&row).unwrap();
        (self.exported, self.lost) = (Exported::default(), Lost::default());
    }

    /// A second is over.
    pub(crate) fn cut(&mut self, is_rotation: bool) {
        self.second += 1;
        let row = self.ledger_row();
        self.intake.cut(START_US * 1_000 + self.second * SECOND_NS, &[row], is_rotation).unwrap();
    }

    /// Ends as it should.
    pub(crate) fn close(mut self) -> (Kept, Pressed) {
        self.interval();
        self.end()
    }

    /// Ends; the books are closed already.
    pub(crate) fn end(self) -> (Kept, Pressed) {
        self.intake.close(START_US * 1_000 + self.second * SECOND_NS).unwrap();
        let kept = self.keeper.unwrap().run();
        (kept, self.press.unwrap().run())
    }

    /// Does what the threads of a probe do that is given no row.
    pub(crate) fn idle(self) -> (Pressed, Vec<String>) {
        let Self { intake, keeper, press, .. } = self;
        let mut press = press.unwrap();
        while press.step() == Some(true) {}
        let notices = intake.notices();
        drop(intake);
        keeper.unwrap().run();
        (press.run(), notices)
    }
}

/// What a store holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// How often each flow.
    pub(crate) flows: BTreeMap<i64, u64>,
    pub(crate) packets: i64,
    pub(crate) ledger_rows: usize,
    pub(crate) device_rows: usize,
    /// Sums over the ledger.
    pub(crate) exported: i64,
    pub(crate) lost_rows: i64,
    pub(crate) lost_packets: i64,
}

impl Held {
    pub(crate) fn in_store(root: &Path) -> Self {
        let store = Store::open(root).unwrap();
        assert_eq!(verify(&store).unwrap().findings, []);
        let mut held = Self::default();
        for record in store.entries().unwrap().iter().flat_map(|entry| &entry.files) {
            let file = File::open(store.locate(&record.path).unwrap()).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            for batch in reader.map(Result::unwrap) {
                let numbers = |name: &str| {
                    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone()
                };
                let sum = |name: &str| numbers(name).iter().flatten().sum::<i64>();
                if record.table == "flows" {
                    for id in numbers("flow_id").values() {
                        *held.flows.entry(*id).or_default() += 1;
                    }
                    held.packets += sum("packets");
                } else if record.table == "devices" {
                    held.device_rows += batch.num_rows();
                } else {
                    held.ledger_rows += batch.num_rows();
                    held.exported += sum("exported");
                    held.lost_rows += sum("rows_lost");
                    held.lost_packets += sum("rows_lost_packets");
                }
            }
        }
        held
    }

    /// No flow twice, and the ledger agrees with the rows.
    pub(crate) fn assert_closed(&self, what: &str) {
        assert!(self.flows.values().all(|count| *count == 1), "{what}: a flow is there twice");
        assert_eq!(self.exported, self.packets + self.lost_packets, "{what}: the balance");
    }
}

/// Publishes what a dead probe left, as the next start does.
pub(crate) fn recover_all(root: &Path, boot: &str) -> (Held, Option<i64>) {
    let (probe, alive) = Probe::start_after(root, boot, u64::MAX);
    let (pressed, _) = probe.idle();
    assert_eq!((pressed.left, &pressed.error), (0, &None), "{pressed:?}");
    (Held::in_store(root), alive)
}

/// Names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let listing = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> =
        listing.map(|found| found.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A copy of a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
