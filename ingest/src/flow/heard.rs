//! How far the two streams of a connection have been listened to.

use crate::flow::End;
use crate::service::Service;

/// Payloads looked into before a flow counts as nameless.
const LOOKS_MAX: u8 = 8;

/// Where the next message of an end may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// With any segment: its beginning was not seen, or something was said that is not understood.
    #[default]
    Anywhere,
    /// At this number.
    At(u32),
    /// It has begun, and is being put together.
    Held,
}

/// What is known of both ends' streams; small, for every flow has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Of each end, in octets, so that two spare ones can follow.
    numbers: [[u8; 4]; 2],
    /// For each end two bits, 0 where its place is anywhere, 1 at its number, 2 where a message is held; above them how often was looked.
    kinds: u8,
    service: Option<Service>,
}

/// How the two ends speak, as far as it matters to who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Not known, or a few words at the beginning.
    Some,
    /// They greet one another once, and nothing that follows can be read.
    Once,
    /// Requests follow one another.
    Always,
}

const _: () = assert!(size_of::<Heard>() == 10);

/// One look, as it is counted above the kinds.
const LOOK: u8 = 1 << 4;

impl Heard {
    /// Where the next message of an end may begin.
    pub const fn place(&self, of: End) -> Place {
        let [low, high] = self.numbers;
        let (number, kind) = match of {
            End::Low => (low, self.kinds & 3),
            End::High => (high, self.kinds >> 2 & 3),
        };
        match kind {
            0 => Place::Anywhere,
            1 => Place::At(u32::from_ne_bytes(number)),
            _ => Place::Held,
        }
    }

    /// Sets it.
    pub const fn set(&mut self, of: End, place: Place) {
        let (number, kind) = match place {
            Place::Anywhere => (0, 0),
            Place::At(number) => (number, 1),
            Place::Held => (0, 2),
        };
        let [low, high] = &mut self.numbers;
        let number = number.to_ne_bytes();
        match of {
            End::Low => (*low, self.kinds) = (number, self.kinds & !0b0011 | kind),
            End::High => (*high, self.kinds) = (number, self.kinds & !0b1100 | kind << 2),
        }
    }

    const fn has_looked_enough(&self) -> bool {
        self.kinds / LOOK >= LOOKS_MAX
    }

    /// What they speak is known: what they were first heard to.
    pub fn is_of(&mut self, service: Service) {
        self.service.get_or_insert(service);
    }

    /// What they speak, once it is known.
    pub const fn service(&self) -> Option<Service> {
        self.service
    }

    const fn manner(&self) -> Manner {
        match self.service {
            Some(Service::Quic | Service::Dtls) => Manner::Once,
            Some(Service::Http | Service::Dns) => Manner::Always,
            _ => Manner::Some,
        }
    }

    /// Whether nothing that follows can be read.
    pub fn is_over(&self) -> bool {
        self.manner() == Manner::Once
    }

    /// An end's stream begins at a number.
    pub fn begin(&mut self, of: End, number: u32) {
        if self.place(of) != Place::Held {
            self.set(of, Place::At(number));
        }
    }

    /// Whether another payload of an end is worth a look; counts the looks.
    #[inline]
    pub fn wants(&mut self, of: End) -> bool {
        match self.manner() {
            Manner::Once => false,
            _ if self.place(of) == Place::Held => true,
            Manner::Some if self.has_looked_enough() => false,
            Manner::Some | Manner::Always => {
                if !self.has_looked_enough() {
                    self.kinds += LOOK;
                }
                true
            }
        }
    }

    /// Whether no payload of either end is worth a look any more.
    pub fn is_spent(&self) -> bool {
        match self.manner() {
            Manner::Once => true,
            Manner::Some => self.has_looked_enough() && self.held().next().is_none(),
            Manner::Always => false,
        }
    }

    /// The ends of which something is being put together.
    pub fn held(&self) -> impl Iterator<Item = End> + use<> {
        let of = |end| (self.place(end) == Place::Held).then_some(end);
        of(End::Low).into_iter().chain(of(End::High))
    }
}
