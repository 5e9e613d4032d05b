//! A small store made through the publish protocol, and a session over it.

use std::net::IpAddr;
use std::sync::Arc;

use analyze::catalog::Catalog;
use analyze::session::{Limits, Session};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use schemas::dns::{self, DnsBatch, DnsRow};
use schemas::flow::{self, FlowBatch, FlowRow};
use schemas::ledger::{self, LedgerBatch, LedgerRow};
use schemas::store::{Hour, Publisher, Store};
use schemas::{Column, Mac, Micros, Table};
use tempfile::TempDir;

/// 2014-09-23 14:00 UTC.
pub(crate) const BEGIN: i64 = 1_411_480_800_000_000;
/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A flow from an inside client at `at` µs; change what matters.
pub(crate) fn flow(at: i64, dst_ip: &str) -> FlowRow {
    let dst_ip = ip(dst_ip);
    FlowRow {
        flow_start: Micros(at),
        flow_end: Micros(at + 1_000),
        flow_first_seen: Micros(at),
        flow_part: 0,
        duration_us: 1_000,
        flow_id: at,
        sensor_id: "tap".into(),
        interface: None,
        ip_version: if dst_ip.is_ipv4() { 4 } else { 6 },
        ip_proto: 6,
        proto: "tcp",
        src_ip: ip("10.0.0.7"),
        dst_ip,
        src_port: Some(40_000),
        dst_port: Some(443),
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
        src_mac: Some(Mac([0x64, 0x09, 0x80, 0x1d, 0x52, 0x0a])),
        dst_mac: None,
        src_packets: 10,
        dst_packets: 20,
        src_bytes: 1_000,
        dst_bytes: 2_000,
        src_payload_bytes: 480,
        dst_payload_bytes: 960,
        packets: 30,
        bytes: 3_000,
        wire_bytes: 3_420,
        src_tcp_flags: None,
        dst_tcp_flags: None,
        conn_state: "SF",
        initiator_evidence: "syn",
        flow_end_reason: "end",
        service: Some("tls"),
        server_name: None,
        server_name_source: None,
        server_names: vec![],
        dns_names: vec![],
        dns_names_at: None,
        alpn: None,
        tls_version: None,
        tls_ja4: None,
        ech_offered: None,
        http_user_agent: None,
        site: None,
        direction: "outbound",
        dscp: None,
        fragments: 0,
        missed_bytes: None,
        sampling_rate: 1,
    }
}

/// The same flow with a TLS name.
pub(crate) fn named(mut row: FlowRow, name: &str) -> FlowRow {
    row.server_name = Some(name.into());
    row.server_name_source = Some("tls_sni");
    row
}

/// A store under construction, gone when dropped.
pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    runs: usize,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), runs: 0 }
    }

    pub(crate) fn store(&self) -> Store {
        Store::open_or_create(self.dir.path()).unwrap()
    }

    /// Publishes flows, one file.
    pub(crate) fn publish(&mut self, rows: &[FlowRow]) -> String {
        self.runs += 1;
        let mut publisher =
            Publisher::begin(&self.store(), "tap", &format!("run{}", self.runs)).unwrap();
        let mut batch = FlowBatch::default();
        for row in rows {
            batch.append(row);
        }
        let ends = rows.iter().map(|row| row.flow_end.0);
        let (first, last) = (ends.clone().min().unwrap(), ends.max().unwrap());
        let mut file = publisher.stage(&flow::TABLE, Hour::of_micros(first)).unwrap();
        file.append(&batch.finish().unwrap(), (first, last)).unwrap();
        publisher.seal(file).unwrap();
        publisher.commit(vec![], false).unwrap().files[0].path.clone()
    }

    /// Publishes one DNS question.
    pub(crate) fn publish_dns(&mut self, query: &str) {
        self.publish_answer(BEGIN, query, "192.0.2.1");
    }

    /// Publishes an HTTPS record that offers to encrypt the client hello.
    pub(crate) fn publish_offer(&mut self, at: i64, query: &str) {
        let answered = Self::answer(at, query, "svcb.example");
        self.publish_row(&DnsRow {
            query_type: "HTTPS".into(),
            answer_ech: Some(true),
            ..answered
        });
    }

    /// Publishes an answer that somebody else was given, good for a minute.
    pub(crate) fn publish_answer(&mut self, at: i64, query: &str, address: &str) {
        self.publish_row(&Self::answer(at, query, address));
    }

    fn answer(at: i64, query: &str, address: &str) -> DnsRow {
        DnsRow {
            ts: Micros(at),
            client_ip: ip("10.0.0.7"),
            resolver_ip: ip("8.8.8.8"),
            query: query.into(),
            query_type: "A".into(),
            rcode: Some(0),
            answers: vec!["edge.example".into(), address.into()],
            answer_ttls: vec![3_600, 60],
            answer_ech: None,
            rtt_us: Some(900),
            sensor_id: "tap".into(),
            flow_id: 1,
        }
    }

    fn publish_row(&mut self, row: &DnsRow) {
        self.runs += 1;
        let mut publisher =
            Publisher::begin(&self.store(), "tap", &format!("run{}", self.runs)).unwrap();
        let mut batch = DnsBatch::default();
        batch.append(row);
        let at = row.ts.0;
        let mut file = publisher.stage(&dns::TABLE, Hour::of_micros(at)).unwrap();
        file.append(&batch.finish().unwrap(), (at, at)).unwrap();
        publisher.seal(file).unwrap();
        publisher.commit(vec![], false).unwrap();
    }

    /// Publishes rows of the ledger, one file with those columns that `is_kept` wants.
    pub(crate) fn publish_ledger(&mut self, rows: &[LedgerRow], is_kept: fn(&Column) -> bool) {
        self.runs += 1;
        let mut publisher =
            Publisher::begin(&self.store(), "tap", &format!("run{}", self.runs)).unwrap();
        let mut batch = LedgerBatch::default();
        for row in rows {
            batch.append(row);
        }
        let whole = batch.finish().unwrap();
        let columns: Vec<Column> =
            ledger::TABLE.columns.iter().filter(|column| is_kept(column)).copied().collect();
        let places: Vec<usize> =
            columns.iter().map(|column| whole.schema().index_of(column.name).unwrap()).collect();
        let table = Table { columns: Box::leak(columns.into_boxed_slice()), ..ledger::TABLE };
        let ends = rows.iter().map(|row| row.ts_end.0);
        let (first, last) = (ends.clone().min().unwrap(), ends.max().unwrap());
        let mut file = publisher.stage(&table, Hour::of_micros(first)).unwrap();
        file.append(&whole.project(&places).unwrap(), (first, last)).unwrap();
        publisher.seal(file).unwrap();
        publisher.commit(vec![], false).unwrap();
    }

    pub(crate) async fn session(&self) -> Session {
        self.session_within(&Limits { partitions: 2, ..Limits::default() }).await
    }

    pub(crate) async fn session_within(&self, limits: &Limits) -> Session {
        Session::open(&self.store(), catalog(), limits).await.unwrap()
    }
}

pub(crate) fn catalog() -> Arc<Catalog> {
    static CATALOG: std::sync::OnceLock<Arc<Catalog>> = std::sync::OnceLock::new();
    Arc::clone(CATALOG.get_or_init(|| Arc::new(Catalog::shipped().unwrap())))
}

/// Rows as text, cells parted by `|`, null as `-`.
pub(crate) fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("-");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<_> =
                columns.iter().map(|column| column.value(row).to_string()).collect();
            lines.push(cells.join("|"));
        }
    }
    lines
}

/// Asks and gives the rows as text, or the error.
pub(crate) async fn ask(session: &Session, sql: &str) -> Result<Vec<String>, String> {
    session.collect(sql).await.map(|batches| lines(&batches)).map_err(|error| error.to_string())
}
