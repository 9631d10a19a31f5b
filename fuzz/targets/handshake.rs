//! Arbitrary bytes as payloads of the handshake, and of the other frames whose layout is ours.
#![no_main]

use kinfolk_protocol::{Failure, Grant, Greeting, Hello, Init, InitFailed, MessageId, PanicInfo, Ready, Welcomed};

/// What decodes is the same after it was encoded and decoded again. What it was decoded from may be longer: later
/// versions append fields, and long texts are cut when they are encoded.
macro_rules! comes_back_whole {
    ($bytes:ident: $($type:ty)*) => {$(
        if let Ok(value) = <$type>::decode($bytes) {
            let first = value.encode();
            let second = <$type>::decode(&first).expect("what was encoded can be decoded").encode();
            assert_eq!(first, second, "{value:?}");
        }
    )*};
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    comes_back_whole!(bytes: Hello Init Ready InitFailed Greeting Grant Failure PanicInfo);
    if let Ok(shape) = Welcomed::decode(MessageId::NONE, bytes) {
        let first = Welcomed::decode(MessageId::NONE, &shape.encode()).expect("what was encoded can be decoded");
        assert_eq!(first.fingerprint, shape.fingerprint);
    }
});
