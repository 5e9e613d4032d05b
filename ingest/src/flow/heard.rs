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

/// What is known of both ends' streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    low: Place,
    high: Place,
    looks: u8,
    is_done: bool,
}

impl Heard {
    /// Where the next message of an end may begin.
    pub const fn place(&self, of: End) -> Place {
        match of {
            End::Low => self.low,
            End::High => self.high,
        }
    }

    /// Sets it.
    pub const fn set(&mut self, of: End, place: Place) {
        match of {
            End::Low => self.low = place,
            End::High => self.high = place,
        }
    }

    /// An end's stream begins at a number.
    pub fn begin(&mut self, of: End, number: u32) {
        if self.place(of) != Place::Held {
            self.set(of, Place::At(number));
        }
    }

    /// Nothing that is still to come can name the flow.
    pub const fn finish(&mut self) {
        self.is_done = true;
    }

    /// Whether another payload of an end is worth a look; counts the looks, unless there may be `many`.
    pub fn wants(&mut self, of: End, many: bool) -> bool {
        if self.is_done {
            return false;
        }
        if self.place(of) == Place::Held {
            return true;
        }
        if self.looks >= LOOKS_MAX && !many {
            return false;
        }
        self.looks = self.looks.saturating_add(1);
        true
    }

    /// The ends of which something is being put together.
    pub fn held(&self) -> impl Iterator<Item = End> {
        let (low, high) = (self.low, self.high);
        let of = move |place, end| (place == Place::Held).then_some(end);
        of(low, End::Low).into_iter().chain(of(high, End::High))
    }
}
