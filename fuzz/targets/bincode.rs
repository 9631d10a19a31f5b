//! Arbitrary bytes as payloads in `Bincode`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kinfolk_fuzz::decode_as_everything::<kinfolk_protocol::Bincode>(bytes));
