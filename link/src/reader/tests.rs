//! Streams of bytes cut in every way, and what is in them.

use std::io::IoSlice;

use futures::FutureExt;
use kinfolk_protocol::{CallId, FrameError, WHOLE};

use super::*;
use crate::memory::Memory;

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Header::control(Kind::Credit, payload.len() as u32).encode().to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

fn chunk(number: u64, bytes: &[u8]) -> Vec<u8> {
    let header = Header::of_call(Kind::Chunk, CallId::from_bits(number), bytes.len() as u32);
    [&header.encode(), bytes].concat()
}

fn announce(length: usize) -> Vec<u8> {
    Header { flags: Flags::LONG, ..Header::control(Kind::Message, length as u32) }.encode().to_vec()
}

fn long(payload: &[u8]) -> Vec<u8> {
    let chunks = payload.chunks(WHOLE as usize).flat_map(|part| chunk(1, part));
    announce(payload.len()).into_iter().chain(chunks).collect()
}

fn reader(capacity: usize) -> (Memory, Reader) {
    let (ours, theirs) = Memory::pair(capacity);
    (ours, Reader::new(Arc::new(theirs), 100_000))
}

#[tokio::test]
async fn frames_are_found_however_the_bytes_arrive() {
    let stream: Vec<u8> = [frame(b"one"), frame(b""), long(&[7; 70_000]), frame(b"last")].concat();
    for step in [1, 7, 23, 24, 25, 4_096, 70_100] {
        let (peer, mut reader) = reader(1 << 20);
        let mut frames = Vec::new();
        for chunk in stream.chunks(step) {
            peer.try_write(&[IoSlice::new(chunk)], &[]).unwrap();
            while let Some(frame) = reader.try_next().unwrap() {
                frames.push(frame.payload.len());
            }
        }
        assert_eq!(frames, [3, 0, 70_000, 4], "in steps of {step}");
        peer.finish();
        assert!(reader.next().await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_dropped_read_loses_no_byte() {
    let (peer, mut reader) = reader(1 << 20);
    let bytes = frame(b"whole");
    peer.try_write(&[IoSlice::new(&bytes[..20])], &[]).unwrap();
    tokio::select! {
        biased;
        _ = reader.next() => panic!("the frame is not complete"),
        () = std::future::ready(()) => {}
    }
    peer.try_write(&[IoSlice::new(&bytes[20..])], &[]).unwrap();
    assert_eq!(&reader.next().await.unwrap().unwrap().payload[..], b"whole");
}

#[tokio::test]
async fn a_fast_peer_leaves_the_other_branches_their_turn() {
    let (peer, mut reader) = reader(1 << 20);
    for _ in 0..3 * STREAK {
        peer.try_write(&[IoSlice::new(&frame(b""))], &[]).unwrap();
    }
    let mut read = 0;
    tokio::select! {
        biased;
        () = async { while reader.next().await.unwrap().is_some() { read += 1 } } => {}
        () = std::future::ready(()) => {}
    }
    assert_eq!(read, STREAK);
}

#[tokio::test]
async fn an_end_within_a_frame_is_told_from_an_end() {
    let (peer, mut reader) = reader(1 << 20);
    peer.try_write(&[IoSlice::new(&frame(b"half")[..26])], &[]).unwrap();
    drop(peer);
    assert!(matches!(reader.next().await, Err(LinkError::Truncated { bytes: 26 })));
}

#[tokio::test]
async fn garbage_and_oversize_are_misbehaviour_before_anything_is_reserved() {
    let (peer, mut garbage) = reader(1 << 20);
    peer.try_write(&[IoSlice::new(&[0xff; 24])], &[]).unwrap();
    assert!(matches!(garbage.next().await, Err(LinkError::Misbehaved(Misbehaviour::Frame(_)))));

    let (peer, mut oversize) = reader(1 << 20);
    peer.try_write(&[IoSlice::new(&Header::control(Kind::Reply, u32::MAX).encode())], &[]).unwrap();
    let error = oversize.next().await.unwrap_err();
    let LinkError::Misbehaved(Misbehaviour::Frame(FrameError::TooLong { max, .. })) = error else {
        panic!("{error:?}");
    };
    assert_eq!(max, 100_000);
    assert!(oversize.buffer.capacity() <= 2 * READ_SIZE);
}

#[tokio::test]
async fn the_first_bytes_tell_a_stranger_from_an_early_death() {
    let (peer, mut early) = reader(64);
    drop(peer);
    assert!(!early.preamble().await.unwrap());

    let (peer, mut stranger) = reader(64);
    peer.try_write(&[IoSlice::new(b"hello, I am a shell\n")], &[]).unwrap();
    let error = stranger.preamble().await.unwrap_err().to_string();
    assert!(error.contains("\"hello, I\"") && error.contains("not a kinfolk program"), "{error}");
}

#[tokio::test]
async fn chunks_of_several_payloads_may_mix_with_each_other_and_with_short_frames() {
    let bytes = [
        announce(6),
        announce(4),
        chunk(2, b"ab"),
        frame(b"short"),
        chunk(1, b"123"),
        chunk(2, b"cd"),
        chunk(1, b"456"),
    ];
    let stream = bytes.concat();
    for step in [1, 5, 24, 1_000] {
        let (peer, mut reader) = reader(1 << 20);
        let mut frames = Vec::new();
        for part in stream.chunks(step) {
            peer.try_write(&[IoSlice::new(part)], &[]).unwrap();
            while let Some(frame) = reader.try_next().unwrap() {
                frames.push(frame.payload);
            }
        }
        assert_eq!(frames, [&b"short"[..], b"abcd", b"123456"], "in steps of {step}");
        assert!(reader.long.is_empty());
    }
}

#[tokio::test]
async fn chunks_that_break_the_rules_are_misbehaviour() {
    let too_many = announce(9).repeat(kinfolk_protocol::MAX_LONG + 1);
    let abandoned = Header { flags: Flags::ABANDONED, ..Header::of_call(Kind::Chunk, CallId::from_bits(1), 0) };
    let after = [announce(9), abandoned.encode().to_vec(), chunk(1, b"x")].concat();
    for (bytes, expected) in [
        (chunk(7, b"x"), FrameError::UnknownLong { number: 7 }),
        ([announce(2), chunk(1, b"xyz")].concat(), FrameError::BeyondEnd { length: 3, missing: 2 }),
        (too_many, FrameError::TooManyLong),
        (after, FrameError::UnknownLong { number: 1 }),
    ] {
        let (peer, mut reader) = reader(1 << 20);
        peer.try_write(&[IoSlice::new(&bytes)], &[]).unwrap();
        let error = reader.next().await.unwrap_err();
        assert!(
            matches!(error, LinkError::Misbehaved(Misbehaviour::Frame(ref found)) if *found == expected),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_announced_length_reserves_no_more_than_was_sent_is_worth() {
    let (peer, mut reader) = reader(1 << 20);
    reader.max_message = u32::MAX;
    let bytes = [announce(u32::MAX as usize), chunk(1, b"x")].concat();
    peer.try_write(&[IoSlice::new(&bytes)], &[]).unwrap();
    assert!(reader.try_next().unwrap().is_none());
    let chunk = reader.long.begin(&Header::of_call(Kind::Chunk, CallId::from_bits(1), 1)).unwrap().unwrap();
    assert!(reader.long.buffer(chunk).capacity() <= 2 << 20);
}

#[tokio::test]
async fn a_peer_whose_chunks_make_no_frame_lets_others_have_their_turn() {
    let bytes = [announce(70_000), chunk(1, b"").repeat(40_000)].concat();
    let (peer, mut reader) = reader(bytes.len());
    assert_eq!(peer.try_write(&[IoSlice::new(&bytes)], &[]).unwrap(), bytes.len());
    let polled = poll_fn(|cx| Poll::Ready(reader.poll_next(cx).is_pending())).await;
    assert!(polled, "there is no frame");
    let read = peer.try_write(&[IoSlice::new(&bytes)], &[]).unwrap();
    assert!(read < bytes.len() / 4, "{read} of {} bytes were read at a stretch", bytes.len());
}

#[tokio::test]
async fn an_init_value_is_refused_before_anything_is_reserved() {
    let (peer, mut reader) = reader(1 << 20);
    peer.try_write(&[IoSlice::new(&Header::control(Kind::Init, 100_000).encode())], &[]).unwrap();
    let error = reader.try_next().unwrap_err();
    assert!(matches!(error, LinkError::Misbehaved(Misbehaviour::OutOfPlace { kind: Kind::Init, .. })), "{error}");
    assert!(reader.buffer.capacity() <= 2 * READ_SIZE);
}

#[tokio::test]
async fn an_answer_reaches_its_caller_before_what_comes_behind_it_is_read() {
    let (peer, mut reader) = reader(1 << 20);
    let answer = Header::of_call(Kind::Reply, CallId::from_bits(1), 0).encode();
    let behind = frame(&[7; 40_000]);
    let bytes = [&answer[..], &behind, &behind].concat();
    peer.try_write(&[IoSlice::new(&bytes)], &[]).unwrap();
    let kinds = async {
        let mut kinds = Vec::new();
        while kinds.len() < 2 {
            kinds.push(reader.next().await.unwrap().unwrap().header.kind);
        }
        kinds
    };
    assert_eq!(kinds.await, [Kind::Reply, Kind::Credit]);
    assert!(reader.next().now_or_never().is_none(), "the others have their turn");
    assert_eq!(reader.next().await.unwrap().unwrap().payload.len(), 40_000);
}
