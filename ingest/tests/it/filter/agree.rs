//! The program for the kernel and the walk over a frame in memory give the same answer, for any frame and any expression.

use ingest::filter::Filter;
use ingest::frame::{Frame, LinkType};
use ingest::source::live::Instruction;
use ingest::source::synthetic::Plan;
use proptest::prelude::*;

use crate::filter::frames::{ethernet, expression, raw};
use crate::filter::machine::{Packet, check, run};

/// A frame that was captured whole.
pub(crate) fn whole(bytes: &[u8], link: LinkType) -> Frame<'_> {
    Frame { bytes, original: bytes.len() as u32, ts_ns: 0, link }
}

fn in_kernel(program: &[Instruction], frame: &[u8], link: LinkType) -> bool {
    let packet = if link == LinkType::Ethernet {
        Packet::of(frame)
    } else {
        Packet { bytes: frame.to_vec(), tag: None }
    };
    match run(program, &packet) {
        0 => false,
        kept => {
            assert_eq!(kept, 262_144);
            true
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn any_expression_on_any_frames(
        text in expression(),
        framed in prop::collection::vec(ethernet(), 1..40),
        plain in prop::collection::vec(raw(), 1..10),
    ) {
        let filter = Filter::parse(&text).unwrap();
        for (link, frames) in [(LinkType::Ethernet, framed), (LinkType::RawIp, plain)] {
            let program = filter.program(link).unwrap();
            check(&program);
            for frame in frames {
                let here = filter.matches(&whole(&frame, link));
                prop_assert_eq!(here, in_kernel(&program, &frame, link), "{} {:?}", text, frame);
            }
        }
    }

    #[test]
    fn no_text_breaks_the_parser(
        words in prop::collection::vec(prop_oneof![
            prop::sample::select(vec![
                "host", "net", "port", "src", "dst", "or", "and", "not", "(", ")", "!", "80", "tcp",
                "10.0.0.1", "10.0.0.0/8", "vlan", "mpls", "less", "ether", "ip6", "proto", "1-2", "&&",
                "::1", "é", "\u{0}", "2:0:0:0:0:1", "portrange",
            ]).prop_map(str::to_owned),
            "\\PC{0,12}",
        ], 0..24),
        blank in prop::sample::select(vec![" ", "", "\t "]),
    ) {
        let text = words.join(blank);
        match Filter::parse(&text) {
            Ok(filter) => check(&filter.program(LinkType::Ethernet).unwrap()),
            Err(error) => prop_assert!(error.to_string().starts_with("filter"), "{}", error),
        }
    }
}

#[test]
fn the_day_is_filtered_alike() {
    let plan = Plan::national_day(7);
    let frames: Vec<Vec<u8>> = plan.frames().map(|frame| frame.bytes).collect();
    let texts = [
        "tcp",
        "udp port 53",
        "not port 443",
        "ip6",
        "vlan",
        "vlan and not ip6",
        "arp or icmp or icmp6",
        "net 10.0.0.0/8 and port 443",
        "src net 10.0.0.0/8 and dst portrange 1-1023",
        "less 100",
        "not (tcp or udp)",
        "mpls or vlan or greater 1400",
        "not net 0.0.0.0/0 and not net ::/0",
    ];
    let mut divided = 0;
    for text in texts {
        let filter = Filter::parse(text).unwrap();
        let program = filter.program(LinkType::Ethernet).unwrap();
        let matching = frames
            .iter()
            .filter(|bytes| {
                let here = filter.matches(&whole(bytes, LinkType::Ethernet));
                assert_eq!(
                    here,
                    in_kernel(&program, bytes, LinkType::Ethernet),
                    "{text} {bytes:?}"
                );
                here
            })
            .count();
        divided += usize::from(matching > 0 && matching < frames.len());
    }
    assert!(frames.len() > 1_000 && divided >= 10, "{divided} of {}", texts.len());
}

/// 256 hosts of IPv6 at both ends want more than a conditional jump can reach, and stay within what the kernel takes or say that they do not.
#[test]
fn long_programs_are_laid_out_or_refused() {
    let hosts: Vec<String> = (0..256).map(|n| format!("10.0.{}.{}", n / 250, n % 250)).collect();
    let filter = Filter::parse(&format!("src host {}", hosts.join(" or "))).unwrap();
    let program = filter.program(LinkType::Ethernet).unwrap();
    check(&program);
    assert!(program.len() > 1_000, "{}", program.len());
    for (last, expected) in [([10, 0, 0, 0], true), ([10, 0, 1, 5], true), ([10, 0, 1, 6], false)] {
        let mut frame = vec![2; 12];
        frame.extend([8, 0, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0]);
        frame.extend(last);
        frame.extend([192, 0, 2, 1]);
        assert_eq!(in_kernel(&program, &frame, LinkType::Ethernet), expected, "{last:?}");
        assert_eq!(filter.matches(&whole(&frame, LinkType::Ethernet)), expected, "{last:?}");
    }
    let hosts: Vec<String> = (0..250).map(|n| format!("2:3:4:5::{n}")).collect();
    let filter = Filter::parse(&format!("host {}", hosts.join(" or "))).unwrap();
    let error = filter.program(LinkType::Ethernet).unwrap_err();
    assert!(error.to_string().contains("--kernel-filter"), "{error}");
    let error = filter.program(LinkType::Sll).unwrap_err();
    assert!(error.to_string().contains("Ethernet and plain IP"), "{error}");
}

/// What a packet costs; a figure, so it is not part of the tests.
#[test]
#[ignore = "a measurement, not a test"]
fn what_a_packet_costs() {
    let plan = Plan::national_day(7);
    let frames: Vec<Vec<u8>> = plan.frames().map(|frame| frame.bytes).take(2_000).collect();
    for text in ["host 10.0.0.1 and not port 22", "port 443", "vlan 7"] {
        let filter = Filter::parse(text).unwrap();
        let (mut best, mut matching) = (u128::MAX, 0);
        for _ in 0..500 {
            let start = std::time::Instant::now();
            matching = frames
                .iter()
                .filter(|bytes| {
                    filter.matches(&std::hint::black_box(whole(bytes, LinkType::Ethernet)))
                })
                .count();
            best = best.min(start.elapsed().as_nanos());
        }
        let tenths = best * 10 / frames.len() as u128;
        let (ns, tenth) = (tenths / 10, tenths % 10);
        eprintln!("{text}: {ns}.{tenth} ns a packet, {matching} of {} matched", frames.len());
    }
}
