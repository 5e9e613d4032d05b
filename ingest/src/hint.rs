//! The rare packet that names something.

use std::net::IpAddr;

use schemas::Text;

pub use crate::names::ja4::Ja4;
use crate::service::Service;

/// What a payload says about the flow it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A TLS client hello.
    Tls(ClientHello),
    /// A TLS server's certificate.
    Certificate(Certificate),
    /// The client hello of a QUIC handshake.
    Quic(ClientHello),
    /// The client hello of a DTLS handshake.
    Dtls(ClientHello),
    /// An HTTP/1 request.
    Http(Request),
    /// Another protocol, known by how it begins.
    Spoken(Spoken),
}

impl Hint {
    /// The protocol that says it.
    pub const fn service(&self) -> Service {
        match self {
            Self::Tls(_) | Self::Certificate(_) => Service::Tls,
            Self::Quic(_) => Service::Quic,
            Self::Dtls(_) => Service::Dtls,
            Self::Http(_) => Service::Http,
            Self::Spoken(spoken) => spoken.service,
        }
    }
}

/// The parts of a TLS client hello that are kept (RFC 8446 section 4.1.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// `server_name` (RFC 6066 section 3).
    pub server_name: Option<Text>,
    /// First protocol offered by ALPN (RFC 7301).
    pub alpn: Option<Text>,
    /// Highest version offered.
    pub version: Option<&'static str>,
    /// Whether `encrypted_client_hello` was among the extensions.
    pub ech_offered: bool,
    /// Its fingerprint, where all of it was seen.
    pub ja4: Option<Ja4>,
}

/// The names on a TLS server's own certificate (RFC 5280), bounded; none where it was not seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Common name first.
    pub names: Vec<Text>,
}

/// A protocol, and the host a client asks for where the protocol has that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// Its word is that of `server_name_source`, too, where there is a name.
    pub service: Service,
    /// Host asked for.
    pub name: Option<Text>,
}

/// The parts of an HTTP/1 request that are kept (RFC 9112).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Host of the target, where the target has one: from a client to its proxy.
    pub target: Option<Text>,
    /// Whether the target is to be connected to.
    pub is_connect: bool,
    /// Host header, without its port.
    pub host: Option<Text>,
    /// User-Agent header.
    pub user_agent: Option<Text>,
}

/// The parts of a DNS message that are kept (RFC 1035 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsMessage {
    /// Transaction.
    pub id: u16,
    /// Whether it is an answer.
    pub response: bool,
    /// Response code.
    pub rcode: u8,
    /// First question: name and type.
    pub query: Text,
    /// Type asked for.
    pub query_type: u16,
    /// Whether a service binding of the answer has the parameter `ech`; none without a binding (RFC 9460 section 7).
    pub ech: Option<bool>,
    /// Answer section, bounded; a service binding is its target and the addresses it hints at.
    pub answers: Vec<DnsAnswer>,
}

/// One record of an answer section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAnswer {
    /// Seconds for which it may be kept.
    pub ttl_s: u32,
    /// What it says.
    pub data: DnsData,
}

/// The data of a record, as far as it is of use here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DnsData {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME, NS, PTR.
    Name(Text),
    /// Another type, by its number.
    Other(u16),
}

/// An answer that says which addresses a client will take for a name: evidence for the flows that follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Who was told.
    pub client: IpAddr,
    /// The name asked for, at the head of any chain.
    pub name: Text,
    /// The addresses at its end.
    pub addresses: Vec<IpAddr>,
    /// When, ns since 1970 UTC.
    pub ts_ns: i64,
    /// Smallest time to live of the chain.
    pub ttl_s: u32,
}
