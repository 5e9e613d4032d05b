//! The endpoint of the counters: what it answers, to whom, and that nobody holds it up.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ingest::endpoint::{Endpoint, EndpointError};
use ingest::metrics::{LaneMetrics, Metrics};

use crate::lab::skip;

fn metrics() -> Metrics {
    let metrics = Metrics {
        sensor: "lab".to_owned(),
        interface: "eth0".to_owned(),
        backend: "pnet",
        lanes: (0..64).map(|_| LaneMetrics::default()).collect(),
        ..Metrics::default()
    };
    metrics.lanes[63].counters.packets_seen.add(42);
    metrics
}

/// Runs an endpoint on the loopback while `visit` is given its address; gives how long it took to stop.
fn served(metrics: &Metrics, visit: impl FnOnce(&str)) -> Duration {
    let endpoint = Endpoint::bind("127.0.0.1:0").unwrap();
    let address = endpoint.address();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let running = scope.spawn(|| endpoint.run(metrics, &stop));
        let visited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| visit(&address)));
        stop.store(true, Ordering::Relaxed);
        let told = Instant::now();
        running.join().unwrap();
        if let Err(panic) = visited {
            std::panic::resume_unwind(panic);
        }
        told.elapsed()
    })
}

/// What comes back for some octets.
fn ask(address: &str, octets: &[u8]) -> String {
    let mut line = TcpStream::connect(address).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The other side may have heard enough before all is said.
    let _ = line.write_all(octets);
    let _ = line.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = line.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn get(address: &str, target: &str) -> String {
    ask(address, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

#[test]
fn questions_and_their_answers() {
    let metrics = metrics();
    served(&metrics, |at| {
        let page = get(at, "/metrics");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(page.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        let (head, body) = page.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        let sample = r#"outflow_packets_seen_total{sensor="lab",interface="eth0",lane="63"} 42"#;
        assert!(body.lines().any(|line| line == sample), "{body}");
        for (question, status) in [
            ("GET / HTTP/1.0\r\n\r\n", "200"),
            ("GET /metrics?x=1 HTTP/1.1\n\n", "200"),
            ("GET /healthz HTTP/1.1\r\n\r\n", "200"),
            ("GET /etc/passwd HTTP/1.1\r\n\r\n", "404"),
            ("GET /../metrics HTTP/1.1\r\n\r\n", "404"),
            ("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405"),
            ("GET /metrics HTTP/2\r\n\r\n", "400"),
            ("GET /metrics\r\n\r\n", "400"),
            ("GET /metrics HTTP/1.1\r\n", "400"),
            ("\r\n\r\n", "400"),
            ("", "400"),
            ("\u{0}\u{1}\u{16}\u{3}\u{1}", "400"),
        ] {
            let answer = ask(at, question.as_bytes());
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{question:?}: {answer}");
        }
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(9 << 10));
        assert!(ask(at, long.as_bytes()).starts_with("HTTP/1.1 414 "));
        // More than is taken, and none of it text.
        ask(at, &vec![0xFF; 1 << 20]);
        assert!(get(at, "/").contains("200 OK"));
    });
}

#[test]
fn a_ledger_that_does_not_close_is_no_health() {
    let metrics = metrics();
    metrics.balance_error.set(1);
    served(&metrics, |at| {
        let answer = get(at, "/healthz");
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("ledger"), "{answer}");
    });
}

#[test]
fn silence_is_no_health_and_ticks_are() {
    let metrics = metrics();
    served(&metrics, |at| {
        assert!(get(at, "/healthz").contains("200 OK"));
        thread::sleep(Duration::from_millis(10_500));
        let answer = get(at, "/healthz");
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("silent"), "{answer}");
        metrics.ticks.add(1);
        assert!(get(at, "/healthz").contains("200 OK"));
    });
}

#[test]
fn who_dawdles_is_left_after_two_seconds() {
    served(&metrics(), |at| {
        let mut slow = TcpStream::connect(at).unwrap();
        let began = Instant::now();
        thread::scope(|scope| {
            // An octet every 100 ms: each in time, the whole never.
            scope.spawn(|| {
                while slow.write_all(b"G").is_ok() && began.elapsed() < Duration::from_secs(8) {
                    thread::sleep(Duration::from_millis(100));
                }
            });
            thread::sleep(Duration::from_millis(300));
            assert!(get(at, "/").contains("200 OK"));
            let waited = began.elapsed();
            let allowed = Duration::from_millis(1_500)..Duration::from_millis(3_500);
            assert!(allowed.contains(&waited), "{waited:?}");
        });
    });
}

#[test]
fn it_stops_at_once_even_with_a_visitor() {
    let mut silent = None;
    let took = served(&metrics(), |at| {
        silent = Some(TcpStream::connect(at).unwrap());
        thread::sleep(Duration::from_millis(300));
    });
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn only_the_loopback_and_paths_are_taken() {
    for (address, word) in [
        ("0.0.0.0:9100", "can be reached from other machines"),
        ("[::]:9100", "can be reached from other machines"),
        ("192.0.2.1:9100", "can be reached from other machines"),
        ("[::ffff:127.0.0.1]:9100", "can be reached from other machines"),
        ("9100", "is no address"),
        ("localhost", "is no address"),
        ("127.0.0.1:99999", "is no address"),
    ] {
        let error = Endpoint::bind(address).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(word), "{address}: {error}");
    }
    let taken = Endpoint::bind("localhost:0").unwrap();
    let error = Endpoint::bind(&taken.address()).unwrap_err();
    assert!(!error.is_usage() && error.to_string().contains(&taken.address()), "{error}");
    assert!(Endpoint::bind("[::1]:0").unwrap().address().starts_with("[::1]:"));
}

#[test]
fn a_unix_socket_replaces_a_dead_one_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.sock");
    let name = path.to_str().unwrap();
    std::fs::write(&path, "mine").unwrap();
    assert!(matches!(Endpoint::bind(name), Err(EndpointError::NoSocket(_))));
    std::fs::remove_file(&path).unwrap();
    // A socket that nobody listens at: what a killed probe leaves behind.
    drop(UnixListener::bind(&path).unwrap());
    let endpoint = Endpoint::bind(name).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(matches!(Endpoint::bind(name), Err(EndpointError::Taken(_))));
    let (stop, metrics) = (AtomicBool::new(false), metrics());
    thread::scope(|scope| {
        scope.spawn(|| endpoint.run(&metrics, &stop));
        let mut line = UnixStream::connect(&path).unwrap();
        line.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = String::new();
        let read = line.read_to_string(&mut answer);
        stop.store(true, Ordering::Relaxed);
        assert!(read.is_ok() && answer.contains("outflow_ticks_total"), "{answer}");
    });
    assert!(!path.exists());
}

/// Prometheus' own reader of the format, and curl as the client.
#[test]
fn prometheus_reads_what_curl_fetches() {
    const PARSE: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families as families
samples = {(s.name, s.labels.get('lane')): s.value for f in families(sys.stdin.read()) for s in f.samples}
assert samples['outflow_packets_seen_total', '63'] == 42, samples
assert samples['outflow_build_info', None] == 1, samples
print(len(samples))
";
    let has = |program: &str, test: &[&str]| {
        let status =
            Command::new(program).args(test).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !has("curl", &["-sV"]) || !has("python3", &["-c", "import prometheus_client"]) {
        skip(
            "prometheus_reads_what_curl_fetches",
            "curl or python3's prometheus_client is missing",
        );
        return;
    }
    served(&metrics(), |at| {
        let mut curl = Command::new("curl")
            .args(["-sSf", "--noproxy", "*", &format!("http://{at}/metrics")])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let page = curl.stdout.take().unwrap();
        let read = Command::new("python3").args(["-c", PARSE]).stdin(page).output().unwrap();
        assert!(curl.wait().unwrap().success());
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        let samples: usize = String::from_utf8_lossy(&read.stdout).trim().parse().unwrap();
        assert!(samples > 64 * 16, "{samples}");
    });
}
