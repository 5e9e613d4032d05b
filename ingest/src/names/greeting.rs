//! Protocols that are known by how they begin and say little else, and the command after which one of them goes over to TLS.

use crate::hint::{Hint, Spoken};
use crate::names::read::Read;
use crate::names::text::host_name;
use crate::service::Service;

/// Octets of a line, or of the opening tag of a stream, that are waited for.
const LINE_MAX: usize = 1_024;

/// How a line begins, what must stand in it, and what that proves; case does not count.
const GREETINGS: [(&[u8], &[u8], Service); 16] = [
    // RFC 4253 section 4.2.
    (b"SSH-2.0-", b"", Service::Ssh),
    (b"SSH-1.", b"", Service::Ssh),
    // RFC 5321 section 4.2, RFC 959 section 5.4: both greet by 220, and nearly all say who they are.
    (b"220 ", b"smtp", Service::Smtp),
    (b"220-", b"smtp", Service::Smtp),
    (b"220 ", b"ftp", Service::Ftp),
    (b"220-", b"ftp", Service::Ftp),
    (b"EHLO ", b"", Service::Smtp),
    (b"HELO ", b"", Service::Smtp),
    // RFC 9051 section 7.1.1.
    (b"* OK ", b"imap", Service::Imap),
    (b"* OK [", b"imap", Service::Imap),
    // RFC 1939 section 4, RFC 2449 section 5.
    (b"+OK ", b"pop", Service::Pop3),
    (b"CAPA\r", b"", Service::Pop3),
    // The messenger's notification protocol, which begins with its versions or a log-in.
    (b"VER ", b" msnp", Service::Msnp),
    (b"USR ", b" twn i ", Service::Msnp),
    (b"USR ", b" md5 i ", Service::Msnp),
    (b"USR ", b" sso i ", Service::Msnp),
];

/// Octets of a line that may end in a command: a tag stands before it, and white space after it.
const COMMAND_MAX: usize = 64;

/// Commands that end a line after which the same connection speaks TLS (RFC 3207, RFC 9051 section 6.2.1, RFC 2595, RFC 4217).
const UPGRADES: [&[u8]; 3] = [b"STARTTLS", b"STLS", b"AUTH TLS"];

const STREAM: &[u8] = b"<stream:stream";
const STREAM_HEADS: [&[u8]; 3] = [b"<?xml ", STREAM, b"<starttls "];

/// Reads from where a line or a stream may begin.
pub(crate) fn read(bytes: &[u8]) -> Read {
    if bytes.first() == Some(&b'<') {
        return stream(bytes);
    }
    match greeting(bytes) {
        Read::Nothing => upgrade(bytes),
        read => read,
    }
}

fn greeting(bytes: &[u8]) -> Read {
    let first = bytes.first().map(u8::to_ascii_uppercase);
    let is_likely = |begin: &[u8]| {
        begin.first().copied() == first && (begins(bytes, begin) || begins(begin, bytes))
    };
    let mut likely = GREETINGS.iter().filter(|(begin, ..)| is_likely(begin)).peekable();
    if likely.peek().is_none() {
        return Read::Nothing;
    }
    let head = bytes.get(..LINE_MAX).unwrap_or(bytes);
    let end = head.iter().position(|&octet| octet == b'\n');
    let line = head.get(..end.unwrap_or(head.len())).unwrap_or_default();
    let mut read = Read::Nothing;
    for (begin, word, service) in likely {
        if bytes.len() < begin.len() {
            read = Read::Maybe;
        } else if end.is_none() && bytes.len() >= LINE_MAX {
            return Read::Nothing;
        } else if end.is_none() || contains(line, word) {
            let hint = Hint::Spoken(Spoken { service: *service, name: None });
            return Read::until(end.map(|end| end + 1), hint);
        }
    }
    read
}

/// A command to go over to TLS, of which only the end of the line comes next.
fn upgrade(bytes: &[u8]) -> Read {
    let is_text = |octet: &u8| matches!(octet, b' '..=b'~' | b'\r');
    let head = bytes.get(..COMMAND_MAX).unwrap_or(bytes);
    let count = head.iter().take_while(|octet| is_text(octet)).count();
    let line = head.get(..count).unwrap_or_default().trim_ascii_end();
    match head.get(count) {
        Some(b'\n') if UPGRADES.iter().any(|command| ends(line, command)) => {
            Read::Whole(None, count + 1)
        }
        None if UPGRADES.iter().any(|command| begins(command, line)) => Read::Maybe,
        _ => Read::Nothing,
    }
}

fn begins(text: &[u8], with: &[u8]) -> bool {
    text.get(..with.len()).is_some_and(|head| head.eq_ignore_ascii_case(with))
}

/// Whether a short line is the command, or the command after an IMAP tag.
fn ends(line: &[u8], command: &[u8]) -> bool {
    let Some(at) = line.len().checked_sub(command.len()) else { return false };
    let (tag, last) = line.split_at(at);
    let is_tag = tag.is_empty() || tag.ends_with(b" ") && tag.len() <= 32;
    is_tag && last.eq_ignore_ascii_case(command) && !tag.trim_ascii_end().contains(&b' ')
}

fn contains(line: &[u8], word: &[u8]) -> bool {
    word.is_empty() || line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// The opening of an XMPP stream (RFC 6120 section 4.7), or the wish to go over to TLS (section 5.4.2.1).
fn stream(bytes: &[u8]) -> Read {
    if STREAM_HEADS.iter().any(|head| head.starts_with(bytes)) {
        return Read::Maybe;
    }
    let head = bytes.get(..LINE_MAX).unwrap_or(bytes);
    let Some(begin) = STREAM_HEADS.iter().find(|begin| head.starts_with(begin)) else {
        return Read::Nothing;
    };
    let open = if *begin == b"<?xml " { find(head, STREAM) } else { Some(0) };
    let tag = open.and_then(|at| head.get(at..)).unwrap_or_default();
    let Some(end) = tag.iter().position(|&octet| octet == b'>') else {
        return if head.len() < LINE_MAX { Read::Partial(None) } else { Read::Nothing };
    };
    let used = open.unwrap_or_default() + end + 1;
    if tag.starts_with(b"<starttls ") {
        return Read::Whole(None, used);
    }
    let tag = tag.get(..end).unwrap_or_default();
    // Only a server gives a stream its id, and its `to` is the client.
    let is_client = attribute(tag, b"id").is_none();
    let name = attribute(tag, b"to").filter(|_| is_client).and_then(host_name);
    Read::Whole(Some(Hint::Spoken(Spoken { service: Service::Xmpp, name })), used)
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|part| part == word)
}

/// The value of an attribute in a tag.
fn attribute<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut rest = tag;
    while let Some(space) = rest.iter().position(u8::is_ascii_whitespace) {
        rest = rest.get(space + 1..)?;
        let Some(value) = rest.strip_prefix(name).and_then(|after| after.strip_prefix(b"=")) else {
            continue;
        };
        let (quote, value) = value.split_first()?;
        let end = value.iter().position(|octet| octet == quote)?;
        return value.get(..end);
    }
    None
}

/// A client hello (1, in the third octet) in the record format of SSL 2.0 (RFC 5246 appendix E.2): it has no room for a name.
pub(crate) fn sslv2(bytes: &[u8]) -> Read {
    let number = |at: usize| {
        let pair = bytes.get(at..)?.first_chunk()?;
        Some(usize::from(u16::from_be_bytes(*pair)))
    };
    let fits = |at: usize, fit: fn(usize) -> bool| number(at).is_none_or(fit);
    let could_be = fits(3, |version| matches!(version, 0x0002 | 0x0300..=0x0303))
        && fits(5, |suites| suites > 0 && suites % 3 == 0)
        && fits(7, |session| matches!(session, 0 | 16))
        && fits(9, |challenge| (16..=32).contains(&challenge));
    if !could_be {
        return Read::Nothing;
    }
    let parts = number(5).zip(number(7)).zip(number(9));
    let (Some(length), Some(((suites, session), challenge))) = (number(0), parts) else {
        return Read::Maybe;
    };
    let length = length & 0x7fff;
    if length != 9 + suites + session + challenge {
        return Read::Nothing;
    }
    Read::Whole(Some(Hint::Spoken(Spoken { service: Service::Tls, name: None })), 2 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(bytes: &[u8]) -> Option<(&'static str, Option<String>)> {
        match read(bytes) {
            Read::Whole(Some(Hint::Spoken(spoken)), used) => {
                assert!(used <= bytes.len());
                Some((spoken.service.word(), spoken.name.map(|name| name.to_string())))
            }
            _ => None,
        }
    }

    #[test]
    fn greetings_prove_a_protocol() {
        for (line, service) in [
            ("SSH-2.0-OpenSSH_9.2\r\n", Some("ssh")),
            ("220 mx.example.net ESMTP\r\n", Some("smtp")),
            ("220-Pure-FTPd\r\n220 ready\r\n", Some("ftp")),
            ("ehlo client.example\r\n", Some("smtp")),
            ("* OK [CAPABILITY IMAP4rev1] ready\r\n", Some("imap")),
            ("+OK POP3 ready\r\n", Some("pop3")),
            ("VER 1 MSNP8 CVR0\r\n", Some("msnp")),
            ("USR 3 TWN I someone@example.com\r\n", Some("msnp")),
            ("220 hello\r\n", None),
            ("+OK\r\n", None),
            ("VER 1 OTHER\r\n", None),
            ("USER someone\r\n", None),
        ] {
            assert_eq!(spoken(line.as_bytes()).map(|found| found.0), service, "{line}");
            for end in 1..line.find('\n').unwrap() {
                let cut = read(&line.as_bytes()[..end]);
                assert!(!matches!(cut, Read::Whole(..)), "{line} to {end}");
                assert!(service.is_none() || cut != Read::Nothing, "{line} to {end}");
            }
        }
    }

    #[test]
    fn rfc6120_the_client_names_the_server() {
        let open = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' to=\"Talk.Example.\" version='1.0'>";
        assert_eq!(spoken(open.as_bytes()), Some(("xmpp", Some("talk.example".to_owned()))));
        let answer = "<stream:stream from='talk.example' id='7' to='someone@talk.example'>";
        assert_eq!(spoken(answer.as_bytes()), Some(("xmpp", None)));
        assert_eq!(read(b"<stream:stream to='a"), Read::Partial(None));
        assert_eq!(read(b"<html to='a'>"), Read::Nothing);
    }

    #[test]
    fn upgrades_are_seen_to_their_end() {
        for line in ["STARTTLS\r\n", "a02 starttls\r\n", "STLS\r\n", "AUTH TLS\r\n"] {
            assert_eq!(read(line.as_bytes()), Read::Whole(None, line.len()), "{line}");
        }
        let long = [&[b'a'; COMMAND_MAX][..], b" STARTTLS\r\n"].concat();
        for other in [b"a b STARTTLS\r\n".as_slice(), b"NOTLS\r\n", b"a\x01 STLS\r\n", &long] {
            assert_eq!(read(other), Read::Nothing);
        }
        for end in 1..9 {
            assert_eq!(read(&b"STARTTLS\r"[..end]), Read::Maybe);
        }
        let wish = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
        assert_eq!(read(wish), Read::Whole(None, wish.len()));
        assert_eq!(read(b"250 I offer STARTTLS\r\n"), Read::Nothing);
    }

    #[test]
    fn rfc5246_appendix_e2() {
        let mut hello = vec![0x80, 9 + 6 + 16, 1, 3, 1, 0, 6, 0, 0, 0, 16];
        hello.extend([7; 22]);
        let tls = Hint::Spoken(Spoken { service: Service::Tls, name: None });
        assert_eq!(sslv2(&hello), Read::Whole(Some(tls), hello.len()));
        assert_eq!(sslv2(&hello[..7]), Read::Maybe);
        hello[1] += 1;
        assert_eq!(sslv2(&hello), Read::Nothing);
    }
}
