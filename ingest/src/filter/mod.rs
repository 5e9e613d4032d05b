//! Filter words as tcpdump has them, a subset: which frames are counted as flows, and which as filtered.
//!
//! One expression has two forms that always agree: [`Filter::matches`] looks at a frame in memory, [`Filter::program`] is for the kernel's socket. Both
//! see VLAN tags (4 at most), MPLS labels (4 at most), the outermost IP header, up to 4 extension headers of IPv6 (hop-by-hop, routing, destination
//! options, fragment), and the ports of TCP, UDP and SCTP where they are: not in later fragments.
//!
//! The words mean what pcap-filter(7) says, except that
//! - `vlan` and `mpls` ask for a tag or label anywhere in the frame and shift nothing: `host 192.0.2.1` finds the host under tags and labels as well;
//! - `host` and `net` ask for addresses of IP, not for those in ARP; `arp` is RARP too;
//! - `tcp`, `proto` and `port` look behind the extension headers of IPv6;
//! - what does not reach so far as the frame goes is not there: its word is false, and with `not` before it true;
//! - names of hosts and services are not looked up, networks are written with a prefix.
//!
//! Tunnels and PPPoE are not looked into on Ethernet, although their packets become flows.

mod error;
mod kernel;
mod parse;
mod primitive;
mod steps;
mod subject;
mod view;
mod words;

use std::fmt;

pub use error::FilterError;

use crate::frame::{Frame, LinkType};
use crate::source::live::Instruction;
use schemas::Text;
use steps::{Next, Step};
use view::View;

/// What the command line's help says of filters.
pub const HELP: &str = "\
Count only frames that match; the others are `filtered` in the ledger. Words as with tcpdump, a subset:
  [ip|ip6] [src|dst] host ADDRESS     [tcp|udp|sctp] [src|dst] port N
  [ip|ip6] [src|dst] net CIDR         [tcp|udp|sctp] [src|dst] portrange A-B
  ip  ip6  tcp  udp  sctp  icmp  icmp6  arp  [ip|ip6] proto N
  ether [src|dst] host MAC            vlan [ID]  mpls [LABEL]  less N  greater N
joined by not (!), and (&&), or (||) and parentheses; and and or bind alike, from the left. Also src or dst, src and
dst; a number or address without a word takes the word before: port 80 or 443. Unlike with tcpdump, host, port and
the like look below VLAN tags and MPLS labels by themselves, and vlan 7 asks for any tag with that id. They look at
the outermost IP header; numbers only, networks with a prefix; later fragments have no ports.";

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    text: Text,
    steps: Vec<Step>,
}

impl Filter {
    /// Reads an expression of 4,096 characters, 256 primitives and 64 levels of nesting at most.
    ///
    /// # Errors
    /// Names the word that does not fit, its place, and what would.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        Ok(Self { steps: parse::parse(text)?, text: text.into() })
    }

    /// Whether an expression can begin with this word, as one given on the command line.
    pub fn begins(word: &str) -> bool {
        // A shell may hand over several words as one.
        words::words(word).first().is_some_and(|first| {
            let text = first.text;
            (words::is_known(text) && !matches!(text, "and" | "or" | "&&" | "||" | ")"))
                || parse::parse(text).is_ok()
        })
    }

    /// Whether a frame matches.
    pub fn matches(&self, frame: &Frame<'_>) -> bool {
        let view = View::of(frame);
        let mut next = Next::Step(0);
        // Each step leads further on, so the loop ends.
        loop {
            let Next::Step(at) = next else { return next == Next::Accept };
            let Some(step) = self.steps.get(at) else { return false };
            next = if view.answers(&step.asked) { step.yes } else { step.no };
        }
    }

    /// The same as a program of classic BPF for a packet socket whose frames begin with this kind of link; the kernel's tag beside the frame included.
    ///
    /// # Errors
    /// Where the link is neither Ethernet nor plain IP, or the program longer than the kernel takes.
    pub fn program(&self, link: LinkType) -> Result<Vec<Instruction>, FilterError> {
        kernel::program(&self.steps, link)
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
