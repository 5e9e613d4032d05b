//! What lanes hand to the writer, and the desk on which a lane collects it.

use schemas::devices::DeviceRow;
use schemas::dns::DnsRow;
use schemas::flow::FlowRow;

use crate::flow::{Entry, Export, Reason};
use crate::handshakes::{Handshakes, Whose};
use crate::hint::Resolved;
use crate::ledger::IntervalEnd;
use crate::listening::Stream;
use crate::record::RowStyle;
use crate::rows::{Rooms, Rows};
use crate::watch::Note;

/// Rows handed over at a time.
const ROWS_MAX: usize = 256;

/// What a lane hands to the writer.
#[derive(Debug, Default)]
pub struct Delivery {
    /// The lane.
    pub lane: usize,
    /// The block after which it was made.
    pub sequence: u64,
    /// Everything that block said about names is in this or an earlier delivery.
    pub complete: bool,
    /// Finished records.
    pub rows: Rows<FlowRow>,
    /// Finished DNS dialogues.
    pub dns: Rows<DnsRow>,
    /// What devices said of themselves, news or not.
    pub devices: Vec<DeviceRow>,
    /// What clients were told.
    pub resolved: Rows<Resolved>,
    /// Clock of the packets.
    pub clock: i64,
    /// An interval that ended; its rows are in this and earlier deliveries.
    pub interval: Option<IntervalEnd>,
    /// The interval so far, now and then: what is known of it if the probe dies.
    pub beat: Option<Box<IntervalEnd>>,
    /// What the capture thread has to say; waits for no lane.
    pub note: Option<Note>,
}

/// Where deliveries go; `false` when nobody takes them any more.
pub trait Outbox {
    /// Hands one over.
    fn send(&mut self, delivery: Delivery) -> bool;
}

/// Where what a delivery carries lies.
struct Shelves {
    flows: Rooms<FlowRow>,
    dns: Rooms<DnsRow>,
    resolved: Rooms<Resolved>,
}

impl Shelves {
    fn new() -> Self {
        let (flows, dns) = (Rooms::new(ROWS_MAX), Rooms::new(ROWS_MAX));
        Self { flows, dns, resolved: Rooms::new(ROWS_MAX) }
    }

    /// A delivery with nothing in it.
    fn blank(&self) -> Delivery {
        Delivery {
            rows: self.flows.empty(),
            dns: self.dns.empty(),
            resolved: self.resolved.empty(),
            ..Delivery::default()
        }
    }
}

/// Collects rows until there are enough to hand over.
pub(crate) struct Desk<O> {
    outbox: O,
    shelves: Shelves,
    /// Whether deliveries are still taken.
    pub(crate) open: bool,
    /// The next delivery.
    pub(crate) draft: Delivery,
    /// What open flows have begun to say.
    pub(crate) handshakes: Handshakes<Stream>,
    style: RowStyle,
}

impl<O: Outbox> Export for Desk<O> {
    fn export(&mut self, entry: &mut Entry<'_>, reason: Reason) {
        if reason != Reason::Active {
            for end in entry.heard().held() {
                self.handshakes.forget(&Whose::of(entry, end));
            }
        }
        self.draft.rows.push(self.style.row(entry, reason));
        if self.draft.rows.len() >= ROWS_MAX {
            self.send(false);
        }
    }
}

impl<O: Outbox> Desk<O> {
    /// An empty desk of a lane.
    pub(crate) fn new(lane: u8, style: RowStyle, outbox: O) -> Self {
        let shelves = Shelves::new();
        let draft = Delivery { lane: usize::from(lane), ..shelves.blank() };
        Self {
            outbox,
            shelves,
            open: true,
            draft,
            handshakes: Handshakes::new(Stream::octets),
            style,
        }
    }

    /// Hands over what was heard of look-ups, once that is much.
    pub(crate) fn send_lookups(&mut self) {
        if self.draft.dns.len() >= ROWS_MAX {
            self.send(false);
        }
    }

    /// Hands over what there is; `complete` when all is said up to here.
    pub(crate) fn send(&mut self, complete: bool) {
        let next = Delivery {
            lane: self.draft.lane,
            sequence: self.draft.sequence,
            clock: self.draft.clock,
            ..self.shelves.blank()
        };
        let mut delivery = std::mem::replace(&mut self.draft, next);
        delivery.complete = complete;
        delivery.rows = delivery.rows.fitted();
        delivery.dns = delivery.dns.fitted();
        delivery.resolved = delivery.resolved.fitted();
        self.open &= self.outbox.send(delivery);
    }
}
