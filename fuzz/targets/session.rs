//! Arbitrary operations of two sessions that are joined, and arbitrary frames for one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kinfolk_fuzz::drive_sessions(bytes));
