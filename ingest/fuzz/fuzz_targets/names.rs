//! Runs `names` of the entries on whatever the fuzzer makes.

#![no_main]

#[path = "../entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::names(data));
