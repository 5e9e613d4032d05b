//! DNS that does not come as one datagram of one question: in fragments (T11); over TCP, with loops, with two questions, unseen (T26).

use crate::traps::frames::{
    CDN, CLIENT, RESOLVER, Shot, ip4, judge, number, octets, play, syn, tcp, udp,
};
use crate::traps::{Found, Made, Trap, trap};

const SECOND: i64 = 1_000_000_000;
const NAME: &[u8] = b"\x03api\x06xiaomi\x03com\0";

pub(crate) fn all() -> Vec<Made> {
    vec![
        (
            trap(
                "T11",
                ["an answer in fragments", "in three, reordered; one twice with other octets; the first missing"],
                "CASE WHEN dst_port = 443 AND dst_ip = '203.69.138.10' AND src_ip <> '10.20.9.9'
                 THEN service_vendor = 'xiaomi' AND evidence = 'E3' ELSE service_vendor IS NULL END",
                "coalesce(src_port, 0) = 0 AND NOT (src_ip = '168.95.1.1' AND dst_ip = '10.20.9.9')",
            ),
            fragments,
        ),
        (
            trap(
                "T26",
                ["DNS over TCP, with two questions, with a loop; DoT and DoH", "four clients, each calls the CDN afterwards"],
                "CASE WHEN dst_ip = '8.8.8.8' THEN service_vendor = 'google' WHEN dst_ip = '1.1.1.1' THEN service_vendor = 'cloudflare'
                 WHEN dst_ip = '203.69.138.10' AND src_ip IN ('10.20.9.7', '10.20.9.8') THEN service_vendor = 'xiaomi' AND evidence = 'E3'
                 ELSE service_vendor IS NULL END",
                "src_ip = '10.20.9.9' AND service_vendor IS NOT NULL",
            ),
            unusual,
        ),
    ]
}

/// Questions for the name, and so many answers, of which the last is the CDN's address.
fn message(questions: u16, answers: u16) -> Vec<u8> {
    let flags = if answers == 0 { 0x0100_u16 } else { 0x8180 };
    let mut bytes = [[0x12, 0x34], flags.to_be_bytes(), questions.to_be_bytes()].concat();
    bytes.extend(answers.to_be_bytes());
    bytes.extend([0; 4]);
    for _ in 0..questions {
        bytes.extend(NAME);
        bytes.extend([0, 1, 0, 1]);
    }
    for nth in 1..=answers {
        // A long text first, so that the address lies in the last fragment.
        if nth < answers {
            bytes.extend(b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x78\x77");
            bytes.extend([b'x'; 119]);
        } else {
            bytes.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04");
            bytes.extend(CDN);
        }
    }
    bytes
}

fn client(nth: u8) -> [u8; 4] {
    let [a, b, c, _] = CLIENT;
    [a, b, c, 7 + nth]
}

fn fragments(trap: &Trap) -> Found {
    let mut found = Found::default();
    let datagram = udp(53, 40_000, &message(1, 20));
    let pieces: Vec<(u16, &[u8])> = (0..).step_by(128).zip(datagram.chunks(1_024)).collect();
    found.check(pieces.len() == 3, "three fragments");
    let mut all = Vec::new();
    for (nth, order) in (0_u8..).zip([&[2, 0, 1][..], &[0, 1, 1, 2], &[1, 2]]) {
        let (client, at) = (client(nth), i64::from(nth) * 10 * SECOND);
        let asked = udp(40_000, 53, &message(1, 0));
        all.push(Shot::ip(at, &ip4([client, RESOLVER], (17, 1, 0), &asked)));
        for (turn, which) in (1_i64..).zip(order) {
            let (offset, bytes) = pieces[*which];
            let place = offset | if *which == 2 { 0 } else { 0x2000 };
            let mut bytes = bytes.to_vec();
            if nth == 1 && turn == 3 {
                bytes.fill(0xc0);
            }
            let packet = ip4([RESOLVER, client], (17, 9, place), &bytes);
            all.push(Shot::ip(at + turn * 1_000_000, &packet));
        }
        all.push(syn(at + SECOND, client, (CDN, 443)));
    }
    let (lab, _) = play(&all, |_| {});
    judge(&lab, trap, octets(&all), &mut found);
    found
}

fn unusual(trap: &Trap) -> Found {
    let mut found = Found::default();
    let answer = message(1, 1);
    let prefixed = [&u16::try_from(answer.len()).unwrap().to_be_bytes()[..], &answer].concat();
    let looped = b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x01a\xc0\x0c\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x01\x02\x03\x04";
    let said = [
        (6, tcp(53, 40_000, 1, &prefixed)),
        (17, udp(53, 40_000, &message(2, 1))),
        (17, udp(53, 40_000, looped)),
    ];
    let mut all = Vec::new();
    for (nth, (protocol, body)) in (0_u8..).zip(said) {
        let at = i64::from(nth) * 10 * SECOND;
        if protocol == 6 {
            let opened = tcp(40_000, 53, 1, &[]);
            all.push(Shot::ip(at, &ip4([client(nth), RESOLVER], (6, 1, 0), &opened)));
        }
        let packet = ip4([RESOLVER, client(nth)], (protocol, 2, 0), &body);
        all.push(Shot::ip(at + 1_000_000, &packet));
        all.push(syn(at + SECOND, client(nth), (CDN, 443)));
    }
    all.push(syn(40 * SECOND, client(3), ([8, 8, 8, 8], 853)));
    all.push(syn(50 * SECOND, client(3), ([1, 1, 1, 1], 443)));
    all.push(syn(60 * SECOND, client(3), (CDN, 443)));
    let (lab, _) = play(&all, |_| {});
    judge(&lab, trap, octets(&all), &mut found);
    let rows = number(&lab, "SELECT count(*) FROM dns");
    found.check(rows == 2, &format!("{rows} rows of dns, planned 2"));
    found
}
