//! TLS handshakes in clear: the client hello (RFC 8446 section 4.1.2; RFC 5246 section 7.4.1.2), in any number of records, and up to TLS 1.2 the
//! server's certificate (RFC 5246 section 7.4.2). The hello of DTLS is the same but for a cookie.

use std::borrow::Cow;

use schemas::Text;

use crate::hint::{Certificate, ClientHello, Hint};
use crate::names::certificate;
use crate::names::cursor::Cursor;
use crate::names::ja4::Offer;
use crate::names::read::Read;
use crate::names::text::{host_name, printable};

mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(super) const ALPN: u16 = 16;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
    /// RFC 9849.
    pub(super) const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

    /// Whether what it holds is read.
    pub(super) const fn is_read(kind: u16) -> bool {
        matches!(
            kind,
            SERVER_NAME | SIGNATURE_ALGORITHMS | ALPN | SUPPORTED_VERSIONS | ENCRYPTED_CLIENT_HELLO
        )
    }
}

/// First octet of versions over a stream.
const STREAM: u8 = 3;
/// First octet of versions over datagrams.
pub(crate) const DATAGRAM: u8 = 0xfe;
pub(crate) const RECORD_HANDSHAKE: u8 = 22;
/// Longest record, with what a cipher may add (RFC 5246 section 6.2.3).
const RECORD_MAX: usize = (1 << 14) + 2048;
/// Extensions that are read: browsers send some twenty.
const EXTENSIONS_MAX: usize = 128;
pub(crate) const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;

/// Reads a handshake from where its first record begins.
pub(crate) fn read(bytes: &[u8]) -> Read {
    let fits = |place: usize, allowed: fn(u8) -> bool| bytes.get(place).is_none_or(|&o| allowed(o));
    if !fits(0, |kind| kind == RECORD_HANDSHAKE)
        || !fits(1, |major| major == 3)
        || !fits(2, |minor| minor <= 4)
        || !fits(5, |kind| matches!(kind, CLIENT_HELLO | SERVER_HELLO))
    {
        return Read::Nothing;
    }
    if let Some(length) = Cursor(bytes.get(3..).unwrap_or_default()).u16()
        && !(1..=RECORD_MAX).contains(&usize::from(length))
    {
        return Read::Nothing;
    }
    let (messages, may_go_on) = handshake(bytes);
    match messages.first() {
        None => Read::Maybe,
        Some(&CLIENT_HELLO) => read_client(&messages, may_go_on, bytes.len()),
        Some(_) => read_server(&messages, may_go_on, bytes.len()),
    }
}

/// The messages of the first handshake records, as far as they are there, and whether more can follow.
fn handshake(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let mut messages: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    let mut records = Cursor(bytes);
    while let Some(kind) = records.u8() {
        if kind != RECORD_HANDSHAKE {
            return (messages, false);
        }
        let Some(length) = records.take(2).and_then(|_| records.u16()) else { break };
        let content = records.up_to(usize::from(length));
        if messages.is_empty() {
            messages = Cow::Borrowed(content);
        } else {
            messages.to_mut().extend_from_slice(content);
        }
    }
    (messages, true)
}

fn read_client(message: &[u8], may_go_on: bool, octets: usize) -> Read {
    let hint = handshake_hello(message).map(Hint::Tls);
    let is_whole = Cursor(message.get(1..).unwrap_or_default())
        .u24()
        .is_some_and(|length| message.len() >= 4 + length);
    match hint {
        hint if !is_whole && may_go_on => Read::Partial(hint),
        None => Read::Nothing,
        hint => Read::Whole(hint, octets),
    }
}

fn read_server(messages: &[u8], may_go_on: bool, octets: usize) -> Read {
    let mut names = Vec::new();
    let mut rest = Cursor(messages);
    let is_whole = loop {
        let (Some(kind), Some(length)) = (rest.u8(), rest.u24()) else { break false };
        let content = rest.up_to(length);
        let is_there = content.len() == length;
        match kind {
            SERVER_HELLO if is_there && is_tls13(content) => break true,
            SERVER_HELLO if is_there => {}
            CERTIFICATE => {
                // The server's own comes first.
                let mut list = Cursor(content.get(3..).unwrap_or_default());
                let Some(own) = list.u24() else { break is_there };
                names = certificate::names(list.up_to(own));
                break is_there || !list.0.is_empty();
            }
            _ => break is_there || kind != SERVER_HELLO,
        }
    };
    let hint = Some(Hint::Certificate(Certificate { names }));
    if is_whole || !may_go_on { Read::Whole(hint, octets) } else { Read::Partial(hint) }
}

/// Whether a server hello chooses TLS 1.3: from there on all is hidden.
fn is_tls13(hello: &[u8]) -> bool {
    let mut hello = Cursor(hello);
    let before = hello.take(34).and_then(|_| hello.vector8()).and_then(|_| hello.take(3));
    let mut extensions = Cursor(before.and_then(|_| hello.vector16()).unwrap_or_default());
    while let (Some(kind), Some(body)) = (extensions.u16(), extensions.vector16()) {
        if kind == extension::SUPPORTED_VERSIONS {
            return body == [3, 4];
        }
    }
    false
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
    let length = message.u24()?;
    let is_whole = message.0.len() >= length;
    hello(message.up_to(length), is_whole, STREAM)
}

/// Reads what a client hello holds, as far as it is there; `major` is the first octet of its versions.
pub(crate) fn hello(body: &[u8], is_whole: bool, major: u8) -> Option<ClientHello> {
    let mut message = Cursor(body);
    let legacy_version = message.u16()?;
    if legacy_version >> 8 != u16::from(major) {
        return None;
    }
    message.take(32)?;
    message.vector8()?;
    if major == DATAGRAM {
        // The cookie (RFC 6347 section 4.2.1, RFC 9147 section 5.3).
        message.vector8()?;
    }
    let mut offer =
        Offer { version: legacy_version, suites: message.vector16()?, ..Offer::default() };
    message.vector8()?;
    let mut hello = ClientHello::default();
    // No extensions at all is allowed before TLS 1.3.
    if message.u16().is_some() {
        while offer.extensions.len() < EXTENSIONS_MAX
            && let (Some(kind), Some(body)) = (message.u16(), message.vector16())
        {
            // Twice is not allowed; what stood first counts, as it does where a hello comes in pieces.
            if extension::is_read(kind) && !offer.extensions.contains(&kind) {
                read_extension(kind, body, (&mut hello, &mut offer));
            }
            offer.extensions.push(kind);
        }
    }
    // An extension that is still to come may offer another version than stands here.
    let is_known = is_whole || offer.extensions.contains(&extension::SUPPORTED_VERSIONS);
    let version = version_name(offer.version).or(version_name(legacy_version));
    hello.version = version.filter(|_| is_known);
    hello.ja4 = is_whole.then(|| offer.ja4());
    Some(hello)
}

fn read_extension<'a>(
    kind: u16,
    body: &'a [u8],
    (hello, offer): (&mut ClientHello, &mut Offer<'a>),
) {
    match kind {
        extension::SERVER_NAME => {
            hello.server_name = server_name(body);
            offer.is_named = true;
        }
        extension::ALPN => {
            offer.alpn = first_alpn(body);
            hello.alpn = Some(offer.alpn).filter(|name| !name.is_empty()).map(printable);
        }
        extension::SIGNATURE_ALGORITHMS => {
            offer.signatures = Cursor(body).vector16().unwrap_or_default();
        }
        extension::SUPPORTED_VERSIONS => {
            offer.version = highest_version(body, offer.version >> 8).unwrap_or(offer.version);
        }
        extension::ENCRYPTED_CLIENT_HELLO => hello.ech_offered = true,
        _ => {}
    }
}

fn server_name(body: &[u8]) -> Option<Text> {
    let mut list = Cursor(Cursor(body).vector16()?);
    while let (Some(kind), Some(name)) = (list.u8(), list.vector16()) {
        if kind == 0 {
            return host_name(name);
        }
    }
    None
}

fn first_alpn(body: &[u8]) -> &[u8] {
    let list = Cursor(body).vector16().unwrap_or_default();
    Cursor(list).vector8().unwrap_or_default()
}

/// The highest version of the list that is none of GREASE's (RFC 8701).
fn highest_version(body: &[u8], major: u16) -> Option<u16> {
    let mut list = Cursor(Cursor(body).vector8()?);
    let versions = std::iter::from_fn(|| list.u16()).filter(|version| version >> 8 == major);
    // DTLS counts downwards (RFC 9147 section 5.3).
    let rank = |version: &u16| if major == u16::from(DATAGRAM) { !*version } else { *version };
    versions.max_by_key(rank)
}

/// The spelling of Zeek's `ssl.version`.
fn version_name(version: u16) -> Option<&'static str> {
    match version {
        0x0300 => Some("SSLv3"),
        0x0301 => Some("TLSv10"),
        0x0302 => Some("TLSv11"),
        0x0303 => Some("TLSv12"),
        0x0304 => Some("TLSv13"),
        0xfeff => Some("DTLSv10"),
        0xfefd => Some("DTLSv12"),
        0xfefc => Some("DTLSv13"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::certificate::tests::certificate;

    fn client_hello(bytes: &[u8]) -> Option<ClientHello> {
        match read(bytes).hint()? {
            Hint::Tls(hello) => Some(hello),
            other => panic!("{other:?}"),
        }
    }

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
        assert_eq!(read.ja4, None, "not without its end");
    }

    /// The messages of a handshake in records of some octets each.
    fn records(messages: &[u8], octets: usize) -> Vec<u8> {
        let record = |part: &[u8]| {
            let length = u16::try_from(part.len()).unwrap().to_be_bytes();
            [[22, 3, 1].as_slice(), &length, part].concat()
        };
        messages.chunks(octets).flat_map(record).collect()
    }

    #[test]
    fn records_change_nothing() {
        let payload = hello(&[sni(b"a.example"), (13, vec![0, 4, 4, 3, 8, 4])]);
        let whole = client_hello(&payload).unwrap();
        assert_eq!(whole.ja4.unwrap().to_string(), "t12d010200_0f2cb44170f4_ef95ca21a004");
        for octets in [1, 5, 60, 1_000] {
            assert_eq!(client_hello(&records(&payload[5..], octets)).unwrap(), whole);
        }
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let [_, length @ ..] = u32::try_from(body.len()).unwrap().to_be_bytes();
        [[kind].as_slice(), &length, body].concat()
    }

    fn server(extensions: &[u8], chain: &[Vec<u8>]) -> Vec<u8> {
        let mut hello = vec![3, 3];
        hello.extend([9; 32]);
        hello.extend([0, 0xc0, 0x2f, 0]);
        hello.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        hello.extend(extensions);
        let list: Vec<u8> = chain.iter().flat_map(|one| message(0, one)[1..].to_vec()).collect();
        let certificates = message(0, &list);
        [message(SERVER_HELLO, &hello), message(CERTIFICATE, &certificates[1..]), message(14, &[])]
            .concat()
    }

    #[test]
    fn rfc5246_the_first_certificate_names_the_server() {
        let chain = [certificate("www.test", &["b.test"]), certificate("ca.test", &[])];
        let flight = server(&[], &chain);
        let names = vec!["www.test".into(), "b.test".into()];
        for octets in [70, 16_000] {
            let bytes = records(&flight, octets);
            let hint = Some(Hint::Certificate(Certificate { names: names.clone() }));
            assert_eq!(read(&bytes), Read::Whole(hint, bytes.len()));
            assert!(matches!(read(&bytes[..200]), Read::Partial(Some(Hint::Certificate(_)))));
        }
        let nobody = Some(Hint::Certificate(Certificate::default()));
        let hidden = records(&server(&[0, 43, 0, 2, 3, 4], &chain), 16_000);
        assert_eq!(read(&hidden), Read::Whole(nobody.clone(), hidden.len()), "TLS 1.3");
        let mut resumed = records(&flight[..42], 16_000);
        resumed.extend([20, 3, 3, 0, 1, 1]);
        assert_eq!(read(&resumed), Read::Whole(nobody, resumed.len()));
    }

    proptest! {
        #[test]
        fn any_damage_is_survived(position in 0..300usize, octet in any::<u8>(), cut in 0..300usize) {
            let mut payload = hello(&[sni(b"xiaomi.com"), (43, vec![4, 3, 4, 3, 3]), (16, vec![0, 3, 2, b'h', b'2'])]);
            if let Some(slot) = payload.get_mut(position) {
                *slot = octet;
            }
            payload.truncate(cut);
            let _ = read(&payload).hint();
        }
    }
}
