//! Names that tell of hosts inside not by themselves but by what stands beside them in a row: the address that they were asked for, or that was given for
//! them.

use std::net::IpAddr;

use schemas::devices::DeviceRow;
use schemas::dns::DnsRow;
use schemas::flow::FlowRow;
use schemas::{Mac, Text};

use crate::privacy::addresses::Veil;
use crate::privacy::names::REVERSE;

/// What stands for the name of a host inside: no host has it.
const HOST: &str = "*";
/// Shorter names may well be a part of other words.
const HOSTNAME_MIN: usize = 3;
/// Digits that may be a device's own number.
const SERIAL_MIN: usize = 6;
/// Hexadecimal digits of a MAC address.
const MAC_DIGITS: usize = 12;

impl Veil {
    /// A flow: what its client was told for an address inside is that host's name.
    pub(crate) fn unnamed_flow(&self, mut row: FlowRow) -> FlowRow {
        if self.is_inside(row.dst_ip) {
            row.dns_names.fill(HOST.into());
        }
        row
    }

    /// A lookup: the name whose answer is an inside address, with all names on the way there; and the answer for an inside address.
    pub(crate) fn unnamed_lookup(&self, mut row: DnsRow) -> DnsRow {
        let is_inside =
            |text: &Text| text.parse::<IpAddr>().is_ok_and(|address| self.is_inside(address));
        let tells = row.answers.iter().any(is_inside);
        if tells {
            row.query = HOST.into();
        }
        if tells || self.is_reverse_inside(&row.query) {
            // Names are in lower case, types of records are not.
            let is_name = |text: &str| {
                text.parse::<IpAddr>().is_err()
                    && !text.starts_with(|c: char| c.is_ascii_uppercase())
            };
            row.answers.iter_mut().filter(|answer| is_name(answer)).for_each(|answer| {
                *answer = HOST.into();
            });
        }
        row
    }

    fn is_reverse_inside(&self, query: &str) -> bool {
        REVERSE.iter().any(|(suffix, numbers)| {
            let labels = query.find(suffix).and_then(|at| query.get(..at));
            labels.is_some_and(|labels| {
                numbers(self, &labels.rsplit('.').collect::<Vec<_>>()).is_some()
            })
        })
    }

    /// A device: a class that holds the name which the device calls itself, too.
    pub(crate) fn unnamed_device(mut row: DeviceRow) -> DeviceRow {
        let names = [&row.dhcp_hostname, &row.mdns_name].into_iter().flatten();
        let words = names.map(|name| name.split('.').next().unwrap_or(name).to_ascii_lowercase());
        let words: Vec<String> = words.filter(|word| word.len() >= HOSTNAME_MIN).collect();
        let mac = row.mac.map(|Mac(octets)| octets.map(|octet| format!("{octet:02x}")).concat());
        row.dhcp_vendor_class = row.dhcp_vendor_class.filter(|class| {
            let class = class.to_ascii_lowercase();
            let bare: String = class.chars().filter(char::is_ascii_alphanumeric).collect();
            !words.iter().any(|word| class.contains(word.as_str()))
                && !mac.as_ref().is_some_and(|mac| bare.contains(mac.as_str()))
        });
        row
    }

    /// What a client says of its kind, unless there is a number in it that may be its own: of a MAC address, or as long as a serial number.
    pub(crate) fn class(&self, class: Text) -> Option<Text> {
        let mut digits = 0;
        let mut hexadecimal = 0;
        for c in class.chars() {
            digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
            hexadecimal = match c {
                _ if c.is_ascii_hexdigit() => hexadecimal + 1,
                ':' | '-' | '.' => hexadecimal,
                _ => 0,
            };
            if digits >= SERIAL_MIN || hexadecimal >= MAC_DIGITS {
                return None;
            }
        }
        Some(self.name(class))
    }
}
