//! The protocols that a flow can be known to speak.

/// A protocol; as an `Option` one octet, for every flow has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// RFC 8446.
    Tls,
    /// RFC 9000.
    Quic,
    /// RFC 9147.
    Dtls,
    /// RFC 9112.
    Http,
    /// RFC 1035.
    Dns,
    /// RFC 2131.
    Dhcp,
    /// RFC 8415.
    Dhcpv6,
    /// RFC 6762.
    Mdns,
    /// RFC 4795.
    Llmnr,
    /// RFC 4253.
    Ssh,
    /// RFC 5321.
    Smtp,
    /// RFC 959.
    Ftp,
    /// RFC 9051.
    Imap,
    /// RFC 1939.
    Pop3,
    /// The messenger's notification protocol.
    Msnp,
    /// RFC 6120.
    Xmpp,
}

impl Service {
    /// Word of the column `service`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Dtls => "dtls",
            Self::Http => "http",
            Self::Dns => "dns",
            Self::Dhcp => "dhcp",
            Self::Dhcpv6 => "dhcpv6",
            Self::Mdns => "mdns",
            Self::Llmnr => "llmnr",
            Self::Ssh => "ssh",
            Self::Smtp => "smtp",
            Self::Ftp => "ftp",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Msnp => "msnp",
            Self::Xmpp => "xmpp",
        }
    }
}
