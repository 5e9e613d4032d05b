//! Builds DNS queries and answers (RFC 1035), with EDNS and compressed names.
//!
//! An answer holds the alias chain and one address; all its records live equally long.

use std::net::IpAddr;

use crate::source::synthetic::wire::{Wire, length16};

/// One question and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Lookup<'a> {
    pub(crate) id: u16,
    pub(crate) name: &'a str,
    /// Aliases on the way, the last one owns the address.
    pub(crate) chain: &'a [&'a str],
    pub(crate) address: IpAddr,
    pub(crate) ttl_s: u32,
}

impl Lookup<'_> {
    fn kind(&self) -> u16 {
        if self.address.is_ipv4() { 1 } else { 28 }
    }

    /// The client's question.
    pub(crate) fn query(&self) -> Vec<u8> {
        Wire::of(|w| {
            w.words(&[self.id, 0x0100, 1, 0, 0, 1]);
            labels(w, self.name);
            w.u16(self.kind()).u16(1);
            options(w);
        })
    }

    /// The resolver's answer.
    pub(crate) fn answer(&self) -> Vec<u8> {
        Wire::of(|w| {
            w.words(&[self.id, 0x8180, 1, length16(self.chain.len() + 1), 0, 1]);
            labels(w, self.name);
            w.u16(self.kind()).u16(1);
            // The question's name begins right after the 12 bytes of the header.
            let mut owner = 0xc000 | 0x000c;
            for alias in self.chain {
                w.u16(owner).u16(5).u16(1).u32(self.ttl_s);
                owner = 0xc000 | length16(w.len() + 2);
                w.sized16(|w| labels(w, alias));
            }
            w.u16(owner).u16(self.kind()).u16(1).u32(self.ttl_s).sized16(|w| {
                match self.address {
                    IpAddr::V4(address) => w.bytes(&address.octets()),
                    IpAddr::V6(address) => w.bytes(&address.octets()),
                };
            });
            options(w);
        })
    }
}

fn labels(w: &mut Wire, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        w.sized8(|w| {
            w.bytes(label.as_bytes());
        });
    }
    w.u8(0);
}

/// The EDNS record (RFC 6891): 1,232 bytes are welcome.
fn options(w: &mut Wire) {
    w.u8(0).u16(41).u16(1_232).u32(0).u16(0);
}

#[cfg(test)]
mod tests {
    use super::Lookup;

    #[test]
    fn an_answer_points_back_to_names_already_said() {
        let lookup = Lookup {
            id: 7,
            name: "a.example",
            chain: &["b.example.net"],
            address: "192.0.2.7".parse().unwrap(),
            ttl_s: 60,
        };
        assert_eq!(lookup.query().len(), 12 + 11 + 4 + 11);
        let answer = lookup.answer();
        // Header 12, question 15, alias record 12 + 15, address record 12 + 4, EDNS 11.
        assert_eq!(answer.len(), 12 + 15 + 27 + 16 + 11);
        assert_eq!(answer[27..29], [0xc0, 12]);
        assert_eq!(answer[54..56], [0xc0, 39]);
        assert_eq!(answer[39..41], [1, b'b']);
    }
}
