//! What words mean, read aloud; and what is said of words that mean nothing.

use ingest::filter::Filter;
use ingest::frame::LinkType;

use crate::filter::agree::whole;
use crate::forge::Shape;

fn matches(text: &str, frame: &[u8]) -> bool {
    let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    filter.matches(&whole(frame, LinkType::Ethernet))
}

/// 10.0.0.1:50000 to 10.0.0.2:443 over TCP, 60 octets.
fn packet() -> Vec<u8> {
    let shape =
        Shape { ts_us: 0, from: (1, 50_000), to: (2, 443), proto: 6, tcp_flags: 2, payload: 0 };
    shape.packet().bytes
}

fn with_tags(tags: &[u8]) -> Vec<u8> {
    let packet = packet();
    [&packet[..12], tags, &packet[12..]].concat()
}

#[test]
fn words_of_a_packet() {
    let cases = [
        ("host 10.0.0.1", true),
        ("10.0.0.1", true),
        ("src host 10.0.0.2", false),
        ("dst 10.0.0.2", true),
        ("src 10.0.0.1 and dst 10.0.0.2", true),
        ("src and dst net 10.0.0.0/30", true),
        ("src and dst host 10.0.0.1", false),
        ("src or dst host 10.0.0.1", true),
        ("net 10.0.0.0/31", true),
        ("dst net 10.0.0.0/31", false),
        ("net 0.0.0.0/0", true),
        ("net ::/0", false),
        ("10.0.0.0/8", true),
        ("port 443", true),
        ("src port 443", false),
        ("tcp dst port 443", true),
        ("udp port 443", false),
        ("portrange 400-500", true),
        ("src portrange 400-500", false),
        ("port 80 or 443", true),
        ("port 80 or 8080", false),
        ("port (80 or 443) and tcp", true),
        ("tcp", true),
        ("udp or icmp", false),
        ("proto 6", true),
        ("ip proto 6", true),
        ("ip6 proto 6", false),
        ("ip and not ip6 and !arp", true),
        ("ether src 02:00:00:00:00:01", true),
        ("ether dst host 2-0-0-0-0-1", false),
        ("ether host 2:0:0:0:0:1", true),
        ("less 60", true),
        ("less 59", false),
        ("greater 60", true),
        ("greater 61", false),
        ("vlan", false),
        ("not mpls", true),
        // Both bind alike, from the left: (tcp or udp) and port 80.
        ("tcp or udp and port 80", false),
        ("tcp or (udp and port 80)", true),
        ("port 80 and udp or tcp", true),
        // not binds tighter, and the host that follows takes its word from before, without the not.
        ("not host 10.0.0.9 and 10.0.0.1", true),
        ("not (host 10.0.0.9 and 10.0.0.1)", true),
        ("not not tcp", true),
    ];
    for (text, expected) in cases {
        assert_eq!(matches(text, &packet()), expected, "{text}");
    }
}

#[test]
fn tags_and_labels_hide_nothing() {
    let vlan = with_tags(&[0x81, 0, 0x60, 7]);
    let qinq = with_tags(&[0x88, 0xa8, 0, 100, 0x81, 0, 0, 7]);
    let mpls = {
        let packet = packet();
        [&packet[..12], &[0x88, 0x47, 0, 1, 0, 64, 0, 2, 1, 64], &packet[14..]].concat()
    };
    let cases = [
        (&vlan, "vlan", true),
        (&vlan, "vlan 7", true),
        (&vlan, "vlan 100", false),
        (&vlan, "host 10.0.0.1 and port 443 and vlan 7", true),
        (&vlan, "vlan and host 10.0.0.1", true),
        (&vlan, "not vlan", false),
        (&vlan, "greater 64", true),
        (&qinq, "vlan 100 and vlan 7", true),
        (&qinq, "vlan 7 and vlan 100", true),
        (&qinq, "vlan 8 or 7", true),
        (&qinq, "tcp port 443", true),
        (&mpls, "mpls", true),
        (&mpls, "mpls 16 and mpls 32 and tcp", true),
        (&mpls, "mpls 17", false),
        (&mpls, "host 10.0.0.2", true),
    ];
    for (frame, text, expected) in cases {
        assert_eq!(matches(text, frame), expected, "{text}");
    }
    // Five tags are one more than is looked through.
    let five = with_tags(&[0x81, 0, 0, 7].repeat(5));
    assert!(matches("vlan 7 and not ip", &five));
}

#[test]
fn later_fragments_have_no_ports() {
    let mut later = packet();
    later[21] = 3;
    for (text, expected) in
        [("port 443", false), ("not port 443", true), ("tcp", true), ("host 10.0.0.1", true)]
    {
        assert_eq!(matches(text, &later), expected, "{text}");
    }
}

#[test]
fn what_is_cut_off_is_not_there() {
    let packet = packet();
    for (octets, text, expected) in [
        (34, "port 443", false),
        (38, "port 443", true),
        (37, "not port 443", true),
        (33, "ip", false),
        (34, "ip", true),
        (33, "not host 10.0.0.1", true),
        (13, "not ether src 2:0:0:0:0:1", true),
        (0, "not ip", true),
    ] {
        assert_eq!(matches(text, &packet[..octets]), expected, "{octets} {text}");
    }
}

#[test]
fn links_of_files() {
    let ip = packet()[14..].to_vec();
    let sll: Vec<u8> = [&[0u8; 14][..], &[8, 0], &ip].concat();
    let ppp = [&[0xff, 3, 0, 0x21][..], &ip].concat();
    let filter = Filter::parse("host 10.0.0.1 and tcp dst port 443").unwrap();
    for (link, frame) in [(LinkType::RawIp, ip), (LinkType::Sll, sll), (LinkType::Ppp, ppp)] {
        assert!(filter.matches(&whole(&frame, link)), "{link:?}");
    }
}

#[test]
fn a_wrong_word_is_named_with_its_place_and_a_better_one() {
    let cases: [(&str, &[&str]); 26] = [
        ("", &["ends where", "primitive"]),
        ("hsot 10.0.0.1", &["character 1", "\"hsot\"", "did you mean \"host\"?"]),
        ("tcp and prot 80", &["character 9", "\"prot\"", "\"port\""]),
        ("host", &["ends where", "an address"]),
        ("host example.net", &["character 6", "names are not looked up"]),
        ("port https", &["\"https\"", "0 to 65535"]),
        ("port 65536", &["\"65536\""]),
        ("portrange 10-5", &["lower first"]),
        ("net 10.1", &["prefix, as 10.0.0.0/8"]),
        ("net 10.1.2.3/8", &["bits beyond its prefix"]),
        ("net 10.0.0.0/33", &["0 to 32"]),
        ("net 10.0.0.0 mask 255.0.0.0", &["\"10.0.0.0\"", "prefix"]),
        ("ip6 host 10.0.0.1", &["version of IP"]),
        ("tcp host 10.0.0.1", &["port or portrange", "tcp and host"]),
        ("ip port 80", &["ip and port 80"]),
        ("ether port 80", &["after ether"]),
        ("ether src 1:2:3", &["02:00:00:00:00:01"]),
        ("tcp port 80 udp", &["character 13", "and, or, or the end"]),
        ("(tcp or udp", &["ends where", ")"]),
        ("tcp)", &["character 4", "\")\""]),
        ("tcp and", &["ends where"]),
        ("tcp[13] = 2", &["octets of headers cannot be asked for"]),
        ("vlan 4096", &["0 to 4095"]),
        ("igmp", &["write ip proto 2"]),
        ("src proto 6", &["without src and dst"]),
        ("80", &["\"80\"", "host, net, port"]),
    ];
    for (text, expected) in cases {
        let error = Filter::parse(text).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(!error.contains('\n') && error.len() < 300, "{text}: {error}");
    }
}

#[test]
fn limits_are_met_with_an_answer() {
    let fine = [
        format!("{}tcp{}", "(".repeat(64), ")".repeat(64)),
        format!("{}tcp", "not ".repeat(64)),
        vec!["tcp"; 256].join(" or "),
    ];
    for text in fine {
        Filter::parse(&text).unwrap();
    }
    let much = [
        (format!("{}tcp{}", "(".repeat(65), ")".repeat(65)), "levels of nesting 64 at most"),
        ("!".repeat(4_000), "levels of nesting"),
        (vec!["tcp"; 257].join(" or "), "primitives 256 at most"),
        (" ".repeat(4_097), "characters 4096 at most"),
        ("x".repeat(4_096), "does not fit"),
    ];
    for (text, expected) in much {
        let error = Filter::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected) && error.len() < 300, "{error}");
    }
}
