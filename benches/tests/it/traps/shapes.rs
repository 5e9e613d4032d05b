//! Names made to break whoever shows them (T28), and IPv6 with headers before the transport's (T30).

use analyze::output::{Format, Layout, write};

use crate::traps::frames::{CDN, CLIENT, Shot, ip4, judge, octets, play, sessions, syn, tcp};
use crate::traps::{Found, Made, Trap, trap};

const SECOND: i64 = 1_000_000_000;

pub(crate) fn all() -> Vec<Made> {
    vec![
        (
            trap(
                "T28",
                ["names made to break what shows them", "seven, each as SNI, Host and User-Agent; read back from CSV"],
                "service_vendor IS NULL AND server_name = lower(server_name) AND octet_length(server_name) <= 1020
                 AND CASE WHEN dst_port = 80 THEN http_user_agent IS NOT NULL ELSE service = 'tls' END",
                "regexp_like(server_name || coalesce(http_user_agent, ''), '[^ -~]')",
            ),
            hostile,
        ),
        (
            trap(
                "T30",
                ["IPv6 headers before the transport's", "9 sessions behind hop-by-hop, routing, options, AH, atomic fragment"],
                "proto = 'tcp' AND dst_port = 443 AND server_name IS NOT NULL",
                "ip_proto IN (0, 43, 44, 51, 60)",
            ),
            headed,
        ),
    ]
}

/// Quotes, formulas, markup, SQL, paths, control sequences, no UTF-8, and as much as a name may be.
fn names() -> [Vec<u8>; 7] {
    [
        b"'\"\n,;=cmd|' /C calc'!a0".to_vec(),
        b"=hyperlink(\"http://x\")".to_vec(),
        b"</td><script>alert(1)</script>".to_vec(),
        b"x'; drop table flows; --".to_vec(),
        b"../../../etc/passwd\0.example".to_vec(),
        b"\x1b[2j\xff\xfe\xe2\x80\xae.example".to_vec(),
        [vec![b'a'; 250], b"\\,\"\r\t".to_vec()].concat(),
    ]
}

/// The name as it is kept: printable ASCII, all else as decimal numbers behind a backslash.
fn kept(name: &[u8]) -> String {
    let octets = name.iter().map(|octet| match octet {
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(*octet).to_string(),
        _ => format!("\\{octet:03}"),
    });
    octets.collect()
}

fn sized(width: usize, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[4 - width..], content].concat()
}

/// The least that is a hello of TLS 1.2 with a name.
fn hello(name: &[u8]) -> Vec<u8> {
    let list = sized(2, &[&[0][..], &sized(2, name)].concat());
    let extensions = sized(2, &[&[0, 0][..], &sized(2, &list)].concat());
    let head = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0xc0, 0x2f], &[1, 0]].concat();
    let message = [&[1][..], &sized(3, &[head, extensions].concat())].concat();
    [&[22, 3, 1][..], &sized(2, &message)].concat()
}

fn hostile(trap: &Trap) -> Found {
    let mut found = Found::default();
    let (mut all, mut second) = (Vec::new(), 0);
    for name in names() {
        // A line ends where a request's field ends.
        let field: Vec<u8> =
            name.iter().filter(|octet| !matches!(octet, b'\n' | b'\r' | 0)).copied().collect();
        let request =
            [b"GET / HTTP/1.1\r\nHost: ", &field[..], b"\r\nUser-Agent: ", &field, b"\r\n\r\n"];
        for (port, payload) in [(443, hello(&name)), (80, request.concat())] {
            let [a, b, c, _] = CLIENT;
            let client = [a, b, c, 100 + u8::try_from(second).unwrap()];
            all.push(syn(second * SECOND, client, (CDN, port)));
            let segment = tcp(41_000, port, 2, &payload);
            all.push(Shot::ip(second * SECOND + 1, &ip4([client, CDN], (6, 2, 0), &segment)));
            second += 1;
        }
    }
    let (lab, _) = play(&all, |_| {});
    judge(&lab, trap, octets(&all), &mut found);
    let told: Vec<String> = lab
        .ask(
            "SELECT server_name FROM flows WHERE dst_port = 443
             UNION ALL SELECT unnest(server_names) FROM flows WHERE dst_port = 443",
        )
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    for name in names() {
        // What ends at a NUL for most programs is the name, and all of it a further one.
        let whole = kept(&name).to_ascii_lowercase();
        let first = whole.split("\\000").next().unwrap_or_default().to_owned();
        for kept in [whole, first] {
            found.check(told.contains(&kept), &format!("{kept} is not kept as it came: {told:?}"));
        }
    }
    let csv = csv(&lab);
    let broken: Vec<_> = csv.lines().filter(|line| cells(line) != 2).collect();
    let lines = csv.lines().count();
    found.check(lines == all.len() / 2 + 1, &format!("{lines} lines of CSV"));
    found.check(broken.is_empty(), &format!("lines of CSV without two cells: {broken:?}"));
    found
}

/// Cells of a line of CSV; 0 where a quote is left open.
fn cells(line: &str) -> usize {
    let (mut cells, mut is_quoted) = (1, false);
    for octet in line.bytes() {
        match octet {
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => cells += 1,
            _ => {}
        }
    }
    if is_quoted { 0 } else { cells }
}

fn csv(lab: &crate::lab::Lab) -> String {
    let mut out = Vec::new();
    lab.within(async |session| {
        let stream =
            session.stream("SELECT server_name, http_user_agent FROM flows").await.unwrap();
        write(stream, Format::Csv, &Layout::default(), &mut out).await.unwrap();
    });
    String::from_utf8(out).unwrap()
}

/// Headers before TCP, each with the kind of the next: hop-by-hop, routing, options, AH, a fragment that is whole.
fn chain(nth: usize) -> Vec<(u8, Vec<u8>)> {
    let padding = [0, 1, 4, 0, 0, 0, 0];
    let all: [(u8, Vec<u8>); 5] = [
        (0, padding.to_vec()),
        (43, [0, 4, 0, 0, 0, 0, 0].to_vec()),
        (60, padding.to_vec()),
        (51, [&[4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1][..], &[0xee; 12]].concat()),
        (44, [0, 0, 0, 0, 0, 0, 9].to_vec()),
    ];
    match nth % 6 {
        5 => vec![all[0].clone(), all[1].clone(), all[4].clone(), all[2].clone()],
        one => vec![all[one].clone()],
    }
}

fn headed(trap: &Trap) -> Found {
    let mut found = Found::default();
    let mut all = Vec::new();
    for shot in sessions(48) {
        let packet = shot.packet();
        if packet[0] >> 4 != 6 {
            continue;
        }
        // Both directions of a session have the same headers: the host's number is the server's or the client's last octet.
        let is_back = packet[8..24] > packet[24..40];
        let server = if is_back { packet[23] } else { packet[39] };
        let mut next = packet[6];
        let mut body = packet[40..].to_vec();
        for (kind, header) in chain(usize::from(server / 5)).into_iter().rev() {
            body = [&[next][..], &header, &body].concat();
            next = kind;
        }
        let mut changed = packet[..40].to_vec();
        changed[4..6].copy_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        changed[6] = next;
        changed.extend(body);
        all.push(Shot::ip(shot.ts_ns, &changed));
    }
    let (lab, _) = play(&all, |_| {});
    judge(&lab, trap, octets(&all), &mut found);
    found
}
