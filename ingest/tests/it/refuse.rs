//! What is not done, and in which words.

use std::fs;

use ingest::IngestError;

use crate::forge::{Order, Shape, pcap};
use crate::lab::{Lab, sum};

fn capture(port: u16) -> Vec<u8> {
    pcap(Order::Little, false, 1, &[Shape::udp(1_000_000, (1, port), (2, 53), 5).packet()])
}

#[test]
fn a_capture_counts_once_unless_it_is_meant_twice() {
    let lab = Lab::new();
    let args = lab.args(&[lab.write("a.pcap", &capture(1))]);
    ingest::run(&args).unwrap();
    let copy = lab.args(&[lab.write("copy.pcap", &capture(1))]);
    let error = ingest::run(&copy).unwrap_err().to_string();
    assert!(
        error.contains("copy.pcap") && error.contains("a.pcap") && error.contains("--again"),
        "{error}"
    );
    assert_eq!(sum(&lab.rows("flows"), "packets"), 1);
    // Another sensor saw it too: that is another observation.
    let mut other = copy.clone();
    other.sensor = Some("other".to_owned());
    ingest::run(&other).unwrap();
    let mut again = copy;
    again.again = true;
    ingest::run(&again).unwrap();
    assert_eq!(sum(&lab.rows("flows"), "packets"), 3);
}

#[test]
fn the_same_capture_twice_on_one_line_is_refused() {
    let lab = Lab::new();
    let files = [lab.write("a.pcap", &capture(1)), lab.write("b.pcap", &capture(1))];
    assert!(matches!(ingest::run(&lab.args(&files)), Err(IngestError::Twice(..))));
    assert!(!lab.path("store").exists());
}

#[test]
fn a_missing_file_leaves_no_store() {
    let lab = Lab::new();
    let error = ingest::run(&lab.args(&[lab.path("gone.pcap")])).unwrap_err().to_string();
    assert!(error.contains("gone.pcap"), "{error}");
    assert!(!lab.path("store").exists());
}

#[test]
fn a_folder_of_something_else_is_not_taken() {
    let lab = Lab::new();
    fs::create_dir(lab.path("store")).unwrap();
    fs::write(lab.path("store/thesis.txt"), "do not touch").unwrap();
    let error =
        ingest::run(&lab.args(&[lab.write("a.pcap", &capture(1))])).unwrap_err().to_string();
    assert!(error.contains("neither empty nor a store"), "{error}");
}

#[test]
fn a_run_that_fails_publishes_nothing() {
    let lab = Lab::new();
    ingest::run(&lab.args(&[lab.write("a.pcap", &capture(1))])).unwrap();
    let files = [lab.write("b.pcap", &capture(2)), lab.write("c.txt", b"no capture")];
    ingest::run(&lab.args(&files)).unwrap_err();
    assert_eq!(sum(&lab.rows("flows"), "packets"), 1);
    assert_eq!(fs::read_dir(lab.path("store/_tmp")).unwrap().count(), 0);
}
