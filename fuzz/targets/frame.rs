//! Arbitrary bytes as preambles and headers of frames.
#![no_main]

use kinfolk_protocol::{Header, check_preamble};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(preamble) = bytes.first_chunk() {
        let _ = check_preamble(preamble);
    }
    let Some(bytes) = bytes.first_chunk() else { return };
    if let Ok(header) = Header::decode(bytes, u32::MAX) {
        assert_eq!(&header.encode(), bytes, "{header:?}");
    }
});
