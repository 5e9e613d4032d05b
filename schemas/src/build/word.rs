//! What can be a word of a column: written once, and looked up as what it is.

use std::fmt::Debug;
use std::hash::Hash;
use std::net::IpAddr;

use crate::build::text::{write_ip, write_mac};
use crate::kinds::{Fingerprint, Mac, Text};

/// What can be a word of a column.
pub trait Word: Clone + Debug + Eq + Hash {
    /// Appends it as it is stored.
    fn write(&self, to: &mut Vec<u8>);
    /// A number that few words share, had for next to nothing.
    fn spot(&self) -> usize {
        0
    }
    /// Whether it is the same word, told at a glance: where it is not seen, no.
    fn is_seen_to_be(&self, other: &Self) -> bool {
        self == other
    }
}

impl Word for &'static str {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.as_bytes());
    }
    /// Words of ours lie at one place each.
    fn spot(&self) -> usize {
        (self.as_ptr().addr() >> 1) ^ self.len()
    }
    fn is_seen_to_be(&self, other: &Self) -> bool {
        std::ptr::eq(*self, *other)
    }
}

impl Word for Text {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.as_bytes());
    }
    fn spot(&self) -> usize {
        self.len()
    }
}

impl Word for Fingerprint {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.as_str().as_bytes());
    }
    fn spot(&self) -> usize {
        let [.., last] = self.0;
        usize::from(last)
    }
}

impl Word for IpAddr {
    fn write(&self, to: &mut Vec<u8>) {
        write_ip(*self, to);
    }
}

impl Word for Mac {
    fn write(&self, to: &mut Vec<u8>) {
        write_mac(self.0, to);
    }
}

impl Word for Box<str> {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self.as_bytes());
    }
}

impl Word for Box<[u8]> {
    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(self);
    }
}
