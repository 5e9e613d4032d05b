//! `community_id(…)`: the Community ID of a flow, version 1, by which Zeek, Suricata and others name the same flow.
//!
//! Follows the specification of Corelight ("Community ID Flow Hashing"): SHA-1 over seed, ordered ends and protocol. For ICMP
//! type and code take the place of the ports, and a type with a known counterpart gives both directions one id.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray};
use arrow::datatypes::{DataType, Int64Type};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::common::{Result, ScalarValue, internal_datafusion_err, plan_err};
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, TypeSignature, Volatility};
use sha1::{Digest, Sha1};

use crate::udf::distinct::{Distinct, text};
use crate::udf::function::{Function, TRAFFIC};

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// TCP, UDP and SCTP have ports of their own.
const WITH_PORTS: [u8; 5] = [6, 17, 132, ICMP, ICMPV6];
/// ICMP types that ask and answer, each with its counterpart.
const ICMP_PAIRS: [(u16, u16); 5] = [(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
const ICMPV6_PAIRS: [(u16, u16); 6] =
    [(128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)];

pub(crate) fn function() -> ScalarUDF {
    let five = || {
        vec![
            DataType::Utf8View,
            DataType::Int64,
            DataType::Utf8View,
            DataType::Int64,
            DataType::Int64,
        ]
    };
    let six = five().into_iter().chain([DataType::Int64]).collect();
    Function {
        name: "community_id",
        signature: Signature::one_of(
            vec![TypeSignature::Exact(five()), TypeSignature::Exact(six)],
            Volatility::Immutable,
        ),
        returns: DataType::Utf8View,
        documentation: Documentation::builder(
            TRAFFIC,
            "Community ID of a flow, version 1: the same for both directions, and the same as other \
             tools compute. For ICMP give type and code in place of the ports.",
            "community_id(src_ip, src_port, dst_ip, dst_port, ip_proto [, seed])",
        )
        .with_argument("src_ip", "Address of one end as text.")
        .with_argument("src_port", "Its port, or the ICMP type; not needed for protocols without ports.")
        .with_argument("dst_ip", "Address of the other end as text.")
        .with_argument("dst_port", "Its port, or the ICMP code; not needed for protocols without ports.")
        .with_argument("ip_proto", "Protocol number, 0 to 255.")
        .with_argument("seed", "0 to 65535, the same in all tools that are to agree; 0 if not given.")
        .with_sql_example(
            "SELECT community_id(src_ip, src_port, dst_ip, dst_port, ip_proto) FROM flows",
        )
        .build(),
        catalog_id: String::new(),
        check: Some(check),
        body: Box::new(column),
    }
    .into_udf()
}

fn check(literals: &[Option<&ScalarValue>]) -> Result<()> {
    for (position, name, max) in [(4, "ip_proto", 255_i64), (5, "seed", 65_535)] {
        let literal = literals.get(position).copied().flatten();
        let number = literal.and_then(|literal| literal.cast_to(&DataType::Int64).ok());
        if let Some(ScalarValue::Int64(Some(number))) = number
            && !(0..=max).contains(&number)
        {
            return plan_err!("community_id: argument {name} is {number}; give 0 to {max}");
        }
    }
    Ok(())
}

fn column(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let numbers = |position: usize| -> Result<&Int64Array> {
        columns
            .get(position)
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| internal_datafusion_err!("argument {position} is no number"))
    };
    let (src_ports, dst_ports, protos) = (numbers(1)?, numbers(3)?, numbers(4)?);
    let seeds = if columns.len() > 5 { Some(numbers(5)?) } else { None };
    let at = |column: &Int64Array, row: usize| column.is_valid(row).then(|| column.value(row));
    let (src, dst) = (Distinct::of(text(columns, 0)?), Distinct::of(text(columns, 2)?));
    let (src_ips, dst_ips) = (addresses(&src), addresses(&dst));
    let ids: StringViewArray = src
        .rows
        .iter()
        .zip(&dst.rows)
        .enumerate()
        .map(|(row, (src, dst))| {
            let port = |column| at(column, row).and_then(|port| u16::try_from(port).ok());
            let seed = seeds.map_or(Some(0), |seeds| at(seeds, row));
            community_id(&Ends {
                seed: u16::try_from(seed?).ok()?,
                proto: u8::try_from(at(protos, row)?).ok()?,
                src: src_ips.get((*src)? as usize).copied().flatten()?,
                dst: dst_ips.get((*dst)? as usize).copied().flatten()?,
                ports: port(src_ports).zip(port(dst_ports)),
            })
        })
        .collect();
    Ok(Arc::new(ids))
}

fn addresses(distinct: &Distinct<'_>) -> Vec<Option<IpAddr>> {
    distinct.values.iter().map(|value| value.parse().ok()).collect()
}

struct Ends {
    seed: u16,
    proto: u8,
    src: IpAddr,
    dst: IpAddr,
    ports: Option<(u16, u16)>,
}

fn community_id(ends: &Ends) -> Option<String> {
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let (mut src, mut dst) = (octets(ends.src), octets(ends.dst));
    if src.len() != dst.len() {
        return None;
    }
    let mut ports = None;
    let mut one_way = false;
    if WITH_PORTS.contains(&ends.proto) {
        let (first, second) = ends.ports?;
        let counterpart = counterpart(ends.proto, first);
        one_way = matches!(ends.proto, ICMP | ICMPV6) && counterpart.is_none();
        ports = Some((first, counterpart.unwrap_or(second)));
    }
    if !one_way && (&src, ports.map(|(first, _)| first)) > (&dst, ports.map(|(_, second)| second)) {
        std::mem::swap(&mut src, &mut dst);
        ports = ports.map(|(first, second)| (second, first));
    }
    let mut hasher = Sha1::new();
    hasher.update(ends.seed.to_be_bytes());
    hasher.update(&src);
    hasher.update(&dst);
    hasher.update([ends.proto, 0]);
    if let Some((first, second)) = ports {
        hasher.update(first.to_be_bytes());
        hasher.update(second.to_be_bytes());
    }
    Some(format!("1:{}", STANDARD.encode(hasher.finalize())))
}

fn counterpart(proto: u8, kind: u16) -> Option<u16> {
    let pairs: &[(u16, u16)] = match proto {
        ICMP => &ICMP_PAIRS,
        ICMPV6 => &ICMPV6_PAIRS,
        _ => return None,
    };
    pairs.iter().find_map(|(ask, answer)| match kind {
        kind if kind == *ask => Some(*answer),
        kind if kind == *answer => Some(*ask),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(src: (&str, u16), dst: (&str, u16), proto: u8, seed: u16) -> String {
        community_id(&Ends {
            seed,
            proto,
            src: src.0.parse().unwrap(),
            dst: dst.0.parse().unwrap(),
            ports: Some((src.1, dst.1)),
        })
        .unwrap()
    }

    #[test]
    fn published_vectors() {
        let tcp = "1:wCb3OG7yAFWelaUydu0D+125CLM=";
        assert_eq!(id(("1.2.3.4", 1122), ("5.6.7.8", 3344), 6, 0), tcp);
        assert_eq!(id(("5.6.7.8", 3344), ("1.2.3.4", 1122), 6, 0), tcp);
        let tcp = id(("128.232.110.120", 34855), ("66.35.250.204", 80), 6, 0);
        assert_eq!(tcp, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        let udp = id(("192.168.1.52", 54585), ("8.8.8.8", 53), 17, 0);
        assert_eq!(udp, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        let seeded = id(("192.168.1.52", 54585), ("8.8.8.8", 53), 17, 1);
        assert_eq!(seeded, "1:Q9We8WO3piVF8yEQBNJF4uiSVrI=");
        let echo = "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=";
        assert_eq!(id(("192.168.0.89", 8), ("192.168.0.1", 0), ICMP, 0), echo);
        assert_eq!(id(("192.168.0.1", 0), ("192.168.0.89", 8), ICMP, 0), echo);
    }

    #[test]
    fn ends_that_do_not_fit_have_none() {
        let mut ends = Ends {
            seed: 0,
            proto: 6,
            src: "1.2.3.4".parse().unwrap(),
            dst: "2001:db8::1".parse().unwrap(),
            ports: Some((1, 2)),
        };
        assert_eq!(community_id(&ends), None);
        ends.dst = "1.2.3.5".parse().unwrap();
        ends.ports = None;
        assert_eq!(community_id(&ends), None);
        ends.proto = 47;
        assert!(community_id(&ends).is_some());
    }
}
