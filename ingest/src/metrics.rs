//! What a running probe tells of itself: counters that its threads raise and others read, once a block and never once a packet.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use schemas::reject::Reject;

/// Counters with their names and what they count, said once.
macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $(#[doc = $help:literal] $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name {
            $(#[doc = $help] pub $field: Counter,)*
        }

        impl $name {
            /// Name of each counter and what it counts, in their order.
            pub const NAMED: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), $help),)*];

            /// The numbers, in the same order.
            pub fn values(&self) -> Vec<u64> {
                vec![$(self.$field.get(),)*]
            }
        }
    };
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Grows.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
    /// Takes over a total that was counted elsewhere.
    pub fn set(&self, total: u64) {
        self.0.store(total, Ordering::Relaxed);
    }
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }
    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

counters! {
    /// Of one lane, since the probe began.
    LaneCounters {
        /// Frames handed over by the source.
        packets_seen,
        /// Their octets.
        wire_bytes,
        /// IP-layer octets of the packets of flows.
        ip_bytes,
        /// Frames a filter rejected.
        filtered,
        /// Frames longer than the interface can carry.
        super_frames,
        /// Packets the kernel counted, dropped ones included.
        kernel_packets,
        /// Packets the kernel dropped.
        kernel_drops,
        /// Times the kernel found the ring full.
        kernel_freezes,
        /// Rows of `flows` made.
        rows_exported,
        /// Flows exported early because the table was full.
        flow_evictions,
        /// Acknowledgements that could be checked.
        tcp_acks,
        /// Acknowledgements of data never seen.
        tcp_ack_gaps,
    }
}

/// One lane.
#[derive(Debug, Default)]
pub struct LaneMetrics {
    /// Its counters.
    pub counters: LaneCounters,
    /// Frames that are no packet of a flow, by reason.
    pub ignored: [Counter; Reject::ALL.len()],
    /// Flows in its table.
    pub table_entries: Gauge,
    /// Flows its table can hold.
    pub table_capacity: Gauge,
    /// Blocks that wait before it.
    pub blocks_waiting: Gauge,
    /// Counted by the kernel, not yet handed over.
    pub ring_pending: Gauge,
}

counters! {
    /// Of the disk, since the probe began.
    DiskCounters {
        /// Rows in published files.
        rows_published,
        /// Files published.
        files_published,
        /// Finished rows dropped because the disk did not take them.
        rows_lost,
        /// Packets of those.
        rows_lost_packets,
        /// Times a write failed.
        write_errors,
    }
}

/// All numbers of a running probe.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Name of the sensor.
    pub sensor: String,
    /// Interface.
    pub interface: String,
    /// Kind of source.
    pub backend: &'static str,
    /// One for each lane.
    pub lanes: Vec<LaneMetrics>,
    /// The disk.
    pub disk: DiskCounters,
    /// Octets in the spool.
    pub spool_bytes: Gauge,
    /// Octets free where the store is.
    pub disk_free_bytes: Gauge,
    /// 1 while the link is up.
    pub link_up: Gauge,
    /// Packets the interface counted.
    pub nic_rx_packets: Counter,
    /// Packets the interface dropped.
    pub nic_rx_dropped: Counter,
    /// Time of the last packet, ns since 1970 UTC.
    pub last_packet_ns: Gauge,
    /// Sum of all balance errors of the ledger so far: 0.
    pub balance_error: Gauge,
    /// Ledger rows of kind gap.
    pub gaps: Counter,
    /// Beats of the capture thread, several a second: whether it is alive, packets or not.
    pub ticks: Counter,
}
