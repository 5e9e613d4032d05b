//! An interface as the machine sees it: is it there, is its link up, what did it count.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use crate::watch::NicCounters;

/// Longest listing of interfaces that is read.
const LISTING_MAX: u64 = 1 << 20;

/// State of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Link {
    /// Whether there is an interface of that name.
    pub exists: bool,
    /// Whether it is up and has a carrier.
    pub is_up: bool,
    /// What it counted since it was made.
    pub counters: NicCounters,
}

/// What an interface counted since it was first looked at. Its own counters are 0 while it is away, and begin anew when it is made anew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Odometer {
    counted: NicCounters,
    last: NicCounters,
}

impl Odometer {
    /// Begins where the interface's counters stand.
    pub(crate) fn new(last: NicCounters) -> Self {
        Self { counted: NicCounters::default(), last }
    }

    /// Adds what came since the last look.
    pub(crate) const fn advance(&mut self, now: NicCounters) {
        let before = std::mem::replace(&mut self.last, now);
        self.counted.packets += grown(now.packets, before.packets);
        self.counted.dropped += grown(now.dropped, before.dropped);
        self.counted.errors += grown(now.errors, before.errors);
    }

    /// All since the beginning.
    pub(crate) const fn counted(&self) -> NicCounters {
        self.counted
    }
}

const fn grown(now: u64, before: u64) -> u64 {
    if now >= before { now - before } else { now }
}

/// Asks for the state of an interface.
pub(crate) trait Links: Send {
    /// Its state now.
    fn look(&mut self) -> Link;
}

/// Asks the kernel. The listing is opened once, for a confined process cannot open it again.
#[derive(Debug)]
pub(crate) struct KernelLinks {
    interface: String,
    listing: Option<File>,
}

impl KernelLinks {
    /// For an interface by name.
    pub(crate) fn new(interface: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            listing: File::open("/proc/thread-self/net/dev").ok(),
        }
    }

    fn counters(&mut self) -> Option<NicCounters> {
        let listing = self.listing.as_mut()?;
        listing.seek(SeekFrom::Start(0)).ok()?;
        let mut text = String::new();
        listing.take(LISTING_MAX).read_to_string(&mut text).ok()?;
        counters_of(&text, &self.interface)
    }
}

impl Links for KernelLinks {
    fn look(&mut self) -> Link {
        let found =
            pnet::datalink::interfaces().into_iter().find(|found| found.name == self.interface);
        Link {
            exists: found.is_some(),
            is_up: found.is_some_and(|found| found.is_up() && found.is_running()),
            counters: self.counters().unwrap_or_default(),
        }
    }
}

/// The line of an interface in `/proc/net/dev` (proc(5)): receive octets, packets, errors, drops, FIFO errors, frame errors.
fn counters_of(listing: &str, interface: &str) -> Option<NicCounters> {
    let line = listing
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    let mut numbers = line.split_whitespace().skip(1).map(|word| word.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (packets, errors, dropped) = (next(), next(), next());
    Some(NicCounters { packets, dropped, errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listing_is_read_by_name() {
        let text = "Inter-|   Receive\n face |bytes    packets errs drop\n    lo: 10 2 0 0 0 0 0 0 10 2\n  eth1: 900 7 1 3 0 0 0 0 0 0\neth: 1 1 1 1";
        assert_eq!(
            counters_of(text, "eth1"),
            Some(NicCounters { packets: 7, dropped: 3, errors: 1 })
        );
        assert_eq!(
            counters_of(text, "eth"),
            Some(NicCounters { packets: 1, dropped: 1, errors: 1 })
        );
        assert_eq!(counters_of(text, "eth2"), None);
    }
}
