//! What the driver of an interface does to frames, asked through ethtool's ioctl.

use std::io;

use crate::config::SourceKind;
use crate::doctor::report::Check;
use crate::source::sys::ethtool::{Asked, Offload};

/// The key with which Toeplitz gives both directions the same queue: 16 bits, again and again.
const SYMMETRIC_KEY_OCTETS: usize = 40;

/// A card, its interface's name, and what will read from it.
pub(crate) struct Card<'a> {
    pub(crate) asked: Asked,
    pub(crate) name: &'a str,
    pub(crate) source: SourceKind,
    pub(crate) driver: String,
}

impl Card<'_> {
    /// All checks.
    pub(crate) fn checks(&self) -> Vec<Check> {
        vec![
            self.merging("gro", Offload::Gro),
            self.merging("lro", Offload::Lro),
            self.uncut("tso", Offload::Tso),
            self.uncut("gso", Offload::Gso),
            self.vlan(),
            self.ring(),
            self.spread(),
            self.stamps(),
        ]
    }

    fn merging(&self, name: &'static str, offload: Offload) -> Check {
        match self.asked.has(offload) {
            Ok(false) => Check::good(name, "off"),
            Ok(true) => Check::warn(name, "on")
                .because("received segments are merged before they are captured: fewer and longer packets are counted than came")
                .mend(format!("ethtool -K {} {name} off", self.name)),
            Err(error) => silent(name, &error),
        }
    }

    fn uncut(&self, name: &'static str, offload: Offload) -> Check {
        let is_virtual = matches!(self.driver.as_str(), "veth" | "tun" | "bridge" | "");
        match self.asked.has(offload) {
            Ok(false) => Check::good(name, "off"),
            Ok(true) if !is_virtual => Check::good(name, "on; concerns sent frames only"),
            Ok(true) => Check::warn(name, "on")
                .because(
                    "a virtual link carries what its other end has not cut yet: set it there, too",
                )
                .mend(format!("ethtool -K {} {name} off", self.name)),
            Err(error) => silent(name, &error),
        }
    }

    fn vlan(&self) -> Check {
        let name = "vlan offload";
        match (self.asked.has(Offload::RxVlan), self.source) {
            (Ok(false), _) => Check::good(name, "off"),
            (Ok(true), SourceKind::Ring) => {
                Check::good(name, "on; the ring's metadata has the tag, and it is put back")
            }
            (Ok(true), _) => Check::warn(name, "on")
                .because("the card takes VLAN tags off, and this source does not see them")
                .mend(format!("ethtool -K {} rxvlan off", self.name)),
            (Err(error), _) => silent(name, &error),
        }
    }

    fn ring(&self) -> Check {
        let name = "card ring";
        match self.asked.ring() {
            Ok(ring) if ring.max == 0 => Check::unknown(name, "the driver has none"),
            Ok(ring) if ring.now < ring.max => {
                Check::warn(name, format!("{} of {} places", ring.now, ring.max))
                    .because("a short ring loses packets in bursts, before anybody can count them")
                    .mend(format!("ethtool -G {} rx {}", self.name, ring.max))
            }
            Ok(ring) => Check::good(name, format!("{} places, all there are", ring.now)),
            Err(error) => silent(name, &error),
        }
    }

    fn spread(&self) -> Check {
        let name = "queues";
        let queues = match self.asked.queues() {
            Ok(1) => return Check::good(name, "1"),
            Ok(queues) => queues.to_string(),
            Err(_) => "number unknown".to_owned(),
        };
        let spread = match self.asked.spread() {
            Ok(spread) if !spread.key.is_empty() || spread.is_folded => spread,
            _ => {
                return Check::unknown(
                    name,
                    format!("{queues}; the driver does not say how it spreads packets"),
                );
            }
        };
        // Toeplitz (1) by a key that repeats every 16 bits treats both directions alike; so does plain XOR (2).
        let repeats = spread.key.chunks(2).all(|pair| spread.key.starts_with(pair));
        if spread.is_folded || spread.function == 2 || (spread.function == 1 && repeats) {
            return Check::good(name, format!("{queues}; both directions of a flow meet"));
        }
        if self.source != SourceKind::Xdp {
            return Check::good(
                name,
                format!("{queues}; lanes are chosen by address, not by queue"),
            );
        }
        let octets = spread.key.len().max(SYMMETRIC_KEY_OCTETS);
        let key: Vec<&str> = ["6d", "5a"].into_iter().cycle().take(octets).collect();
        Check::warn(name, format!("{queues}; the two directions of a flow come to different ones"))
            .because("with AF_XDP the card chooses the lane: flows are cut in two, one for each direction")
            .mend(format!("ethtool -X {} hkey {}", self.name, key.join(":")))
    }

    fn stamps(&self) -> Check {
        let name = "timestamps";
        match self.asked.stamps() {
            Ok(stamps) if stamps.hardware => Check::good(name, "by the card or the kernel"),
            Ok(stamps) if stamps.software => Check::good(name, "by the kernel"),
            Ok(_) => Check::unknown(name, "the driver names none; the kernel stamps at receipt"),
            Err(error) => silent(name, &error),
        }
    }
}

/// What a driver does not say is not known, and not taken for good.
fn silent(name: &'static str, error: &io::Error) -> Check {
    Check::unknown(name, format!("the driver does not say ({error})"))
}
