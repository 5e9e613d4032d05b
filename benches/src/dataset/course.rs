//! How a made connection goes: its state, why its record was made, its packets and octets.

use schemas::flow::FlowRow;

use crate::dataset::random::Random;
use crate::dataset::service::{Chosen, TCP};

/// After this a flow is told in parts.
pub const ACTIVE_US: i64 = 60_000_000;
/// After this silence a flow is over.
pub const IDLE_US: i64 = 30_000_000;
/// Octets of payload that a packet holds.
const SEGMENT: i64 = 1_360;
/// Flags that the packets of a connection have together.
const FIN: i32 = 0x01;
const SYN: i32 = 0x02;
const RST: i32 = 0x04;
const DATA: i32 = 0x18;

/// How a connection went.
#[derive(Debug, Clone, Copy)]
pub struct Course {
    /// As the column has it.
    pub state: &'static str,
    /// As the column has it.
    pub reason: &'static str,
    /// Of both sides, where there are any.
    pub flags: [i32; 2],
    /// Whether there was more than a question.
    pub is_answered: bool,
}

/// Draws one for a flow of that length.
pub fn course(chosen: Chosen<'_>, whole_us: i64, random: &mut Random) -> Course {
    let is_tcp = chosen.service().ip_proto == TCP;
    let (state, reason, flags, is_answered) = match random.below(1_000) {
        _ if whole_us > ACTIVE_US && is_tcp => ("S1", "active", [SYN | DATA; 2], true),
        _ if whole_us > ACTIVE_US => ("SF", "active", [0; 2], true),
        0..15 => ("S0", "idle", [SYN, 0], false),
        15..150 if is_tcp => ("S1", "idle", [SYN | DATA; 2], true),
        150..180 if is_tcp => ("RSTO", "end", [SYN | DATA | RST, SYN | DATA], true),
        180..200 if is_tcp => ("RSTR", "end", [SYN | DATA, SYN | DATA | RST], true),
        _ if is_tcp => ("SF", "end", [FIN | SYN | DATA; 2], true),
        _ => ("SF", "idle", [0; 2], true),
    };
    Course { state, reason, flags, is_answered }
}

/// Gives a row the packets that carry so much payload; without an answer no more than a question.
pub fn weigh(row: &mut FlowRow, up: i64, down: Option<i64>) {
    let is_tcp = row.ip_proto == TCP;
    // Opening, closing and acknowledging take packets, too.
    let extra = if is_tcp { 3 } else { 0 };
    let header = if row.ip_version == 6 { 40 } else { 20 } + if is_tcp { 32 } else { 8 };
    let needed = |payload: i64| (payload + SEGMENT - 1) / SEGMENT;
    let answer = down.unwrap_or_default();
    let acknowledged = |other: i64| if is_tcp { needed(other) / 2 } else { 0 };
    row.src_packets =
        needed(up).max(1) + if down.is_some() { extra + acknowledged(answer) } else { 0 };
    row.dst_packets =
        if down.is_some() { needed(answer).max(1) + extra + acknowledged(up) } else { 0 };
    (row.src_payload_bytes, row.dst_payload_bytes) = (up, answer);
    row.src_bytes = up + row.src_packets * header;
    row.dst_bytes = answer + row.dst_packets * header;
    row.packets = row.src_packets + row.dst_packets;
    row.bytes = row.src_bytes + row.dst_bytes;
    row.wire_bytes = row.bytes + 14 * row.packets;
}
