//! Adds ledger rows up: a probe that runs for months remembers one row for each lane, not one for each interval.

use schemas::ledger::LedgerRow;

/// Adds the second number of each to the first.
macro_rules! add {
    ($total:ident, $row:ident: $($count:ident)* ; $($maybe:ident)*) => {
        $($total.$count += $row.$count;)*
        $($total.$maybe = match ($total.$maybe, $row.$maybe) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
        };)*
    };
}

/// How far a row is from closing: 0.
pub(crate) fn difference(row: &LedgerRow) -> i64 {
    row.balance_error.abs()
        + row.wire_balance_error.abs()
        + row.ip_balance_error.abs()
        + row.kernel_balance_error.unwrap_or(0).abs()
}

/// Takes a later row of the same lane into the sum of those before.
pub(crate) fn absorb(total: &mut LedgerRow, row: &LedgerRow) {
    total.ts_start = total.ts_start.min(row.ts_start);
    total.ts_end = total.ts_end.max(row.ts_end);
    total.open_end = row.open_end;
    total.wire_open_end = row.wire_open_end;
    total.ip_open_end = row.ip_open_end;
    total.flow_table_entries = row.flow_table_entries;
    total.ring_pending = row.ring_pending;
    total.link_up = row.link_up;
    add!(total, row:
        packets_seen exported ignored_link_type ignored_arp ignored_non_ip ignored_truncated
        ignored_malformed ignored_too_deep queue_drops length_exceeds_frame wire_bytes wire_exported
        wire_ignored ip_bytes ip_exported flow_evictions fragments_unmatched dns_evictions
        rows_written coverage_s clock_step_us balance_error wire_balance_error ip_balance_error;
        kernel_packets kernel_drops kernel_freezes xdp_rx_dropped xdp_rx_ring_full
        xdp_fill_ring_empty nic_rx_packets nic_rx_dropped nic_rx_errors filtered wire_filtered
        super_frames ignored_duplicate duplicates tcp_acks tcp_ack_gaps names_refused duplicates_forgotten one_way_rows wrong_lane_flows rows_lost
        rows_lost_packets rows_lost_wire_bytes rows_lost_ip_bytes open_lost wire_open_lost
        ip_open_lost kernel_balance_error
    );
}
