//! The head of an HTTP/1 request (RFC 9112), as far as it lies in one segment.

use crate::hint::Request;
use crate::names::text::{host_name, printable};

/// Octets of a segment that are searched.
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

/// Reads a request from the start of a TCP payload.
pub(crate) fn request(payload: &[u8]) -> Option<Request> {
    if !METHODS.iter().any(|method| payload.starts_with(method)) {
        return None;
    }
    let head = payload.get(..HEAD_MAX).unwrap_or(payload);
    let mut lines = head.split_inclusive(|&octet| octet == b'\n');
    if !lines.next().is_some_and(is_request_line) {
        return None;
    }
    let mut request = Request::default();
    for line in lines {
        // A line without its end is not known whole.
        let Some(line) = line.strip_suffix(b"\n") else { break };
        let line = line.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        let Some(colon) = line.iter().position(|&octet| octet == b':') else { continue };
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?.trim_ascii());
        if name.eq_ignore_ascii_case(b"host") && request.host.is_none() {
            request.host = host_name(without_port(value));
        } else if name.eq_ignore_ascii_case(b"user-agent") && request.user_agent.is_none() {
            request.user_agent = Some(printable(value)).filter(|text| !text.is_empty());
        }
    }
    Some(request)
}

fn is_request_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.iter().rposition(|&octet| octet == b' ').is_some_and(|space| {
        line.get(space + 1..).is_some_and(|version| version.starts_with(b"HTTP/"))
    })
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
    fn what_is_no_request_is_declined() {
        for payload in ["HTTP/1.1 200 OK\r\n", "GET me a coffee\r\nHost: x\r\n", "USER a\r\n", "GE"]
        {
            assert_eq!(request(payload.as_bytes()), None, "{payload}");
        }
    }
}
