//! The table `ledger`: the closed balance of packets and bytes.
//!
//! For every row `open_start + packets_seen = exported + Σ ignored_* + filtered + queue_drops + open_lost + open_end`, and the same for the octets of
//! frames (`wire_*`) and of IP (`ip_*`). The terms are counted in different places: seen by the reader of the source, ignored by the decoder, exported by
//! the writer of the rows, open by adding up the flow table; so a difference shows a fault and is not zero by definition. On an interface the kernel's
//! count is a second equation: `ring_pending (before) + kernel_packets = kernel_drops + packets_seen + ring_pending (after)`. Over all rows of a run,
//! `Σ exported = Σ flows.packets + Σ rows_lost_packets`.

use crate::column::table;
use crate::kinds::{Micros, Text};

table! {"ledger": LedgerRow, LedgerBatch, "ts_end",
    "One row for each interval, interface and lane: where every packet and octet went." {
    ts_start: Micros, "UTC", "", "Begin of the interval: first packet in it.";
    ts_end: Micros, "UTC", "", "End of the interval: last packet in it.";
    sensor_id: Text, "", "", "Name of the sensor.";
    interface: Text, "", "", "Interface or capture file.";
    queue: i32, "", "", "Lane.";
    backend: &'static str, "file, stream, tpacket_v3, af_xdp, pnet", "", "Kind of source.";
    kind: &'static str, "interval, gap, event", "", "What the row is.";
    packets_seen: i64, "packets", "", "Frames the source handed over.";
    open_start: i64, "packets", "", "Packets in flows not yet exported when the interval began.";
    open_end: i64, "packets", "", "Packets in flows not yet exported when it ended.";
    exported: i64, "packets", "", "Packets in rows of `flows` made in this interval.";
    ignored_link_type: i64, "packets", "", "Frames of a link type not known here.";
    ignored_arp: i64, "packets", "", "ARP and RARP.";
    ignored_non_ip: i64, "packets", "", "Other frames without IP.";
    ignored_truncated: i64, "packets", "", "Frames captured too short to hold the addresses.";
    ignored_malformed: i64, "packets", "IPFIX 164 ignoredPacketTotalCount", "Frames whose headers contradict themselves.";
    ignored_too_deep: i64, "packets", "", "Frames with more headers than are walked.";
    ignored_duplicate: Option<i64>, "packets", "", "Packets seen a moment before already, left out because --dedup asks for it.";
    duplicates: Option<i64>, "packets", "", "Packets seen a moment before already, counted whether left out or not: the mark of a mirror with two sides.";
    kernel_packets: Option<i64>, "packets", "Suricata kernel_packets", "Packets the kernel counted, dropped ones included; null for files.";
    kernel_drops: Option<i64>, "packets", "Suricata kernel_drops", "Packets the kernel dropped; null for files.";
    ring_pending: Option<i64>, "packets", "", "Counted by the kernel, not yet walked; null for files.";
    kernel_freezes: Option<i64>, "", "", "Times the kernel found the ring full; null where there is none.";
    xdp_rx_dropped: Option<i64>, "packets", "", "Frames AF_XDP dropped for other reasons than a full ring; null for other sources.";
    xdp_rx_ring_full: Option<i64>, "packets", "", "Frames AF_XDP dropped because its receive ring was full.";
    xdp_fill_ring_empty: Option<i64>, "", "", "Times AF_XDP found no free frame to fill.";
    nic_rx_packets: Option<i64>, "packets", "", "Packets the interface itself counted, on the row of lane 0.";
    nic_rx_dropped: Option<i64>, "packets", "", "Packets the interface itself dropped, on the row of lane 0.";
    nic_rx_errors: Option<i64>, "packets", "", "Packets the interface itself found faulty, on the row of lane 0.";
    queue_drops: i64, "packets", "IPFIX 135 droppedPacketTotalCount", "Packets dropped because a lane was full; files wait instead.";
    filtered: Option<i64>, "packets", "", "Packets a filter rejected; null where the kernel filters.";
    wire_filtered: Option<i64>, "octets", "", "Original length of the frames a filter rejected; null where the kernel filters.";
    super_frames: Option<i64>, "packets", "", "Frames longer than the interface can carry: the kernel merged segments (GRO, LRO), so packets are too few; null for files.";
    tcp_acks: Option<i64>, "packets", "Zeek capture_loss.acks", "TCP acknowledgements that could be checked against the data seen.";
    tcp_ack_gaps: Option<i64>, "packets", "Zeek capture_loss.gaps", "Of these, acknowledgements of data never seen: an estimate of loss before this probe.";
    length_exceeds_frame: i64, "packets", "", "Packets whose IP header claims more than the frame held; counted as written.";
    wire_bytes: i64, "octets", "", "Original length of the frames seen.";
    wire_open_start: i64, "octets", "", "Of these, in open flows when the interval began.";
    wire_open_end: i64, "octets", "", "Of these, in open flows when it ended.";
    wire_exported: i64, "octets", "", "Of these, in rows made in this interval.";
    wire_ignored: i64, "octets", "", "Of these, in frames that were ignored.";
    ip_bytes: i64, "octets", "", "IP-layer octets of the packets seen.";
    ip_open_start: i64, "octets", "", "Of these, in open flows when the interval began.";
    ip_open_end: i64, "octets", "", "Of these, in open flows when it ended.";
    ip_exported: i64, "octets", "", "Of these, in rows made in this interval.";
    flow_table_entries: i64, "flows", "", "Flows in the table when the interval ended.";
    flow_evictions: i64, "flows", "IPFIX 166 notSentFlowTotalCount (here: sent)", "Flows exported early because the table was full.";
    fragments_unmatched: i64, "packets", "", "Later fragments counted under ports unknown, their first not seen in time.";
    dns_evictions: i64, "entries", "", "DNS questions, and pieces of messages, forgotten early because they were too many or too long.";
    names_refused: Option<i64>, "entries", "", "Names on the wire not kept because those kept had reached their limit.";
    duplicates_forgotten: Option<i64>, "packets", "", "Packets forgotten within 10 ms because too many came at a time: copies of them were not found, so that duplicates is a lower bound.";
    rows_written: i64, "rows", "", "Rows of `flows` made in this interval.";
    one_way_rows: Option<i64>, "rows", "", "Of these, with packets in one direction only.";
    wrong_lane_flows: Option<i64>, "flows", "", "Flows whose two directions came to different lanes, each exported one-way.";
    rows_lost: Option<i64>, "rows", "IPFIX 166 notSentFlowTotalCount", "Finished rows of `flows` dropped in this interval because the disk did not take them.";
    rows_lost_packets: Option<i64>, "packets", "IPFIX 167 notSentPacketTotalCount", "Packets of those rows; counted as exported before.";
    rows_lost_wire_bytes: Option<i64>, "octets", "", "Octets of frames of those rows.";
    rows_lost_ip_bytes: Option<i64>, "octets", "IPFIX 168 notSentOctetTotalCount", "IP octets of those rows.";
    open_lost: Option<i64>, "packets", "", "Packets of flows that were open when the probe was killed.";
    wire_open_lost: Option<i64>, "octets", "", "Octets of frames of those flows.";
    ip_open_lost: Option<i64>, "octets", "", "IP octets of those flows.";
    coverage_s: i64, "s", "", "Seconds of the interval in which the source was observed.";
    link_up: Option<bool>, "", "", "State of the link; null for files.";
    clock_step_us: i64, "µs", "", "Largest step back of packet time within the interval.";
    kernel_balance_error: Option<i64>, "packets", "", "Packets the kernel counted less those that went somewhere; must be 0; null for files.";
    timestamp_source: Option<&'static str>, "ring, software, hardware, user", "", "Who stamped the packets' time; null for files.";
    balance_error: i64, "packets", "", "Packets in less packets out; must be 0.";
    wire_balance_error: i64, "octets", "", "Octets of frames in less out; must be 0.";
    ip_balance_error: i64, "octets", "", "IP octets in less out; must be 0.";
    detail: Option<Text>, "", "", "What happened, for gap and event.";
}}
