//! What differs between the versions of QUIC that encrypt their Initials.

/// Which frames an Initial carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameSet {
    /// RFC 9000 section 19.
    Ietf,
    /// Google's; packet numbers inside them have so many octets.
    Google { number_octets: usize },
}

/// What the client says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// A TLS client hello.
    Tls,
    /// The client hello of Google's own handshake.
    Chlo,
}

/// Labels of the packet protection keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) key: &'static [u8],
    pub(crate) iv: &'static [u8],
    pub(crate) mask: &'static [u8],
}

/// A version, as far as its Initials go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) salt: [u8; 20],
    pub(crate) labels: Labels,
    /// Packet type bits of an Initial, and of a Retry.
    pub(crate) initial: u8,
    pub(crate) retry: u8,
    pub(crate) frames: FrameSet,
    pub(crate) greeting: Greeting,
}

/// RFC 9001 section 5.2; drafts 33 and 34 have the same.
const V1: Dialect = Dialect {
    salt: *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
    labels: Labels { key: b"quic key", iv: b"quic iv", mask: b"quic hp" },
    initial: 0,
    retry: 3,
    frames: FrameSet::Ietf,
    greeting: Greeting::Tls,
};
/// RFC 9369 section 3.
const V2: Dialect = Dialect {
    salt: *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
    labels: Labels { key: b"quicv2 key", iv: b"quicv2 iv", mask: b"quicv2 hp" },
    initial: 1,
    retry: 0,
    ..V1
};
/// draft-ietf-quic-tls-29 to -32, section 5.2.
const DRAFT_29: Dialect = Dialect {
    salt: *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99",
    ..V1
};
/// draft-ietf-quic-tls-23 to -28, section 5.2.
const DRAFT_23: Dialect = Dialect {
    salt: *b"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02",
    ..V1
};
/// draft-ietf-quic-tls-22 section 5.2.
const DRAFT_22: Dialect = Dialect {
    salt: *b"\x7f\xbc\xdb\x0e\x7c\x66\xbb\xe9\x19\x3a\x96\xcd\x21\x51\x9e\xbd\x7a\x02\x64\x4a",
    ..V1
};
const Q050: Dialect = Dialect {
    salt: *b"\x50\x45\x74\xef\xd0\x66\xfe\x2f\x9d\x94\x5c\xfc\xdb\xd3\xa7\xf0\xd3\xb5\x6b\x45",
    frames: FrameSet::Google { number_octets: 4 },
    greeting: Greeting::Chlo,
    ..V1
};
const T050: Dialect = Dialect {
    salt: *b"\x7f\xf5\x79\xe5\xac\xd0\x72\x91\x55\x80\x30\x4c\x43\xa2\x36\x7c\x60\x48\x83\x10",
    greeting: Greeting::Tls,
    ..Q050
};
const T051: Dialect = Dialect {
    salt: *b"\x7a\x4e\xde\xf4\xe7\xcc\xee\x5f\xa4\x50\x6c\x19\x12\x4f\xc8\xcc\xda\x6e\x03\x3d",
    ..T050
};

/// The dialect of a version.
pub(crate) fn dialect(version: u32) -> Option<&'static Dialect> {
    match version {
        1 | 0xff00_0021..=0xff00_0022 => Some(&V1),
        0x6b33_43cf => Some(&V2),
        0xff00_001d..=0xff00_0020 => Some(&DRAFT_29),
        0xff00_0017..=0xff00_001c => Some(&DRAFT_23),
        0xff00_0016 => Some(&DRAFT_22),
        // ASCII.
        0x5130_3530 => Some(&Q050),
        0x5430_3530 => Some(&T050),
        0x5430_3531 => Some(&T051),
        _ => None,
    }
}
