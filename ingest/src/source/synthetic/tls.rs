//! Builds TLS handshake records that a dissector reads, and opaque records of an exact size.
//!
//! Only the clear part of a handshake is real: behind it nothing is encrypted, merely random.

use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::wire::Wire;

/// A protocol version a hello offers as its highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// SSL 3.0 (RFC 6101): no extensions, so no name.
    Ssl30,
    /// TLS 1.0 (RFC 2246).
    Tls10,
    /// TLS 1.1 (RFC 4346).
    Tls11,
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446), offered by an extension.
    Tls13,
}

impl Version {
    /// The version field of the hello itself; TLS 1.3 says 1.2 there.
    fn legacy(self) -> u16 {
        match self {
            Self::Ssl30 => 0x0300,
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 | Self::Tls13 => 0x0303,
        }
    }

    /// The version of the record around the first hello.
    fn record(self) -> u16 {
        if self == Self::Ssl30 { 0x0300 } else { 0x0301 }
    }

    fn suites(self) -> &'static [u16] {
        match self {
            Self::Ssl30 => &[0x0035, 0x002f, 0x000a, 0x0005, 0x0004],
            Self::Tls10 | Self::Tls11 => &[
                0xc00a, 0xc014, 0x0039, 0xc009, 0xc013, 0x0033, 0x0035, 0x002f, 0xc012, 0x000a,
                0x00ff,
            ],
            Self::Tls12 => &[
                0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014,
                0x009c, 0x009d, 0x002f, 0x0035, 0x000a,
            ],
            Self::Tls13 => &[
                0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
                0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
        }
    }
}

/// What a `ClientHello` says.
#[derive(Debug, Clone)]
pub(crate) struct Hello<'a> {
    pub(crate) version: Version,
    /// The server name, as written on the wire.
    pub(crate) name: Option<&'a str>,
    pub(crate) alpn: &'a [&'a str],
    /// Length of the session id offered, 32 at most.
    pub(crate) session_id: usize,
    /// Reserved values among suites, groups and extensions (RFC 8701).
    pub(crate) grease: bool,
    /// An `encrypted_client_hello` of random content beside the genuine name (RFC 9849, GREASE).
    pub(crate) ech: bool,
    /// Pads the handshake message to 512 bytes where it is shorter (RFC 7685).
    pub(crate) padded: bool,
    /// Octets of a key share for X25519MLKEM768 beside the usual one; 0 = none.
    pub(crate) hybrid_share: usize,
}

impl<'a> Hello<'a> {
    /// A hello of `version` for `name`, with nothing unusual.
    pub(crate) fn plain(version: Version, name: Option<&'a str>) -> Self {
        let session_id = if version == Version::Tls13 { 32 } else { 0 };
        Self {
            version,
            name,
            alpn: &["h2", "http/1.1"],
            session_id,
            grease: false,
            ech: false,
            padded: false,
            hybrid_share: 0,
        }
    }

    /// The hello in one record.
    pub(crate) fn record(&self, rng: &mut Rng) -> Vec<u8> {
        let grease = self.grease.then(|| 0x0a0a + 0x1010 * (rng.word() % 16));
        let message = Wire::of(|w| {
            w.u16(self.version.legacy()).bytes(&rng.bytes(32));
            let session_id = rng.bytes(self.session_id.min(32));
            w.sized8(|w| {
                w.bytes(&session_id);
            });
            w.sized16(|w| {
                if let Some(value) = grease {
                    w.u16(value);
                }
                w.words(self.version.suites());
            });
            w.sized8(|w| {
                w.u8(0);
            });
            if self.version != Version::Ssl30 {
                let before = w.len() + 4;
                let extensions = self.extensions(rng, grease, before);
                w.sized16(|w| {
                    w.bytes(&extensions);
                });
            }
        });
        handshake(self.version.record(), 1, &message)
    }

    fn extensions(&self, rng: &mut Rng, grease: Option<u16>, before: usize) -> Vec<u8> {
        let modern = matches!(self.version, Version::Tls12 | Version::Tls13);
        Wire::of(|w| {
            if let Some(value) = grease {
                w.u16(value).u16(0);
            }
            if let Some(name) = self.name {
                extension(w, 0x0000, |w| {
                    w.sized16(|w| {
                        w.u8(0).sized16(|w| {
                            w.bytes(name.as_bytes());
                        });
                    });
                });
            }
            w.bytes(&[0x00, 0x17, 0, 0, 0xff, 0x01, 0, 1, 0]);
            extension(w, 0x000a, |w| {
                w.sized16(|w| {
                    if let Some(value) = grease {
                        w.u16(value);
                    }
                    w.words(&[0x001d, 0x0017, 0x0018]);
                });
            });
            w.bytes(&[0x00, 0x0b, 0, 2, 1, 0, 0x00, 0x23, 0, 0]);
            if !self.alpn.is_empty() {
                self.alpn(w);
            }
            w.bytes(&[0x00, 0x05, 0, 5, 1, 0, 0, 0, 0]);
            if modern {
                signatures(w);
            }
            if self.version == Version::Tls13 {
                key_share(w, rng, grease, self.hybrid_share);
            }
            if self.ech {
                grease_ech(w, rng);
            }
            if self.padded {
                // 2 bytes of extension length come between, and 4 of the padding's own header.
                let length = before + 2 + w.len();
                if length < 508 {
                    let pad = vec![0; 508 - length];
                    extension(w, 0x0015, |w| {
                        w.bytes(&pad);
                    });
                }
            }
        })
    }

    fn alpn(&self, w: &mut Wire) {
        extension(w, 0x0010, |w| {
            w.sized16(|w| {
                for protocol in self.alpn {
                    w.sized8(|w| {
                        w.bytes(protocol.as_bytes());
                    });
                }
            });
        });
    }
}

fn extension(w: &mut Wire, kind: u16, fill: impl FnOnce(&mut Wire)) {
    w.u16(kind).sized16(fill);
}

fn signatures(w: &mut Wire) {
    extension(w, 0x000d, |w| {
        w.sized16(|w| {
            w.words(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201]);
        });
    });
    // Signed certificate time stamps, asked for.
    w.bytes(&[0x00, 0x12, 0, 0]);
}

/// Key share, pre-shared key modes and the versions offered: what makes a hello TLS 1.3.
fn key_share(w: &mut Wire, rng: &mut Rng, grease: Option<u16>, hybrid: usize) {
    let key = rng.bytes(32);
    extension(w, 0x0033, |w| {
        w.sized16(|w| {
            if let Some(value) = grease {
                w.u16(value).bytes(&[0, 1, 0]);
            }
            if hybrid > 0 {
                w.u16(0x11ec).sized16(|w| {
                    w.bytes(&rng.bytes(hybrid));
                });
            }
            w.u16(0x001d).sized16(|w| {
                w.bytes(&key);
            });
        });
    });
    w.bytes(&[0x00, 0x2d, 0, 2, 1, 1]);
    extension(w, 0x002b, |w| {
        w.sized8(|w| {
            if let Some(value) = grease {
                w.u16(value);
            }
            w.words(&[0x0304, 0x0303]);
        });
    });
}

/// An outer ECH of random content: HKDF-SHA256, AES-128-GCM, no configuration behind it.
fn grease_ech(w: &mut Wire, rng: &mut Rng) {
    let (config, key, payload) = (rng.word().to_be_bytes(), rng.bytes(32), rng.bytes(144));
    extension(w, 0xfe0d, |w| {
        w.u8(0).u16(1).u16(1).bytes(&config[..1]);
        w.sized16(|w| {
            w.bytes(&key);
        });
        w.sized16(|w| {
            w.bytes(&payload);
        });
    });
}

fn handshake(version: u16, kind: u8, message: &[u8]) -> Vec<u8> {
    record(
        22,
        version,
        &Wire::of(|w| {
            w.u8(kind).sized24(|w| {
                w.bytes(message);
            });
        }),
    )
}

fn record(kind: u8, version: u16, content: &[u8]) -> Vec<u8> {
    Wire::of(|w| {
        w.u8(kind).u16(version).sized16(|w| {
            w.bytes(content);
        });
    })
}

/// The server's first flight: its hello, its certificate where that is to be seen, the change of cipher, and the hidden end of the
/// handshake.
pub(crate) fn server_flight(version: Version, certified: Option<&str>, rng: &mut Rng) -> Vec<u8> {
    let message = Wire::of(|w| {
        w.u16(version.legacy()).bytes(&rng.bytes(32));
        let session_id = rng.bytes(32);
        w.sized8(|w| {
            w.bytes(&session_id);
        });
        w.u16(if version == Version::Tls13 { 0x1301 } else { 0xc02f }).u8(0);
        let share = rng.bytes(32);
        w.sized16(|w| {
            if version == Version::Tls13 {
                extension(w, 0x0033, |w| {
                    w.u16(0x001d).sized16(|w| {
                        w.bytes(&share);
                    });
                });
                w.bytes(&[0x00, 0x2b, 0, 2, 3, 4]);
            } else {
                w.bytes(&[0xff, 0x01, 0, 1, 0]);
            }
        });
    });
    let mut flight = handshake(version.legacy(), 2, &message);
    if let Some(name) = certified {
        let certificate = certificate(name, rng);
        let chain = Wire::of(|w| {
            w.sized24(|w| {
                w.sized24(|w| {
                    w.bytes(&certificate);
                });
            });
        });
        flight.extend_from_slice(&handshake(version.legacy(), 11, &chain));
    }
    flight.extend_from_slice(&finish(version, rng));
    flight
}

/// A certificate (RFC 5280) of which only the subject's common name says anything.
fn certificate(name: &str, rng: &mut Rng) -> Vec<u8> {
    fn element(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
        Wire::of(|w| {
            // A length in two octets, whatever it is.
            w.u8(kind).u8(0x82).sized16(|w| {
                w.bytes(&parts.concat());
            });
        })
    }
    let common_name = |name: &str| {
        let pair = [element(6, &[&[0x55, 4, 3]]), element(12, &[name.as_bytes()])].concat();
        element(0x30, &[&element(0x31, &[&element(0x30, &[&pair])])])
    };
    let (serial, key, signature) = (rng.bytes(8), rng.bytes(270), rng.bytes(257));
    let signed = [
        element(0xa0, &[&element(2, &[&[2]])]),
        element(2, &[&serial]),
        element(0x30, &[]),
        common_name("Example CA"),
        element(0x30, &[]),
        common_name(name),
        element(0x30, &[&key]),
    ];
    element(0x30, &[&element(0x30, &[&signed.concat()]), &element(3, &[&signature])])
}

/// The change of cipher and a hidden Finished, as both sides send it.
pub(crate) fn finish(version: Version, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = record(20, version.legacy(), &[1]);
    let (kind, length) = if version == Version::Tls13 { (23, 53) } else { (22, 40) };
    bytes.extend_from_slice(&record(kind, version.legacy(), &rng.bytes(length)));
    bytes
}

/// Content of a record that an implementation may send at most, and its header.
const RECORD_MAX: usize = 5 + 16_384;
/// The least that is left for a last record: header, tag and a byte.
const RECORD_MIN: usize = 32;

/// Opaque application records of exactly `total` bytes, headers included; needs 32 or more.
pub(crate) fn opaque(total: usize, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(total);
    while bytes.len() < total {
        let left = total - bytes.len();
        let take = if left > RECORD_MAX { left.min(RECORD_MAX - RECORD_MIN) } else { left };
        let content = rng.bytes(take.saturating_sub(5));
        bytes.extend_from_slice(&record(23, 0x0303, &content));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Hello, Version, opaque};
    use crate::source::synthetic::rng::Rng;

    #[test]
    fn a_hello_fills_its_record_and_carries_its_name() {
        let mut rng = Rng::of(1, "hello", "test");
        let versions =
            [Version::Ssl30, Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13];
        for version in versions {
            let mut hello = Hello::plain(version, Some("www.example.net"));
            hello.padded = true;
            let record = hello.record(&mut rng);
            let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
            assert_eq!(record.len(), 5 + length);
            let named = record.windows(15).any(|window| window == b"www.example.net");
            assert_eq!(named, version != Version::Ssl30);
            assert!(version == Version::Ssl30 || length == 512, "{length}");
        }
    }

    #[test]
    fn opaque_records_have_the_exact_size() {
        let mut rng = Rng::of(1, "opaque", "test");
        for total in [32, 1_000, 16_389, 16_390, 16_400, 50_000, 98_304] {
            assert_eq!(opaque(total, &mut rng).len(), total);
        }
    }
}
