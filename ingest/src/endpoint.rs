//! Serves the counters to whoever asks on this machine: a small blocking responder, one connection at a time, never more than a few seconds for each.
//!
//! It listens on the loopback or on a unix socket, and nowhere else: what the probe sees is nobody else's business.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;

use crate::exposition::{CONTENT_TYPE, exposition};
use crate::metrics::Metrics;

/// Time for a request to come, and again for its answer to be taken.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it looks whether to stop.
const LOOK: Duration = Duration::from_millis(200);
/// A request line is no longer (RFC 9112 section 3 recommends to take 8,000 octets).
const LINE_MAX: usize = 8 << 10;
/// A request's head is no longer.
const HEAD_MAX: usize = 16 << 10;
/// Without packet or tick for this long, the probe is not well.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Why there is no endpoint.
#[derive(Debug, Error)]
pub enum EndpointError {
    /// It is no address.
    #[error(
        "--metrics {0:?} is no address; write it like 127.0.0.1:9100, [::1]:9100 or /run/outflow/metrics.sock"
    )]
    Address(String),
    /// Others could reach it.
    #[error(
        "--metrics {0} can be reached from other machines; use an address of the loopback (127.0.0.1:9100 or [::1]:9100) or the path of a unix socket, and a proxy for others"
    )]
    NotLoopback(SocketAddr),
    /// The path is something else's.
    #[error("--metrics {0:?} exists and is no socket; name another path")]
    NoSocket(PathBuf),
    /// Someone listens already.
    #[error("--metrics {0:?}: another process answers there; name another path or stop it")]
    Taken(PathBuf),
    /// It cannot be had.
    #[error("could not listen on --metrics {address}")]
    Bind {
        /// The address.
        address: String,
        /// Why not.
        source: io::Error,
    },
}

impl EndpointError {
    /// Whether the request was wrong, rather than its execution.
    pub const fn is_usage(&self) -> bool {
        !matches!(self, Self::Bind { .. })
    }
}

/// A socket that waits for questions.
#[derive(Debug)]
pub struct Endpoint(Listener);

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // If it cannot be removed, the next start finds that nobody answers there.
            let _ = fs::remove_file(path);
        }
    }
}

impl Endpoint {
    /// Listens on an address of the loopback (`127.0.0.1:9100`, `[::1]:9100`) or at a path, which is what holds a slash.
    pub fn bind(address: &str) -> Result<Self, EndpointError> {
        let failed = |source| EndpointError::Bind { address: address.to_owned(), source };
        let Some(at) = loopback(address)? else {
            let path = Path::new(address);
            clear_stale(path)?;
            let listener = UnixListener::bind(path).map_err(failed)?;
            let listener = Listener::Unix(listener, path.to_owned());
            fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(failed)?;
            return Ok(Self(listener));
        };
        Ok(Self(Listener::Tcp(TcpListener::bind(at).map_err(failed)?)))
    }

    /// Where it listens: address and port, or path.
    pub fn address(&self) -> String {
        match &self.0 {
            Listener::Tcp(listener) => {
                listener.local_addr().map_or_else(|_| String::new(), |at| at.to_string())
            }
            Listener::Unix(_, path) => path.display().to_string(),
        }
    }

    /// Answers until told to stop, which it notices within a fraction of a second.
    pub fn run(self, metrics: &Metrics, stop: &AtomicBool) {
        let mut pulse = Pulse { beats: beats(metrics), since: Instant::now() };
        while !stop.load(Ordering::Relaxed) {
            let is_asked = readable(self.fd(), LOOK);
            let is_alive = pulse.feel(metrics);
            if !is_asked {
                continue;
            }
            let books_close = metrics.balance_error.get() == 0;
            let state = State { metrics, stop, is_alive, books_close };
            // A visitor that leaves early or keeps us waiting gets no answer; the next one does.
            let _ = match &self.0 {
                Listener::Tcp(listener) => listener.accept().and_then(|(tcp, _)| state.serve(tcp)),
                Listener::Unix(listener, _) => {
                    listener.accept().and_then(|(unix, _)| state.serve(unix))
                }
            };
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Listener::Tcp(listener) => listener.as_fd(),
            Listener::Unix(listener, _) => listener.as_fd(),
        }
    }
}

/// Whether [`Endpoint::bind`] would take an address; nothing is opened.
pub fn check_address(address: &str) -> Result<(), EndpointError> {
    loopback(address).map(|_| ())
}

/// The address of the loopback that is meant; none for a path, which is what holds a slash.
fn loopback(address: &str) -> Result<Option<SocketAddr>, EndpointError> {
    if address.contains('/') {
        return Ok(None);
    }
    let at = match address.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        Some(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        None => address.parse().map_err(|_| EndpointError::Address(address.to_owned()))?,
    };
    if at.ip().is_loopback() { Ok(Some(at)) } else { Err(EndpointError::NotLoopback(at)) }
}

/// Removes the socket that a killed probe left behind.
fn clear_stale(path: &Path) -> Result<(), EndpointError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(EndpointError::NoSocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|source| EndpointError::Bind { address: path.display().to_string(), source }),
        _ => Err(EndpointError::Taken(path.to_owned())),
    }
}

/// Waits for something to read.
fn readable(fd: BorrowedFd<'_>, wait: Duration) -> bool {
    let wait = PollTimeout::try_from(wait).unwrap_or(PollTimeout::ZERO);
    poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], wait).is_ok_and(|ready| ready > 0)
}

/// Whether packets or ticks come.
struct Pulse {
    beats: u64,
    since: Instant,
}

impl Pulse {
    fn feel(&mut self, metrics: &Metrics) -> bool {
        let beats = beats(metrics);
        if beats != self.beats {
            *self = Self { beats, since: Instant::now() };
        }
        self.since.elapsed() < SILENCE_MAX
    }
}

fn beats(metrics: &Metrics) -> u64 {
    let packets = metrics.lanes.iter().map(|lane| lane.counters.packets_seen.get());
    packets.fold(metrics.ticks.get(), u64::wrapping_add)
}

/// A connection with time limits.
trait Line: Read + Write + AsFd {
    fn limit_write(&self, time: Duration) -> io::Result<()>;
    fn no_more(&self) -> io::Result<()>;
}

impl Line for TcpStream {
    fn limit_write(&self, time: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(time))
    }
    fn no_more(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Line for UnixStream {
    fn limit_write(&self, time: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(time))
    }
    fn no_more(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// What an answer is made from.
struct State<'a> {
    metrics: &'a Metrics,
    stop: &'a AtomicBool,
    is_alive: bool,
    books_close: bool,
}

impl State<'_> {
    fn serve(&self, mut line: impl Line) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        let answer = self.answer(&self.request(&mut line, until)?);
        let until = Instant::now() + PATIENCE;
        let mut rest = answer.as_bytes();
        while !rest.is_empty() {
            line.limit_write(left(until)?.min(LOOK))?;
            match line.write(rest) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(error) if is_passing(&error) && !self.is_over() => {}
                Err(error) => return Err(error),
            }
        }
        line.no_more()?;
        // A connection closed over unread octets is reset, and the answer is lost with it: they are read, up to a limit.
        let mut unread = [0; 4096];
        for _ in 0..16 {
            let wait = left(until)?.min(LOOK);
            if !readable(line.as_fd(), wait) || line.read(&mut unread)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The head of a request, or as much of it as is taken.
    fn request(&self, line: &mut impl Line, until: Instant) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        let mut piece = [0; 2048];
        while head.len() < HEAD_MAX && !is_whole(&head) && !self.is_over() {
            if !readable(line.as_fd(), left(until)?.min(LOOK)) {
                continue;
            }
            let taken = line.read(&mut piece)?;
            if taken == 0 {
                break;
            }
            head.extend_from_slice(piece.get(..taken).unwrap_or_default());
        }
        Ok(head)
    }

    fn answer(&self, head: &[u8]) -> String {
        let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if first.len() > LINE_MAX {
            return plain("414 URI Too Long", "the request line is too long\n");
        }
        if !is_whole(head) {
            return plain("400 Bad Request", "no whole HTTP request came\n");
        }
        let words = std::str::from_utf8(first).unwrap_or_default();
        let words: Vec<&str> = words.split_ascii_whitespace().collect();
        let [method, target, version] = words.as_slice() else {
            return plain("400 Bad Request", "this is no HTTP request\n");
        };
        if !version.starts_with("HTTP/1.") {
            return plain("400 Bad Request", "HTTP/1.0 or 1.1 is wanted\n");
        }
        if *method != "GET" {
            return response("405 Method Not Allowed\r\nAllow: GET", PLAIN, "only GET is served\n");
        }
        match target.split('?').next().unwrap_or_default() {
            "/metrics" => response("200 OK", CONTENT_TYPE, &exposition(self.metrics)),
            "/healthz" => self.health(),
            "/" => plain("200 OK", "outflow probe: /metrics for Prometheus, /healthz\n"),
            _ => plain("404 Not Found", "there is /metrics and /healthz\n"),
        }
    }

    fn health(&self) -> String {
        match (self.is_alive, self.books_close) {
            (true, true) => plain("200 OK", "ok\n"),
            (false, _) => plain(UNAVAILABLE, "the capture thread is silent\n"),
            (true, false) => plain(UNAVAILABLE, "the ledger does not close\n"),
        }
    }
}

const PLAIN: &str = "text/plain; charset=utf-8";
const UNAVAILABLE: &str = "503 Service Unavailable";

fn plain(status: &str, body: &str) -> String {
    response(status, PLAIN, body)
}

fn response(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Whether a head has its empty line; bare line feeds are taken (RFC 9112 section 2.2).
fn is_whole(head: &[u8]) -> bool {
    head.windows(2).any(|pair| pair == b"\n\n") || head.windows(4).any(|four| four == b"\r\n\r\n")
}

/// Time until then.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    // Shorter times could be rounded to none, which means for ever.
    if left < Duration::from_millis(1) { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// Whether it may be tried again.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
