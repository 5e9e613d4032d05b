//! The TLS client hello (RFC 8446 section 4.1.2; RFC 5246 section 7.4.1.2), as far as it lies in one segment.

use std::sync::Arc;

use crate::hint::ClientHello;
use crate::names::text::{host_name, printable};

mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const ALPN: u16 = 16;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
    /// RFC 9849.
    pub(super) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// A cursor that never reads past the end.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
    }

    /// A vector whose length stands before it in one octet.
    fn vector8(&mut self) -> Option<&'a [u8]> {
        let count = self.u8()?;
        self.take(usize::from(count))
    }

    /// A vector whose length stands before it in two octets.
    fn vector16(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.take(usize::from(count))
    }
}

/// Reads a client hello from the start of a TCP payload; extensions that were not captured whole are left out.
pub(crate) fn client_hello(payload: &[u8]) -> Option<ClientHello> {
    let mut record = Cursor(payload);
    if record.u8()? != RECORD_HANDSHAKE || record.u8()? != 3 {
        return None;
    }
    record.take(3)?;
    handshake_hello(record.0)
}

/// Octets of the handshake message that a stream begins with, head included.
pub(crate) fn handshake_octets(stream: &[u8]) -> Option<usize> {
    let [_, high, middle, low, ..] = *stream else { return None };
    usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok().map(|octets| 4 + octets)
}

/// Reads a client hello from a handshake message, as far as it is there: QUIC has it without records (RFC 9001 section 4).
pub(crate) fn handshake_hello(message: &[u8]) -> Option<ClientHello> {
    let mut message = Cursor(message);
    if message.u8()? != CLIENT_HELLO {
        return None;
    }
    message.take(3)?;
    let legacy_version = message.u16()?;
    if legacy_version >> 8 != 3 {
        return None;
    }
    message.take(32)?;
    message.vector8()?;
    message.vector16()?;
    message.vector8()?;
    let mut hello = ClientHello { version: version_name(legacy_version), ..ClientHello::default() };
    // No extensions at all is allowed before TLS 1.3.
    if message.u16().is_some() {
        while let (Some(kind), Some(body)) = (message.u16(), message.vector16()) {
            read_extension(kind, body, &mut hello);
        }
    }
    Some(hello)
}

fn read_extension(kind: u16, body: &[u8], hello: &mut ClientHello) {
    match kind {
        extension::SERVER_NAME => hello.server_name = server_name(body),
        extension::ALPN => hello.alpn = first_alpn(body),
        extension::SUPPORTED_VERSIONS => {
            hello.version = highest_version(body).and_then(version_name).or(hello.version);
        }
        extension::ENCRYPTED_CLIENT_HELLO => hello.ech_offered = true,
        _ => {}
    }
}

fn server_name(body: &[u8]) -> Option<Arc<str>> {
    let mut list = Cursor(Cursor(body).vector16()?);
    while let (Some(kind), Some(name)) = (list.u8(), list.vector16()) {
        if kind == 0 {
            return host_name(name);
        }
    }
    None
}

fn first_alpn(body: &[u8]) -> Option<Arc<str>> {
    let mut list = Cursor(Cursor(body).vector16()?);
    list.vector8().filter(|name| !name.is_empty()).map(printable)
}

/// The highest version of the list that is none of GREASE's (RFC 8701).
fn highest_version(body: &[u8]) -> Option<u16> {
    let mut list = Cursor(Cursor(body).vector8()?);
    let mut highest = None;
    while let Some(version) = list.u16() {
        if version >> 8 == 3 {
            highest = highest.max(Some(version));
        }
    }
    highest
}

/// The spelling of Zeek's `ssl.version`.
fn version_name(version: u16) -> Option<&'static str> {
    match version {
        0x0300 => Some("SSLv3"),
        0x0301 => Some("TLSv10"),
        0x0302 => Some("TLSv11"),
        0x0303 => Some("TLSv12"),
        0x0304 => Some("TLSv13"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A hello with the given extensions.
    fn hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut tail = Vec::new();
        for (kind, body) in extensions {
            tail.extend(kind.to_be_bytes());
            tail.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
            tail.extend(body);
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        body.extend(u16::try_from(tail.len()).unwrap().to_be_bytes());
        body.extend(tail);
        let mut payload = vec![22, 3, 1];
        payload.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
        payload.extend([1, 0]);
        payload.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        payload.extend(body);
        payload
    }

    fn sni(name: &[u8]) -> (u16, Vec<u8>) {
        let length = u16::try_from(name.len()).unwrap();
        let mut body = (length + 3).to_be_bytes().to_vec();
        body.push(0);
        body.extend(length.to_be_bytes());
        body.extend(name);
        (0, body)
    }

    #[test]
    fn rfc6066_name_version_alpn_and_ech() {
        let alpn =
            (16, vec![0, 12, 2, b'h', b'2', 8, b'h', b't', b't', b'p', b'/', b'1', b'.', b'1']);
        let versions = (43, vec![6, 0x1a, 0x1a, 3, 4, 3, 3]);
        let payload = hello(&[sni(b"Api.Line.me"), alpn, versions, (0xfe0d, vec![0; 4])]);
        let read = client_hello(&payload).unwrap();
        assert_eq!(read.server_name.as_deref(), Some("api.line.me"));
        assert_eq!(read.alpn.as_deref(), Some("h2"));
        assert_eq!(read.version, Some("TLSv13"));
        assert!(read.ech_offered);
        // The same as an independent parser reads.
        let (_, record) = tls_parser::parse_tls_plaintext(&payload).unwrap();
        assert!(matches!(record.msg[..], [tls_parser::TlsMessage::Handshake(_)]));
    }

    #[test]
    fn a_cut_hello_gives_what_was_captured() {
        let payload = hello(&[sni(b"a.example"), (16, vec![0; 200])]);
        let read = client_hello(&payload[..payload.len() - 150]).unwrap();
        assert_eq!(read.server_name.as_deref(), Some("a.example"));
        assert_eq!(client_hello(&payload[..20]), None);
        assert_eq!(client_hello(b"\x16\x03\x01\x00\x05\x02"), None, "a server hello");
    }

    proptest! {
        #[test]
        fn any_damage_is_survived(position in 0..300usize, octet in any::<u8>(), cut in 0..300usize) {
            let mut payload = hello(&[sni(b"xiaomi.com"), (43, vec![4, 3, 4, 3, 3]), (16, vec![0, 3, 2, b'h', b'2'])]);
            if let Some(slot) = payload.get_mut(position) {
                *slot = octet;
            }
            payload.truncate(cut);
            let _ = client_hello(&payload);
        }
    }
}
