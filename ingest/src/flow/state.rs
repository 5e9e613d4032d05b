//! What a connection went through: who began it, how it ended, and Zeek's word for that.

use crate::observation::tcp;

/// Which end of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// [`crate::flow::FlowKey::low`].
    Low,
    /// [`crate::flow::FlowKey::high`].
    High,
}

impl End {
    /// The end that sent a packet.
    pub const fn sender(forward: bool) -> Self {
        if forward { Self::Low } else { Self::High }
    }

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }

    const fn shift(self) -> u32 {
        match self {
            Self::Low => 0,
            Self::High => 8,
        }
    }
}

/// What shows who began a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Only one end sent a SYN.
    Syn,
    /// Only one end sent a SYN-ACK.
    SynAck,
    /// Only one port is a service's.
    Port,
    /// Nothing better.
    FirstSeen,
}

impl Evidence {
    /// Word of the column `initiator_evidence`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::SynAck => "syn_ack",
            Self::Port => "port",
            Self::FirstSeen => "first_seen",
        }
    }
}

/// Who began a flow, and how that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Initiator {
    /// The end that is `src`.
    pub end: End,
    /// What shows it.
    pub evidence: Evidence,
}

const ACTIVE: u16 = 1;
const SYN: u16 = 2;
const SYN_ACK: u16 = 4;
const FIN: u16 = 8;
const RST: u16 = 16;
/// The higher end sent the first packet.
const HIGH_FIRST: u16 = 1 << 15;

/// Events of a flow, a few bits for each end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    bits: u16,
}

impl State {
    /// Before the first packet, which comes from `first`.
    pub const fn new(first: End) -> Self {
        Self {
            bits: match first {
                End::Low => 0,
                End::High => HIGH_FIRST,
            },
        }
    }

    /// Who sent the first packet.
    pub const fn first(self) -> End {
        End::sender(self.bits & HIGH_FIRST == 0)
    }

    const fn has(self, end: End, event: u16) -> bool {
        self.bits & (event << end.shift()) != 0
    }

    /// Takes note of a packet.
    pub const fn observe(&mut self, from: End, flags: u8) {
        let mut events = ACTIVE;
        // A reset after both ends have finished adds nothing, nor does a second one.
        if flags & tcp::RST != 0 && !self.is_closed() {
            events |= RST;
        }
        if flags & tcp::SYN != 0 {
            events |= if flags & tcp::ACK == 0 { SYN } else { SYN_ACK };
        }
        if flags & tcp::FIN != 0 {
            events |= FIN;
        }
        self.bits |= events << from.shift();
    }

    /// Both ends finished, or one reset.
    pub const fn is_closed(self) -> bool {
        let reset = self.has(End::Low, RST) || self.has(End::High, RST);
        reset || self.has(End::Low, FIN) && self.has(End::High, FIN)
    }

    /// Only one end has spoken.
    pub const fn is_one_sided(self) -> bool {
        !(self.has(End::Low, ACTIVE) && self.has(End::High, ACTIVE))
    }

    /// By SYN, else SYN-ACK, else ports, else who was seen first.
    pub fn initiator(self, low_port: u16, high_port: u16) -> Initiator {
        let by_flag =
            |event, evidence| match (self.has(End::Low, event), self.has(End::High, event)) {
                (true, false) => Some(Initiator { end: End::Low, evidence }),
                (false, true) => Some(Initiator { end: End::High, evidence }),
                _ => None,
            };
        if let Some(found) = by_flag(SYN, Evidence::Syn) {
            return found;
        }
        if let Some(found) = by_flag(SYN_ACK, Evidence::SynAck) {
            return Initiator { end: found.end.other(), evidence: found.evidence };
        }
        match (is_service_port(low_port), is_service_port(high_port)) {
            (true, false) => Initiator { end: End::High, evidence: Evidence::Port },
            (false, true) => Initiator { end: End::Low, evidence: Evidence::Port },
            _ => Initiator { end: self.first(), evidence: Evidence::FirstSeen },
        }
    }

    /// `conn_state` of a TCP connection, as Zeek words it.
    pub const fn tcp_word(self, src: End) -> &'static str {
        let dst = src.other();
        let opened = self.has(src, SYN);
        let answered = self.has(dst, SYN_ACK);
        if self.has(dst, RST) {
            return match (opened, answered) {
                (true, false) => "REJ",
                (false, true) => "RSTRH",
                _ => "RSTR",
            };
        }
        if self.has(src, RST) {
            return if opened && !answered { "RSTOS0" } else { "RSTO" };
        }
        match (self.has(src, FIN), self.has(dst, FIN)) {
            (true, true) => "SF",
            (true, false) if self.has(dst, ACTIVE) => "S2",
            (true, false) => "SH",
            (false, true) if self.has(src, ACTIVE) => "S3",
            (false, true) => "SHR",
            (false, false) if opened && answered => "S1",
            (false, false) if opened && !self.has(dst, ACTIVE) => "S0",
            (false, false) => "OTH",
        }
    }

    /// `conn_state` of UDP, as Zeek words it.
    pub const fn udp_word(self, src: End) -> &'static str {
        match (self.has(src, ACTIVE), self.has(src.other(), ACTIVE)) {
            (true, true) => "SF",
            (true, false) => "S0",
            (false, true) => "SHR",
            (false, false) => "OTH",
        }
    }
}

/// Ports on which services listen: those below the ephemeral range (RFC 6335 section 6), when the other end's is within it.
const fn is_service_port(port: u16) -> bool {
    port != 0
        && (port < 1024
            || matches!(
                port,
                1080 | 1194
                    | 1433
                    | 1521
                    | 1723
                    | 1863
                    | 1883
                    | 1935
                    | 2049
                    | 3128
                    | 3306
                    | 3389
                    | 3478
                    | 4500
                    | 5060
                    | 5061
                    | 5222
                    | 5223
                    | 5228
                    | 5353
                    | 5432
                    | 5672
                    | 5900
                    | 6379
                    | 6443
                    | 6881
                    | 8000
                    | 8080
                    | 8443
                    | 8883
                    | 8888
                    | 9200
                    | 11211
                    | 27017
            ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `>` and `<` are low and high as senders; the letters are flags.
    fn play(script: &str) -> State {
        let mut state = State::new(if script.starts_with('>') { End::Low } else { End::High });
        for packet in script.split_whitespace() {
            let flags = packet.chars().skip(1).fold(0, |flags, letter| {
                flags
                    | match letter {
                        'S' => tcp::SYN,
                        'A' => tcp::ACK,
                        'F' => tcp::FIN,
                        'R' => tcp::RST,
                        other => panic!("{other}"),
                    }
            });
            state.observe(End::sender(packet.starts_with('>')), flags);
        }
        state
    }

    #[test]
    fn connections_end_in_zeeks_words() {
        let cases = [
            (">S", "S0"),
            (">S <SA >A", "S1"),
            (">S <SA >A >FA <FA >A", "SF"),
            (">S <SA >A >FA <FA >RA", "SF"),
            (">S <RA", "REJ"),
            (">S <SA >A <RA", "RSTR"),
            (">S <SA >A >RA", "RSTO"),
            (">S >R", "RSTOS0"),
            (">S <SA >A >FA <A", "S2"),
            (">S <SA >A <FA >A", "S3"),
            (">S >FA", "SH"),
            (">A <A", "OTH"),
        ];
        for (script, word) in cases {
            assert_eq!(play(script).tcp_word(End::Low), word, "{script}");
        }
        assert_eq!(play("<SA <FA").tcp_word(End::Low), "SHR");
        assert_eq!(play("<SA <RA").tcp_word(End::Low), "RSTRH");
    }

    #[test]
    fn the_initiator_is_found_by_the_strongest_evidence() {
        let cases = [
            ("<A >S", 80, 50_000, End::Low, "syn"),
            ("<SA", 50_000, 80, End::Low, "syn_ack"),
            ("<A >A", 50_000, 443, End::Low, "port"),
            ("<A >A", 53, 50_000, End::High, "port"),
            ("<A >A", 53, 53, End::High, "first_seen"),
            (">A <A", 40_000, 50_000, End::Low, "first_seen"),
        ];
        for (script, low, high, end, evidence) in cases {
            let found = play(script).initiator(low, high);
            assert_eq!(
                (found.end, found.evidence.word()),
                (end, evidence),
                "{script} {low} {high}"
            );
        }
    }
}
