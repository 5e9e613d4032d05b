//! What named a flow.

use schemas::Text;

use crate::flow::room::allocated;
use crate::hint::{ClientHello, Hint, Ja4};
use crate::names::text::before_nul;

/// Names kept besides the first.
const FURTHER_NAMES_MAX: usize = 8;
/// Where a name stood that any other outranks: the server said it, and of many.
const CERTIFICATE: &str = "tls_cert";

/// What named the flow; allocated when something does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// First name of the server.
    pub server_name: Option<Text>,
    /// Where that stood.
    pub source: Option<&'static str>,
    /// Further names.
    pub further: Vec<Text>,
    /// First ALPN protocol offered.
    pub alpn: Option<Text>,
    /// Highest TLS version offered.
    pub tls_version: Option<&'static str>,
    /// Fingerprint of the client hello.
    pub ja4: Option<Ja4>,
    /// Whether ECH was offered.
    pub ech_offered: Option<bool>,
    /// User-Agent of the first request.
    pub user_agent: Option<Text>,
}

impl Names {
    fn name(&mut self, name: Option<Text>, source: &'static str) {
        let Some(name) = name else { return };
        // What most programs take for the name, and then all that was sent.
        if source != CERTIFICATE
            && let Some(beginning) = before_nul(&name)
        {
            self.name(Some(beginning.into()), source);
        }
        if self.source == Some(CERTIFICATE) && source != CERTIFICATE {
            let outranked = self.server_name.replace(name.clone());
            self.source = Some(source);
            self.further.retain(|other| *other != name);
            let outranked = outranked.filter(|other| *other != name);
            if self.further.len() < FURTHER_NAMES_MAX {
                self.further.splice(..0, outranked);
            }
            return;
        }
        match &self.server_name {
            None => {
                self.server_name = Some(name);
                self.source = Some(source);
            }
            Some(first) if *first == name || self.further.contains(&name) => {}
            Some(_) if self.further.len() < FURTHER_NAMES_MAX => self.further.push(name),
            Some(_) => {}
        }
    }

    /// Octets that hang on it.
    pub(super) fn octets(&self) -> usize {
        let texts = [&self.server_name, &self.alpn, &self.user_agent].into_iter().flatten();
        let list = match self.further.capacity() {
            0 => 0,
            names => allocated(names * size_of::<Text>()),
        };
        list + texts.chain(&self.further).map(text_octets).sum::<usize>()
    }

    fn greet(&mut self, hello: ClientHello, source: &'static str) {
        self.name(hello.server_name, source);
        self.alpn = self.alpn.take().or(hello.alpn);
        // A hello is learned from while it comes: there may be more in it, never less.
        self.tls_version = self.tls_version.or(hello.version);
        self.ja4 = self.ja4.or(hello.ja4);
        self.ech_offered = self.ech_offered.max(Some(hello.ech_offered));
    }

    /// Takes in what a payload said.
    pub fn learn(&mut self, hint: Hint) {
        match hint {
            Hint::Tls(hello) => self.greet(hello, "tls_sni"),
            Hint::Quic(mut hello) => {
                hello.ja4 = hello.ja4.map(|ja4| ja4.over(b'q'));
                self.greet(hello, "quic_sni");
            }
            Hint::Dtls(mut hello) => {
                hello.ja4 = hello.ja4.map(|ja4| ja4.over(b'd'));
                self.greet(hello, "dtls_sni");
            }
            Hint::Certificate(certificate) => {
                for name in certificate.names {
                    self.name(Some(name), CERTIFICATE);
                }
            }
            Hint::Http(request) => {
                let source = if request.is_connect { "http_connect" } else { "http_host" };
                self.name(request.target, source);
                self.name(request.host, source);
                self.user_agent = self.user_agent.take().or(request.user_agent);
            }
            Hint::Spoken(spoken) => self.name(spoken.name, spoken.service.word()),
        }
    }
}

impl Names {
    /// Whether the client has named the server.
    pub(super) fn is_from_client(&self) -> bool {
        self.source.is_some_and(|source| source != CERTIFICATE)
    }
}

/// Octets that a text takes besides itself: none where it is short.
fn text_octets(text: &Text) -> usize {
    if text.is_heap_allocated() { allocated(2 * size_of::<usize>() + text.len()) } else { 0 }
}

/// Octets that a hint may add to the names of a flow: its texts, and the list of further names.
pub(super) fn octets_of(hint: &Hint) -> usize {
    let texts: [Option<&Text>; 3] = match hint {
        Hint::Tls(hello) | Hint::Quic(hello) | Hint::Dtls(hello) => {
            [hello.server_name.as_ref(), hello.alpn.as_ref(), None]
        }
        Hint::Http(request) => {
            [request.target.as_ref(), request.host.as_ref(), request.user_agent.as_ref()]
        }
        Hint::Certificate(_) => [None; 3],
        Hint::Spoken(spoken) => [spoken.name.as_ref(), None, None],
    };
    let names: &[Text] =
        if let Hint::Certificate(certificate) = hint { &certificate.names } else { &[] };
    let texts = texts.into_iter().flatten().chain(names);
    let list = allocated(FURTHER_NAMES_MAX * size_of::<Text>());
    // A text with a NUL in it may be kept twice: up to there, and all of it.
    let copies = |text: &Text| 1 + usize::from(before_nul(text).is_some());
    texts.map(|text| copies(text) * text_octets(text)).sum::<usize>() + list
}
