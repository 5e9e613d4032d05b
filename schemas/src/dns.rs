//! The table `dns`: one row for each question, with its answer where one was seen.

use std::net::IpAddr;

use crate::column::table;
use crate::kinds::{Micros, Text};

table! {"dns": DnsRow, DnsBatch, "ts",
    "One row for each DNS question and the answer to it; an answer without its question, or a question without answer, is a row too." {
    ts: Micros, "UTC", "Zeek dns.ts", "Time of the question; of the answer where no question was seen.";
    client_ip: IpAddr, "RFC 5952 text", "Zeek dns.id.orig_h", "Who asked.";
    resolver_ip: IpAddr, "RFC 5952 text", "Zeek dns.id.resp_h", "Who was asked.";
    query: Text, "lower case, no last dot", "Zeek dns.query", "The name asked for, bytes outside printable ASCII as \\ddd (RFC 1035 section 5.1).";
    query_type: Text, "A, AAAA, HTTPS, TYPEn, …", "Zeek dns.qtype_name", "The type asked for.";
    rcode: Option<i32>, "IANA number", "Zeek dns.rcode", "Response code; null while unanswered.";
    answers: Vec<Text>, "at most 32", "Zeek dns.answers", "Addresses and names of the answer section, in order; those of an SVCB or HTTPS record, its hints too, as entries of their own.";
    answer_ttls: Vec<i64>, "s", "Zeek dns.TTLs", "Time to live of each answer.";
    answer_ech: Option<bool>, "", "", "Whether an SVCB or HTTPS record of the answer has the parameter ech (RFC 9460 section 7); null without such a record.";
    rtt_us: Option<i64>, "µs", "Zeek dns.rtt", "Time from question to answer.";
    sensor_id: Text, "", "", "Name of the sensor.";
    flow_id: i64, "", "Zeek dns.uid", "The flow in `flows` that carried it.";
}}
