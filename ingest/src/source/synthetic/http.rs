//! Builds clear-text requests and answers of an exact size: HTTP/1.1 and the Messenger protocol.
//!
//! Bodies are letters only, so no dissector takes them for something else.

use crate::source::synthetic::rng::Rng;

/// Head and body of exactly `total` bytes, where `head` is given the body's length to state.
fn exact(total: usize, rng: &mut Rng, head: impl Fn(usize) -> String) -> Vec<u8> {
    let mut body = total.saturating_sub(head(0).len());
    // The length's own digits lengthen the head; a few steps settle it.
    while body > 0 && head(body).len() + body > total {
        body -= 1;
    }
    let mut head = head(body);
    // Between 9 and 10 digits no body fits: a blank after the colon makes up for the byte.
    if head.len() + body < total {
        head = head.replacen("Content-Length: ", "Content-Length:  ", 1);
    }
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&rng.text(body));
    bytes
}

/// A POST to `host`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Post<'a> {
    pub(crate) host: &'a str,
    pub(crate) target: &'a str,
    pub(crate) agent: &'a str,
}

impl Post<'_> {
    /// The request, `total` bytes in all.
    pub(crate) fn request(self, total: usize, rng: &mut Rng) -> Vec<u8> {
        exact(total, rng, |length| {
            format!(
                "POST {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\n\
                 Content-Type: application/octet-stream\r\n\
                 Content-Length: {length}\r\nConnection: keep-alive\r\n\r\n",
                self.target, self.host, self.agent
            )
        })
    }
}

/// A server's answer, `total` bytes in all.
pub(crate) fn response(total: usize, rng: &mut Rng) -> Vec<u8> {
    exact(total, rng, |length| {
        format!(
            "HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/octet-stream\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    })
}

/// How a Messenger client begins.
pub(crate) const MSNP_HELLO: &[u8] = b"VER 1 MSNP18 MSNP17 CVR0\r\n";

/// Messenger message commands, `total` bytes in all.
pub(crate) fn messenger(total: usize, rng: &mut Rng) -> Vec<u8> {
    exact(total, rng, |length| format!("MSG 2 A {length}\r\n"))
        .into_iter()
        .chain(std::iter::repeat(b'\n'))
        .take(total)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Post, messenger, response};
    use crate::source::synthetic::rng::Rng;

    #[test]
    fn every_size_is_exact() {
        let mut rng = Rng::of(1, "http", "test");
        let post = Post { host: "h.example", target: "/", agent: "probe" };
        for total in 250..1_600 {
            assert_eq!(post.request(total, &mut rng).len(), total);
            assert_eq!(response(total, &mut rng).len(), total);
            assert_eq!(messenger(total, &mut rng).len(), total);
        }
    }
}
