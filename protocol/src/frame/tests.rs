//! The bytes of headers, and what is refused.

use super::*;

const CALL: Header = Header {
    kind: Kind::Call,
    flags: Flags::NONE,
    call: CallId { slot: 0x0102, generation: 3 },
    message: MessageId::from_bits(0x1122_3344_5566_7788),
    length: 5,
    attachments: 0,
};

#[test]
fn a_call_header_is_these_bytes() {
    let golden = *b"\x05\0\0\0\x10\0\0\0\x02\x01\0\0\x03\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11";
    assert_eq!(CALL.encode(), golden);
    assert_eq!(Header::decode(&golden, 5), Ok(CALL));
}

#[test]
fn the_preamble_is_these_bytes() {
    assert_eq!(&PREAMBLE, b"kinfolk\x01");
    assert_eq!(check_preamble(b"kinfolk\x01"), Ok(()));
    assert_eq!(check_preamble(b"kinfolk\x02"), Err(FrameError::FrameVersion { found: 2 }));
    assert!(matches!(check_preamble(b"#!/bin/s"), Err(FrameError::NotKinfolk { .. })));
}

#[test]
fn every_kind_has_the_byte_the_documentation_gives_it() {
    let known: Vec<u8> = (0..=u8::MAX).filter(|byte| Kind::from_byte(*byte).is_some()).collect();
    let promised = (1..=7).chain(0x10..=0x17).chain(0x20..=0x22).chain(0x30..=0x33).chain(0x40..=0x43);
    assert!(promised.eq(known.iter().copied()), "{known:x?}");
    for byte in known {
        assert_eq!(Kind::from_byte(byte).unwrap() as u8, byte);
    }
}

#[test]
fn a_long_payload_is_announced_and_comes_in_chunks() {
    let length = WHOLE + 1;
    let whole = Header { length, ..CALL };
    assert_eq!(Header::decode(&whole.encode(), length), Err(FrameError::NotCut { kind: Kind::Call, length }));
    let long = Header { flags: Flags::LONG.with(Flags::CONTEXT), ..whole };
    assert_eq!(long.encode()[5], 3);
    assert_eq!(Header::decode(&long.encode(), length), Ok(long));
    let init = Header::control(Kind::Init, length);
    assert_eq!(Header::decode(&init.encode(), length), Ok(init));
}

#[test]
fn every_flag_has_the_bit_and_the_kinds_the_documentation_gives_it() {
    use Kind::{Call, Cancel, Chunk, Declined, Init, Item, Message, Region, Reply};
    for (flag, bit, kinds) in [
        (Flags::LONG, 1, [Call, Reply, Declined, Item, Message].as_slice()),
        (Flags::CONTEXT, 2, &[Call]),
        (Flags::REPORT, 4, &[Cancel]),
        (Flags::ABANDONED, 8, &[Chunk]),
        (Flags::DESCRIPTORS, 16, &[Call, Reply, Declined, Item, Message, Init, Region]),
    ] {
        assert_eq!(flag.0, bit);
        for kind in (0..=u8::MAX).filter_map(Kind::from_byte) {
            let attachments = u16::from(flag == Flags::DESCRIPTORS);
            let header = Header { flags: flag, attachments, ..Header::control(kind, 0) };
            let decoded = Header::decode(&header.encode(), 0);
            assert_eq!(decoded.is_ok(), kinds.contains(&kind), "{kind:?} with {bit}");
        }
    }
}

#[test]
fn attachments_are_counted_in_the_header() {
    use Kind::{Call, Declined, Init, Item, Message, Region, Reply};
    let flags = Flags::DESCRIPTORS;
    for kind in (0..=u8::MAX).filter_map(Kind::from_byte) {
        let header = Header { attachments: 64, flags, ..Header::control(kind, 0) };
        let takes = [Call, Reply, Declined, Item, Message, Init, Region].contains(&kind);
        assert_eq!(Header::decode(&header.encode(), 0).is_ok(), takes, "{kind:?}");
    }
    let header = Header { attachments: 0x0102, ..CALL };
    assert_eq!(header.encode()[6..8], [2, 1]);
    let refused = FrameError::Attachments { kind: Call, attachments: 0x0102, max: 64 };
    assert_eq!(Header::decode(&header.encode(), 5), Err(refused));
    assert!(Header::decode(&Header { flags, ..CALL }.encode(), 5).is_err(), "descriptors for nothing");
}

#[test]
fn a_chunk_that_gives_its_payload_up_brings_nothing() {
    let abandoned = |length| Header { flags: Flags::ABANDONED, ..Header::of_call(Kind::Chunk, CALL.call, length) };
    assert_eq!(Header::decode(&abandoned(0).encode(), 5), Ok(abandoned(0)));
    assert_eq!(Header::decode(&abandoned(5).encode(), 5), Err(FrameError::AbandonedLength { length: 5 }));
}

#[test]
fn what_is_not_defined_is_refused() {
    let mut bytes = CALL.encode();
    assert_eq!(Header::decode(&bytes, 4), Err(FrameError::TooLong { kind: Kind::Call, length: 5, max: 4 }));
    bytes[5] = 4;
    assert_eq!(Header::decode(&bytes, 5), Err(FrameError::UnknownFlags { kind: Kind::Call, flags: 4 }));
    bytes[5] = 0;
    bytes[4] = 0xff;
    assert_eq!(Header::decode(&bytes, 5), Err(FrameError::UnknownKind { byte: 0xff }));
}
