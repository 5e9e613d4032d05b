//! Listening to the two streams of a TCP connection, for as long as they may still name something.
//!
//! Names, or where DNS speaks, its messages. A message that lies in one segment is read where it lies. Of one that does not, the pieces are held until it is
//! whole; what can be read of it is learned at once, so that a message that never ends has said what it said.

use crate::flow::{End, Entry, NameRoom, Place};
use crate::handshakes::{Handshakes, Whose};
use crate::hint::{ClientHello, DnsMessage, Hint};
use crate::names::dns::{Framed, framed};
use crate::names::pieces::{MESSAGE_MAX, Pieces};
use crate::names::{self, Read};

/// The largest distance believed, the largest window there is (RFC 7323 section 2.3).
const DISTANCE_MAX: usize = 1 << 30;

/// A payload and its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// What was captured of it.
    pub(crate) payload: &'a [u8],
    /// Whether that is all.
    pub(crate) is_whole: bool,
    /// Number of its first octet, where it is known.
    pub(crate) number: Option<u32>,
    /// Who sent it.
    pub(crate) from: End,
    /// Clock of the packets.
    pub(crate) clock: i64,
}

/// A message in pieces.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Number of its first octet.
    begin: u32,
    pieces: Pieces,
}

impl Stream {
    /// Octets of memory that hang on it.
    pub(crate) fn octets(&self) -> usize {
        self.pieces.octets()
    }
}

/// Who listens: a flow, and what it may take.
pub(crate) struct Ear<'a> {
    /// The flow.
    pub(crate) entry: Entry<'a>,
    /// Room for its names.
    pub(crate) room: &'a mut NameRoom,
    /// Messages in pieces.
    pub(crate) handshakes: &'a mut Handshakes<Stream>,
    /// What is said, where it is DNS.
    pub(crate) dns: Option<&'a mut Vec<DnsMessage>>,
}

/// What is to follow after octets were read.
enum Next {
    /// No message, or none that could be read.
    Unknown,
    /// Too few octets to tell.
    Short,
    /// So many octets were read, and the next message has not begun.
    Ahead(usize),
    /// So many octets were read, and then a message begins that is not whole.
    Rest(usize),
}

impl Ear<'_> {
    /// Takes in what a segment says.
    pub(crate) fn hear(&mut self, segment: &Segment<'_>) {
        if segment.payload.is_empty() || !self.entry.wants_names(segment.from) {
            return;
        }
        let Some(number) = segment.number else {
            if self.dns.is_some() {
                self.read(segment.payload, true);
            } else {
                self.learn(names::of_tcp(segment.payload));
            }
            return;
        };
        match self.entry.heard().place(segment.from) {
            Place::Anywhere => self.read_here(segment, number),
            Place::At(begin) => match Offset::of(number, begin) {
                Offset::Ahead(0) => self.read_at(segment, (begin, 0)),
                Offset::Ahead(offset) if self.may_come(segment.from, number) => {
                    self.hold(segment, (begin, offset));
                }
                Offset::Behind(skip) => self.read_at(segment, (begin, skip)),
                Offset::Ahead(_) | Offset::Apart => self.read_here(segment, number),
            },
            Place::Held => self.put(segment, number),
        }
    }

    /// A message may begin with this segment, or none.
    fn read_here(&mut self, segment: &Segment<'_>, number: u32) {
        self.entry.heard_mut().set(segment.from, Place::Anywhere);
        self.read_at(segment, (number, 0));
    }

    /// Whether what is missing before a number may still come: the other end has not said that it has it.
    fn may_come(&self, from: End, number: u32) -> bool {
        self.entry
            .acknowledged(from)
            .is_some_and(|acknowledged| acknowledged.wrapping_sub(number) as usize > DISTANCE_MAX)
    }

    /// Reads at `begin`, where a message begins if anywhere; the segment began `skip` octets before.
    fn read_at(&mut self, segment: &Segment<'_>, (begin, skip): (u32, usize)) {
        let Some(bytes) = segment.payload.get(skip..).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        let next = self.read(bytes, !segment.is_whole);
        let from = segment.from;
        match next {
            // Too few octets prove nothing where a message need not begin.
            Next::Short if self.entry.heard().place(from) != Place::Anywhere => {
                self.hold(segment, (begin, 0));
            }
            Next::Unknown | Next::Short => self.entry.heard_mut().set(from, Place::Anywhere),
            Next::Ahead(used) => self.entry.heard_mut().set(from, Place::At(moved(begin, used))),
            Next::Rest(used) => self.hold(segment, (moved(begin, used), 0)),
        }
    }

    /// Holds what a segment has from `begin` on, where a message begins.
    fn hold(&mut self, segment: &Segment<'_>, (begin, offset): (u32, usize)) {
        let from = segment.from;
        let skip = if offset == 0 {
            segment.number.map_or(0, |number| begin.wrapping_sub(number) as usize)
        } else {
            0
        };
        let piece = segment.payload.get(skip..).unwrap_or_default();
        let mut pieces = Pieces::default();
        // What was cut off by the capture does not come later.
        if !segment.is_whole || !pieces.add(offset, piece) {
            if segment.is_whole {
                self.handshakes.refuse();
            }
            return self.entry.heard_mut().set(from, Place::Anywhere);
        }
        let held = self.handshakes.begin(Stream { begin, pieces }, segment.clock);
        self.entry.heard_mut().set(from, Place::Held);
        self.handshakes.hold(Whose::of(&self.entry, from), held);
    }

    /// Puts a segment to what is held, and reads that if it has grown.
    fn put(&mut self, segment: &Segment<'_>, number: u32) {
        let whose = Whose::of(&self.entry, segment.from);
        let Some(mut held) = self.handshakes.take(&whose, segment.clock) else {
            return self.read_here(segment, number);
        };
        let stream = &mut held.state;
        let (offset, skip) = match Offset::of(number, stream.begin) {
            Offset::Ahead(offset) => (offset, 0),
            Offset::Behind(skip) => (0, skip),
            // So much has passed that what is missing will not come.
            Offset::Apart => {
                self.handshakes.refuse();
                return self.read_here(segment, number);
            }
        };
        let before = stream.pieces.beginning().len();
        let fits = stream.pieces.add(offset, segment.payload.get(skip..).unwrap_or_default());
        let bytes = stream.pieces.beginning();
        let next =
            if bytes.len() > before { self.read(bytes, !segment.is_whole) } else { Next::Short };
        let (Next::Ahead(used) | Next::Rest(used)) = next.or_rest() else {
            return self.entry.heard_mut().set(segment.from, Place::Anywhere);
        };
        stream.begin = moved(stream.begin, used);
        stream.pieces.skip(used);
        let gap_end = stream.pieces.gap_end().map(|end| moved(stream.begin, end));
        let place = match gap_end {
            _ if stream.pieces.is_empty() => Place::At(stream.begin),
            _ if !fits || !segment.is_whole => Place::Anywhere,
            Some(end) if !self.may_come(segment.from, end) => Place::Anywhere,
            _ => Place::Held,
        };
        self.entry.heard_mut().set(segment.from, place);
        match place {
            Place::At(_) => {}
            Place::Held => self.handshakes.hold(whose, held),
            // What is held beyond a gap that stays may have something to say by itself.
            Place::Anywhere => {
                if !fits {
                    self.handshakes.refuse();
                }
                if self.dns.is_some() {
                    self.read(held.state.pieces.beginning(), true);
                }
                for run in held.state.pieces.apart() {
                    self.read(run, true);
                }
            }
        }
    }

    /// Reads message after message; where they are cut, no more of the last will come.
    fn read(&mut self, bytes: &[u8], is_cut: bool) -> Next {
        if let Some(messages) = &mut self.dns {
            let (next, is_refused) = dns(bytes, is_cut, messages);
            if is_refused {
                self.handshakes.refuse();
            }
            return next;
        }
        let mut used = 0;
        loop {
            match names::of_stream(bytes.get(used..).unwrap_or_default()) {
                Read::Nothing => return Next::Unknown,
                Read::Maybe if used >= bytes.len() => return Next::Ahead(used),
                Read::Maybe if used == 0 => return Next::Short,
                Read::Maybe => return Next::Rest(used),
                // The client has said more than a certificate can.
                Read::Partial(Some(Hint::Certificate(_)))
                | Read::Whole(Some(Hint::Certificate(_)), _)
                    if self.entry.is_named() =>
                {
                    return Next::Unknown;
                }
                Read::Partial(hint) => {
                    self.learn(hint);
                    return Next::Rest(used);
                }
                Read::Whole(hint, octets) => {
                    let is_last = match hint {
                        Some(Hint::Certificate(_)) => self.entry.has_hello(),
                        Some(Hint::Tls(ClientHello { server_name: Some(_), .. })) => true,
                        _ => false,
                    };
                    self.learn(hint);
                    used += octets;
                    if is_last {
                        self.entry.finish_hearing();
                        return Next::Ahead(used);
                    }
                }
            }
        }
    }

    fn learn(&mut self, hint: Option<Hint>) {
        if let Some(hint) = hint {
            self.entry.learn(hint, self.room);
        }
    }
}

/// Reads DNS message after message; and whether one is longer than is put together: of that, what is there has to do.
fn dns(bytes: &[u8], is_cut: bool, messages: &mut Vec<DnsMessage>) -> (Next, bool) {
    let (mut used, mut is_refused) = (0, false);
    loop {
        match framed(bytes.get(used..).unwrap_or_default(), is_cut) {
            Framed::Nothing => return (Next::Unknown, is_refused),
            Framed::Partial if used >= bytes.len() => return (Next::Ahead(used), is_refused),
            Framed::Short if used == 0 => return (Next::Short, is_refused),
            Framed::Short | Framed::Partial => return (Next::Rest(used), is_refused),
            Framed::Message(message, octets) => {
                messages.push(message);
                used += octets;
                is_refused |= octets > MESSAGE_MAX;
            }
        }
    }
}

impl Next {
    /// What was read, where a message may still follow.
    fn or_rest(self) -> Self {
        if matches!(self, Self::Short) { Self::Rest(0) } else { self }
    }
}

/// Where a number lies, seen from another.
enum Offset {
    /// So many octets after it.
    Ahead(usize),
    /// So many before.
    Behind(usize),
    /// Too far for either.
    Apart,
}

impl Offset {
    const fn of(number: u32, begin: u32) -> Self {
        let (ahead, behind) =
            (number.wrapping_sub(begin) as usize, begin.wrapping_sub(number) as usize);
        if ahead < MESSAGE_MAX {
            Self::Ahead(ahead)
        } else if behind <= DISTANCE_MAX {
            Self::Behind(behind)
        } else {
            Self::Apart
        }
    }
}

/// A number some octets on; numbers wrap (RFC 9293 section 3.4).
fn moved(number: u32, octets: usize) -> u32 {
    number.wrapping_add(u32::try_from(octets).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Endpoint, Flow, FlowKey, Names};
    use crate::names::certificate::tests::certificate;
    use crate::observation::{Observation, Sequence, tcp};
    use crate::service::Service;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

    /// A connection that is listened to.
    struct Line {
        flow: Flow,
        room: NameRoom,
        handshakes: Handshakes<Stream>,
    }

    fn packet(from: End, tcp_flags: u8, payload: &[u8]) -> Observation {
        let (low, high) = (Endpoint::default(), Endpoint { address: [9; 16], port: 443 });
        Observation {
            key: FlowKey { low, high, ip_proto: 6, ip_version: 4, space: [0; 4] },
            tcp_flags,
            bits: u8::from(from == End::Low) * Observation::FORWARD,
            ts_ns: 5,
            ip_bytes: 40 + u32::try_from(payload.len()).unwrap(),
            header_bytes: 40,
            wire_bytes: 54,
            payload_at: 54,
        }
    }

    impl Line {
        fn new() -> Self {
            let flow = Flow::new(&packet(End::Low, tcp::SYN, &[]), 0);
            let (room, handshakes) = (NameRoom::new(64), Handshakes::new(Stream::octets));
            let mut line = Self { flow, room, handshakes };
            line.send((End::Low, tcp::SYN), (99, 0), &[]);
            line.send((End::High, tcp::SYN | tcp::ACK), (499, 100), &[]);
            line
        }

        fn send(&mut self, (from, flags): (End, u8), numbers: (u32, u32), payload: &[u8]) {
            let (number, acknowledged) = numbers;
            let sequence = Some(Sequence { number, acknowledged });
            let Self { flow, room, handshakes } = self;
            let mut entry = flow.entry();
            entry.observe(&packet(from, flags, payload), sequence, 0);
            let number = Some(number);
            let segment = Segment { payload, is_whole: true, number, from, clock: 0 };
            Ear { entry, room, handshakes, dns: None }.hear(&segment);
        }

        fn client(&mut self, offset: u32, payload: &[u8]) {
            self.send((End::Low, tcp::ACK), (100 + offset, 500), payload);
        }

        fn server(&mut self, offset: u32, acknowledged: u32, payload: &[u8]) {
            self.send((End::High, tcp::ACK), (500 + offset, 100 + acknowledged), payload);
        }

        fn names(&mut self) -> Names {
            self.flow.entry().names().cloned().unwrap_or_default()
        }
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let [_, length @ ..] = u32::try_from(body.len()).unwrap().to_be_bytes();
        [[kind].as_slice(), &length, body].concat()
    }

    fn record(messages: &[u8]) -> Vec<u8> {
        let length = u16::try_from(messages.len()).unwrap().to_be_bytes();
        [[22, 3, 3].as_slice(), &length, messages].concat()
    }

    /// A hello of TLS 1.2, with a name or without.
    fn hello(name: &str) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        let mut body = [[3, 3].as_slice(), &[7; 32], &[0, 0, 2, 0xc0, 0x2f, 1, 0]].concat();
        if !name.is_empty() {
            body.extend([0, length + 9, 0, 0, 0, length + 5, 0, length + 3, 0, 0, length]);
            body.extend(name.as_bytes());
        }
        record(&message(1, &body))
    }

    /// A server's hello, certificate for `name` and end.
    fn flight(name: &str) -> Vec<u8> {
        let hello = [[3, 3].as_slice(), &[9; 32], &[0, 0xc0, 0x2f, 0]].concat();
        let own = message(0, &certificate(name, &["other.test"]));
        let chain = message(0, &own[1..]);
        record(&[message(2, &hello), message(11, &chain[1..]), message(14, &[])].concat())
    }

    #[test]
    fn a_hello_in_one_segment_is_never_held() {
        let mut line = Line::new();
        line.client(0, &hello("a.test"));
        assert_eq!(line.names().server_name.as_deref(), Some("a.test"));
        line.client(60, HEAD);
        line.server(0, 60, &flight("b.test"));
        assert_eq!(line.handshakes.begun(), 0);
        assert_eq!(line.names().further.len(), 0, "nothing more was wanted");
    }

    #[test]
    fn a_name_with_a_nul_is_told_as_most_programs_read_it_and_as_it_was_sent() {
        let mut line = Line::new();
        line.client(0, b"GET / HTTP/1.1\r\nHost: A.test\0.b.test\r\n\r\n");
        let names = line.names();
        assert_eq!(names.server_name.as_deref(), Some("a.test"));
        assert_eq!(names.further, [r"a.test\000.b.test"]);
    }

    #[test]
    fn what_was_held_is_let_go_when_it_is_read() {
        let mut line = Line::new();
        let hello = hello("a.test");
        line.client(30, &hello[30..]);
        line.client(30, &hello[30..]);
        assert_eq!(line.handshakes.len(), 1);
        line.client(0, &hello[..35]);
        assert_eq!((line.handshakes.len(), line.handshakes.refused()), (0, 0));
        assert!(line.names().ja4.is_some());
    }

    #[test]
    fn a_certificate_names_a_server_that_no_client_named() {
        let flight = flight("www.test");
        for cut in 1..flight.len() {
            let mut line = Line::new();
            let hello = hello("");
            let end = u32::try_from(hello.len()).unwrap();
            line.client(0, &hello);
            let at = u32::try_from(cut).unwrap();
            let mut parts = [(0, &flight[..cut]), (at, &flight[cut..])];
            if cut % 2 == 0 {
                parts.reverse();
            }
            for (offset, part) in parts {
                line.server(offset, end, part);
            }
            let names = line.names();
            assert_eq!(names.server_name.as_deref(), Some("www.test"), "cut at {cut}");
            let service = line.flow.entry().service();
            assert_eq!((names.source, service), (Some("tls_cert"), Some(Service::Tls)));
            assert_eq!(names.further, ["other.test"]);
            assert_eq!(line.handshakes.len(), 0);
        }
    }

    #[test]
    fn what_the_client_says_outranks_a_certificate() {
        let mut line = Line::new();
        line.server(0, 0, &flight("www.test"));
        line.client(0, &hello("a.test"));
        let names = line.names();
        assert_eq!((names.server_name.as_deref(), names.source), (Some("a.test"), Some("tls_sni")));
        assert_eq!(names.further, ["www.test", "other.test"]);
    }

    #[test]
    fn what_was_acknowledged_is_not_waited_for() {
        let mut line = Line::new();
        line.server(0, 40, b"HTTP/1.1 200 OK\r\n\r\n");
        line.client(40, HEAD);
        assert_eq!(line.handshakes.begun(), 0);
        assert_eq!(line.names().server_name.as_deref(), Some("a.test"));
        // Here the word that it was received comes later.
        let mut line = Line::new();
        line.client(40, HEAD);
        assert_eq!((line.handshakes.len(), line.names().server_name), (1, None));
        line.server(0, 100, b"HTTP/1.1 200 OK\r\n\r\n");
        line.client(100, b"\r\n");
        assert_eq!(line.handshakes.len(), 0);
        assert_eq!(line.names().server_name.as_deref(), Some("a.test"));
    }

    #[test]
    fn a_stream_is_held_to_a_limit() {
        let mut line = Line::new();
        line.client(0, b"GET /");
        for offset in 0..5 {
            line.client(5 + offset * 1_000, &[b'a'; 1_000]);
        }
        assert_eq!((line.handshakes.len(), line.handshakes.refused()), (0, 1));
        line.client(9_000, HEAD);
        assert_eq!(line.names().server_name.as_deref(), Some("a.test"), "it is listened to again");
    }
}
