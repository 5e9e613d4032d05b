//! From arguments to the parts of a probe: what to open, how long things last, what is given away.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use schemas::Text;
use schemas::store::Store;

use crate::config::{IngestArgs, LiveArgs, Settings, SourceKind};
use crate::endpoint::Endpoint;
use crate::error::IngestError;
use crate::filter::Filter;
use crate::frame::LinkType;
use crate::guard::{Confined, Confinement};
use crate::live::capture::{Open, Periods};
use crate::metrics::{LaneMetrics, Metrics};
use crate::privacy::Privacy;
use crate::source::live::{Instruction, LiveSettings, LiveSource};
use crate::source::xdp::XdpSource;
use crate::source::{PnetSource, RingSource, SourceError};
use crate::spool::SpoolSettings;

/// Ledger interval, unless rows are published more often.
const INTERVAL_NS: i64 = 60_000_000_000;

/// What opens the source, at first and whenever it was lost.
pub(crate) fn opener(
    live: &LiveArgs,
    lanes: usize,
    filter: Option<&Arc<Filter>>,
) -> Result<Open, IngestError> {
    let interface = live.interface.clone().unwrap_or_default();
    let kernel_filter = match filter {
        Some(filter) if live.kernel_filter => Some(program(&interface, live.source, filter)?),
        _ => None,
    };
    let settings = LiveSettings {
        interface,
        lanes,
        ring_bytes: (live.ring_mb as usize) << 20,
        block_bytes: (live.block_kb as usize) << 10,
        retire: Duration::from_nanos(live.retire.unsigned_abs()),
        fanout_group: live.fanout_group.unwrap_or(0),
        fanout: live.fanout,
        promiscuous: !live.no_promiscuous,
        force: live.force,
        kernel_filter,
    };
    let kind = live.source;
    Ok(Box::new(move || -> Result<Box<dyn LiveSource>, SourceError> {
        Ok(match kind {
            SourceKind::Ring => Box::new(RingSource::open(&settings)?),
            SourceKind::Xdp => Box::new(XdpSource::open(&settings)?),
            SourceKind::Pnet => Box::new(PnetSource::open(&settings)?),
        })
    }))
}

/// The filter for the kernel, which must know what frames begin with.
fn program(
    interface: &str,
    kind: SourceKind,
    filter: &Filter,
) -> Result<Vec<Instruction>, IngestError> {
    if kind != SourceKind::Ring {
        let why = "--kernel-filter works with --source ring only; without it the same words are \
                   looked at here, and what they reject is counted";
        return Err(
            SourceError::Unfit { interface: interface.to_owned(), why: why.to_owned() }.into()
        );
    }
    let found = pnet::datalink::interfaces().into_iter().find(|found| found.name == interface);
    let is_ethernet = found.is_none_or(|found| found.mac.is_some() || found.is_loopback());
    let link = if is_ethernet { LinkType::Ethernet } else { LinkType::RawIp };
    Ok(filter.program(link)?)
}

/// How long things last: an interval of the ledger is never longer than what is published at a time.
pub(crate) fn periods(live: &LiveArgs) -> Periods {
    let interval_ns = INTERVAL_NS.min(live.rotate);
    Periods {
        interval_ns,
        rotate_ns: live.rotate / interval_ns * interval_ns,
        retire_ns: live.retire,
    }
}

/// What the running probe still has to do.
pub(crate) fn confinement<'a>(
    args: &'a IngestArgs,
    endpoint: Option<&Endpoint>,
) -> Confinement<'a> {
    let address = endpoint.map(Endpoint::address).unwrap_or_default();
    let metrics_port = address.parse::<SocketAddr>().ok().map(|at| at.port());
    let socket = if metrics_port.is_none() { Path::new(&address).parent() } else { None };
    Confinement {
        mode: args.live.sandbox,
        store: &args.store,
        extra_write: socket
            .filter(|folder| !folder.as_os_str().is_empty())
            .map(Path::to_owned)
            .into_iter()
            .collect(),
        user: args.live.user.as_deref(),
        source: args.live.source,
        metrics_port,
    }
}

/// Where finished rows wait for their publication.
pub(crate) fn spool(
    args: &IngestArgs,
    store: Store,
    (sensor, boot): (&Text, String),
    metrics: &Arc<Metrics>,
) -> SpoolSettings {
    SpoolSettings {
        store,
        sensor: sensor.clone(),
        boot,
        spool_max_bytes: u64::from(args.live.spool_mb) << 20,
        metrics: Arc::clone(metrics),
        privacy: None,
    }
}

/// The numbers of a probe before its first packet.
pub(crate) fn metrics(args: &IngestArgs, settings: &Settings, backend: &'static str) -> Metrics {
    let lane = |_| {
        let lane = LaneMetrics::default();
        lane.table_capacity.set(i64::try_from(settings.limits.flows_max).unwrap_or(i64::MAX));
        lane
    };
    Metrics {
        sensor: settings.sensor.to_string(),
        interface: args.live.interface.clone().unwrap_or_default(),
        backend,
        lanes: (0..settings.lanes).map(lane).collect(),
        ..Metrics::default()
    }
}

/// Tells the operator that the capture begins, how confined it is, and what it keeps of people.
#[expect(clippy::print_stderr, reason = "this is the operator's line; data goes to the store")]
pub(crate) fn announce(
    settings: &Settings,
    args: &IngestArgs,
    source: (&str, &Confined, &Privacy),
) {
    let (backend, confined, privacy) = source;
    let interface = args.live.interface.as_deref().unwrap_or_default();
    let lanes = settings.lanes;
    eprintln!(
        "outflow: capturing on {interface} ({backend}, {lanes} lane{}) into {}; end with Ctrl-C",
        if lanes == 1 { "" } else { "s" },
        args.store.display()
    );
    eprintln!("outflow: {confined}; {privacy}");
}

/// Tells the operator what the spool has to say.
#[expect(clippy::print_stderr, reason = "this is the operator's line; data goes to the store")]
pub(crate) fn tell(notices: &[String]) {
    for notice in notices {
        eprintln!("outflow: {notice}");
    }
}
