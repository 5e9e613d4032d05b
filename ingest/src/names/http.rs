//! The head of an HTTP/1 request (RFC 9112).

use crate::hint::{Hint, Request};
use crate::names::read::Read;
use crate::names::text::{host_name, printable};

/// Octets that are searched.
const HEAD_MAX: usize = 8192;
const METHODS: [&[u8]; 14] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"TRACE ",
    b"CONNECT ",
    b"PROPFIND ",
    b"REPORT ",
    b"SUBSCRIBE ",
    b"NOTIFY ",
    b"M-SEARCH ",
];

/// Reads a request from where its first line begins.
pub(crate) fn read(bytes: &[u8]) -> Read {
    let mut likely = METHODS.iter().filter(|method| method.first() == bytes.first());
    let Some(method) = likely.find(|it| bytes.starts_with(it) || it.starts_with(bytes)) else {
        return Read::Nothing;
    };
    if bytes.len() < method.len() {
        return Read::Maybe;
    }
    let head = bytes.get(..HEAD_MAX).unwrap_or(bytes);
    let mut lines = head.split_inclusive(|&octet| octet == b'\n');
    let Some(first) = lines.next().filter(|line| line.ends_with(b"\n")) else {
        return if head.len() < HEAD_MAX { Read::Partial(None) } else { Read::Nothing };
    };
    let Some(target) = target(first) else { return Read::Nothing };
    let mut request = Request { is_connect: *method == b"CONNECT ", ..Request::default() };
    request.target = authority(target, request.is_connect).and_then(host_name);
    let mut used = first.len();
    for line in lines {
        // A line without its end is not known whole.
        let Some(text) = line.strip_suffix(b"\n") else { break };
        used += line.len();
        let text = text.trim_ascii_end();
        if text.is_empty() {
            return Read::Whole(Some(Hint::Http(request)), used);
        }
        header(text, &mut request);
    }
    Read::Partial(Some(Hint::Http(request)))
}

fn header(line: &[u8], request: &mut Request) {
    let Some(colon) = line.iter().position(|&octet| octet == b':') else { return };
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    if name.eq_ignore_ascii_case(b"host") && request.host.is_none() {
        request.host = host_name(without_port(value));
    } else if name.eq_ignore_ascii_case(b"user-agent") && request.user_agent.is_none() {
        request.user_agent = Some(printable(value)).filter(|text| !text.is_empty());
    }
}

/// What a request line asks for; none where it is not one.
fn target(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_end();
    let (method, last) = (
        line.iter().position(|&octet| octet == b' ')?,
        line.iter().rposition(|&octet| octet == b' ')?,
    );
    if !line.get(last + 1..)?.starts_with(b"HTTP/") {
        return None;
    }
    Some(line.get(method + 1..last).unwrap_or_default())
}

/// The host of a target in absolute or authority form (RFC 9112 sections 3.2.2 and 3.2.3).
fn authority(target: &[u8], is_connect: bool) -> Option<&[u8]> {
    // Whatever has a slash is another form, by mistake.
    if is_connect && !target.contains(&b'/') {
        return Some(without_port(target));
    }
    let scheme = target.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case(b"http://"));
    let rest = target.get(scheme?.len()..)?;
    let end = rest.iter().position(|octet| b"/?#".contains(octet)).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    // Whoever asks may stand before it.
    let host = authority.iter().rposition(|&octet| octet == b'@').map_or(0, |at| at + 1);
    authority.get(host..).map(without_port)
}

/// `example.org:8080` and `[2001:db8::1]:80` without their port.
fn without_port(host: &[u8]) -> &[u8] {
    if host.first() == Some(&b'[') {
        let end = host.iter().position(|&octet| octet == b']').unwrap_or(host.len());
        return host.get(1..end).unwrap_or_default();
    }
    match host.iter().rposition(|&octet| octet == b':') {
        Some(colon)
            if host.get(colon + 1..).is_some_and(|port| port.iter().all(u8::is_ascii_digit)) =>
        {
            host.get(..colon).unwrap_or(host)
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: &[u8]) -> Option<Request> {
        match read(bytes).hint()? {
            Hint::Http(request) => Some(request),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rfc9112_host_and_user_agent() {
        let cases: [(&str, Option<&str>, Option<&str>); 5] = [
            (
                "GET / HTTP/1.1\r\nHost: Naver.jp\r\nUser-Agent: MIUI/1\r\n\r\n",
                Some("naver.jp"),
                Some("MIUI/1"),
            ),
            (
                "POST /x HTTP/1.1\r\nuser-agent:a\r\nHOST:line.me:8080\r\n\r\n",
                Some("line.me"),
                Some("a"),
            ),
            ("GET / HTTP/1.1\nHost: [2001:db8::1]:80\n\n", Some("2001:db8::1"), None),
            ("GET / HTTP/1.0\r\n\r\nHost: body.example\r\n", None, None),
            ("GET / HTTP/1.1\r\nHost: cut.exam", None, None),
        ];
        for (payload, host, agent) in cases {
            let read = request(payload.as_bytes()).unwrap();
            assert_eq!(
                (read.host.as_deref(), read.user_agent.as_deref()),
                (host, agent),
                "{payload}"
            );
        }
    }

    #[test]
    fn rfc9112_the_target_names_the_server_too() {
        for (line, target, is_connect) in [
            ("GET http://u:p@Line.me:8080/x?y HTTP/1.1", Some("line.me"), false),
            ("GET HTTP://[2001:db8::1]?x HTTP/1.1", Some("2001:db8::1"), false),
            ("CONNECT line.me:443 HTTP/1.1", Some("line.me"), true),
            ("CONNECT / HTTP/1.1", None, true),
            ("CONNECT http://line.me:443/ HTTP/1.1", Some("line.me"), true),
            ("OPTIONS * HTTP/1.1", None, false),
            ("GET /http://line.me/ HTTP/1.1", None, false),
            ("GET http:// HTTP/1.1", None, false),
        ] {
            let bytes = format!("{line}\r\nHost: a.test\r\n\r\nGET");
            let read = request(bytes.as_bytes()).unwrap();
            assert_eq!((read.target.as_deref(), read.is_connect), (target, is_connect), "{line}");
            assert_eq!(read.host.as_deref(), Some("a.test"));
            assert!(
                matches!(super::read(bytes.as_bytes()), Read::Whole(_, used) if used + 3 == bytes.len())
            );
        }
    }

    #[test]
    fn what_is_no_request_is_declined() {
        for payload in ["HTTP/1.1 200 OK\r\n", "GET me a coffee\r\nHost: x\r\n", "USER a\r\n", "GE"]
        {
            assert_eq!(request(payload.as_bytes()), None, "{payload}");
        }
    }
}
