//! How far the two streams of a connection have been listened to.

use crate::flow::End;

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
    numbers: [u32; 2],
    /// For each end 0 where its place is anywhere, 1 at its number, 2 where a message is held.
    kinds: [u8; 2],
    looks: u8,
    manner: Manner,
}

/// How the two ends speak, as far as it matters to who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Manner {
    /// Not known, or a few words at the beginning.
    #[default]
    Some,
    /// They greet one another once, and nothing that follows can be read.
    Once,
    /// Requests follow one another.
    Always,
}

const _: () = assert!(size_of::<Heard>() == 12);

impl Heard {
    /// Where the next message of an end may begin.
    pub const fn place(&self, of: End) -> Place {
        let ([low, high], [low_kind, high_kind]) = (self.numbers, self.kinds);
        let (number, kind) = match of {
            End::Low => (low, low_kind),
            End::High => (high, high_kind),
        };
        match kind {
            0 => Place::Anywhere,
            1 => Place::At(number),
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
        let ([low, high], [low_kind, high_kind]) = (&mut self.numbers, &mut self.kinds);
        match of {
            End::Low => (*low, *low_kind) = (number, kind),
            End::High => (*high, *high_kind) = (number, kind),
        }
    }

    /// What they speak is known.
    pub fn is_of(&mut self, service: &'static str) {
        self.manner = match service {
            "quic" | "dtls" => Manner::Once,
            "http" | "dns" => Manner::Always,
            _ => Manner::Some,
        };
    }

    /// Whether nothing that follows can be read.
    pub fn is_over(&self) -> bool {
        self.manner == Manner::Once
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
        match self.manner {
            Manner::Once => false,
            _ if self.place(of) == Place::Held => true,
            Manner::Some if self.looks >= LOOKS_MAX => false,
            Manner::Some | Manner::Always => {
                self.looks = self.looks.saturating_add(1);
                true
            }
        }
    }

    /// Whether no payload of either end is worth a look any more.
    pub fn is_spent(&self) -> bool {
        match self.manner {
            Manner::Once => true,
            Manner::Some => self.looks >= LOOKS_MAX && self.held().next().is_none(),
            Manner::Always => false,
        }
    }

    /// The ends of which something is being put together.
    pub fn held(&self) -> impl Iterator<Item = End> + use<> {
        let of = |end| (self.place(end) == Place::Held).then_some(end);
        of(End::Low).into_iter().chain(of(End::High))
    }
}
