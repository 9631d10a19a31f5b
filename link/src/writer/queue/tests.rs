//! The order, the turns and the counting of what waits to be written.

use kinfolk_protocol::{Flags, HEADER_LEN, SHORT, WHOLE};

use super::*;
use crate::memory::Memory;

fn queue() -> Queue {
    Queue::new(Arc::new(Memory::pair(0).0))
}

fn push(queue: &mut Queue, payload: &[u8]) -> Mark {
    queue.push(&Header::control(Kind::Message, payload.len() as u32), &[], &mut payload.to_vec().into())
}

/// Writes at most `step` bytes at a time and returns all that came out.
fn flush(queue: &mut Queue, step: usize) -> (Vec<u8>, usize) {
    let (mut out, mut calls) = (Vec::new(), 0);
    while let Some(batch) = queue.take(Lanes::Both) {
        let bytes: Vec<u8> = batch.with_slices(|slices| slices.iter().flat_map(|s| s.to_vec()).take(step).collect());
        queue.put_back(batch, bytes.len());
        out.extend_from_slice(&bytes);
        calls += 1;
    }
    (out, calls)
}

#[test]
fn many_small_frames_leave_in_one_write() {
    let mut queue = queue();
    for _ in 0..1_000 {
        push(&mut queue, &[1; 32]);
    }
    assert_eq!(queue.frames.len(), 1_000);
    let (out, calls) = flush(&mut queue, usize::MAX);
    assert_eq!((out.len(), calls), (1_000 * (HEADER_LEN + 32), 1));
    assert!(queue.is_empty());
}

#[test]
fn the_order_survives_partial_writes_and_pushes_between_them() {
    for step in [1, 13, 24, 100, 40_000] {
        let mut queue = queue();
        let mut expected = Vec::new();
        let mut out = Vec::new();
        for round in 0..6_u8 {
            let payload = vec![round; if round % 2 == 0 { 5 } else { SHORT as usize + 3 }];
            expected.extend_from_slice(&Header::control(Kind::Message, payload.len() as u32).encode());
            expected.extend_from_slice(&payload);
            push(&mut queue, &payload);
            let batch = queue.take(Lanes::Both).expect("something waits");
            assert!(queue.take(Lanes::Both).is_none(), "one flusher at a time");
            let part: Vec<u8> = batch.with_slices(|s| s.iter().flat_map(|s| s.to_vec()).take(step).collect());
            queue.put_back(batch, part.len());
            out.extend_from_slice(&part);
        }
        out.extend_from_slice(&flush(&mut queue, step).0);
        assert!(out == expected, "in steps of {step}");
        assert_eq!((queue.bytes(), queue.written), (0, expected.len() as u64));
    }
}

#[test]
fn messages_take_no_room_from_calls_and_what_is_written_is_not_counted() {
    let mut queue = queue();
    for _ in 0..10_000 {
        push(&mut queue, &[1; 1_000]);
    }
    assert_eq!(queue.occupied(), Occupied::default());
    queue.push(&Header::control(Kind::Call, 5), &[], &mut vec![0; 5].into());
    queue.push(&Header::control(Kind::Reply, 6), &[], &mut vec![0; 6].into());
    assert_eq!(queue.occupied(), Occupied { items: 2, bytes: 2 * HEADER_LEN + 11, long: 0 });
    // All but the last byte: one frame is still on its way, however many buffers there were.
    let all = queue.bytes();
    let mut left = all - 1;
    while left > 0 {
        let batch = queue.take(Lanes::Both).unwrap();
        let written = left.min(batch.len() as usize);
        queue.put_back(batch, written);
        left -= written;
    }
    assert_eq!(queue.occupied(), Occupied { items: 1, bytes: HEADER_LEN + 6, long: 0 });
    assert_eq!(flush(&mut queue, usize::MAX).0.len(), 1);
    assert_eq!((queue.occupied(), queue.frames.len()), (Occupied::default(), 0));
}

#[test]
fn neither_a_large_nor_a_long_payload_is_copied() {
    for (length, slice) in [(SHORT as usize + 1, 1), (WHOLE as usize + 1, 1)] {
        let mut queue = queue();
        let payload = vec![3; length];
        let address = payload.as_ptr();
        let mut payload = payload.into();
        queue.push(&Header::control(Kind::Message, length as u32), &[], &mut payload);
        let batch = queue.take(Lanes::Both).unwrap();
        assert!(payload.is_empty());
        batch.with_slices(|slices| assert_eq!(slices[slice].as_ptr(), address));
    }
}

#[test]
fn what_is_closed_takes_nothing_and_tells_what_may_have_left() {
    let mut queue = queue();
    let first = push(&mut queue, b"first");
    let batch = queue.take(Lanes::Both).unwrap();
    assert!(queue.has_left(first), "the peer may have it although the call has not returned");
    let all = batch.len() as usize;
    queue.put_back(batch, all);
    let long = queue.push(&Header::control(Kind::Call, 1), &[], &mut vec![1; 3 * WHOLE as usize].into());
    let batch = queue.take(Lanes::Both).unwrap();
    let all = batch.len() as usize;
    queue.put_back(batch, all);
    let second = push(&mut queue, b"second");
    queue.close();
    assert!(queue.has_left(first) && !queue.has_left(second) && !queue.has_left(long));
    assert!(queue.take(Lanes::Both).is_none() && queue.is_empty());
}

#[test]
fn long_payloads_are_these_bytes() {
    let length = WHOLE + 1;
    let mut queue = queue();
    let mut push = |header: Header, fill| queue.push(&header, &[], &mut vec![fill; length as usize].into());
    push(call_of(Kind::Reply, 1 << 32, length), 1);
    let message = kinfolk_protocol::MessageId::of("Echo");
    push(Header { message, ..Header::control(Kind::Message, length) }, 2);
    let (first, rest) = (vec![1; WHOLE as usize], vec![2; WHOLE as usize]);
    let golden = [
        b"\x01\0\x01\0\x11\x01\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0".as_slice(),
        b"\0\0\x01\0\x40\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        &first,
        b"\x01\0\x01\0\x20\x01\0\0\0\0\0\0\0\0\0\0\x44\xb5\x74\x27\x6c\xe6\x8e\x5a",
        b"\0\0\x01\0\x40\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        &rest,
        b"\x01\0\0\0\x40\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01",
        b"\x01\0\0\0\x40\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02",
    ];
    assert!(flush(&mut queue, usize::MAX).0 == golden.concat());
}

fn call_of(kind: Kind, id: u64, length: u32) -> Header {
    Header::of_call(kind, kinfolk_protocol::CallId::from_bits(id), length)
}

/// The frames in a stream, chunks as their number and length.
fn parse(mut bytes: &[u8]) -> Vec<(Kind, u64, usize)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let header = Header::decode(bytes.first_chunk().unwrap(), u32::MAX).unwrap();
        let long = header.flags.has(Flags::LONG);
        let length = if long { 0 } else { header.length as usize };
        frames.push((header.kind, header.call.to_bits(), header.length as usize));
        bytes = &bytes[HEADER_LEN + length..];
    }
    frames
}

fn call(id: u64, length: usize) -> Header {
    Header::of_call(Kind::Call, kinfolk_protocol::CallId::from_bits(id), length as u32)
}

const CHUNK: usize = WHOLE as usize;

#[test]
fn short_frames_overtake_long_ones_which_take_turns() {
    let mut queue = queue();
    queue.push(&call(1, 4 * CHUNK), &[], &mut vec![1; 4 * CHUNK].into());
    queue.push(&call(2, 3 * CHUNK + 1), b"front", &mut vec![2; 3 * CHUNK - 4].into());
    let mut out = Vec::new();
    for short in 3..6 {
        queue.push(&call(short, 4), &[], &mut vec![3; 4].into());
        let batch = queue.take(Lanes::Both).unwrap();
        out.extend(batch.with_slices(|slices| slices.iter().flat_map(|s| s.to_vec()).collect::<Vec<u8>>()));
        let all = batch.len() as usize;
        queue.put_back(batch, all);
    }
    out.extend(flush(&mut queue, usize::MAX).0);
    let expected = [
        (Kind::Call, 3, 4),
        (Kind::Call, 1, 4 * CHUNK),
        (Kind::Chunk, 1, CHUNK),
        (Kind::Call, 2, 3 * CHUNK + 1),
        (Kind::Chunk, 2, CHUNK),
        (Kind::Call, 4, 4),
        (Kind::Chunk, 1, CHUNK),
        (Kind::Chunk, 2, CHUNK),
        (Kind::Call, 5, 4),
        (Kind::Chunk, 1, CHUNK),
        (Kind::Chunk, 2, CHUNK),
        (Kind::Chunk, 1, CHUNK),
        (Kind::Chunk, 2, 1),
    ];
    assert_eq!(parse(&out), expected);
    assert_eq!((queue.bytes(), queue.occupied().long, queue.is_empty()), (0, 0, true));
}

#[test]
fn what_belongs_together_keeps_its_order_behind_a_long_frame() {
    let mut queue = queue();
    let message = |length: usize| Header::control(Kind::Message, length as u32);
    queue.push(&message(CHUNK + 7), &[], &mut vec![0; CHUNK + 7].into());
    queue.push(&message(1), &[], &mut vec![1; 1].into());
    queue.push(&message(CHUNK + 9), &[], &mut vec![2; CHUNK + 9].into());
    queue.push(&message(2), &[], &mut vec![3; 2].into());
    queue.push(&Header::control(Kind::Drain, 0), &[], &mut Packed::default());
    queue.push(&Header::control(Kind::Credit, 3), &[], &mut vec![4; 3].into());
    let frames = parse(&flush(&mut queue, 10_000).0);
    let expected = [
        (Kind::Credit, 0, 3),
        (Kind::Message, 0, CHUNK + 7),
        (Kind::Chunk, 1, CHUNK),
        (Kind::Chunk, 1, 7),
        (Kind::Message, 0, 1),
        (Kind::Message, 0, CHUNK + 9),
        (Kind::Chunk, 2, CHUNK),
        (Kind::Chunk, 2, 9),
        (Kind::Message, 0, 2),
        (Kind::Drain, 0, 0),
    ];
    assert_eq!(frames, expected);
}

#[test]
fn a_long_frame_can_be_given_up_and_the_peer_is_told_if_it_has_seen_some() {
    let mut queue = queue();
    let order = |id| Order::of(&call(id, 0));
    queue.push(&call(1, 3 * CHUNK), &[], &mut vec![1; 3 * CHUNK].into());
    queue.push(&call(2, 3 * CHUNK), &[], &mut vec![1; 3 * CHUNK].into());
    assert_eq!(queue.give_up(order(2)), GivenUp::Unseen);
    let batch = queue.take(Lanes::Both).unwrap();
    let all = batch.len() as usize;
    queue.put_back(batch, all);
    assert!(matches!(queue.give_up(order(1)), GivenUp::Begun(_)));
    assert_eq!(queue.give_up(order(1)), GivenUp::Nothing);
    let rest = flush(&mut queue, usize::MAX).0;
    assert_eq!(parse(&rest), [(Kind::Chunk, 1, 0)]);
    assert!(Header::decode(rest.first_chunk().unwrap(), 0).unwrap().flags.has(Flags::ABANDONED));
    assert_eq!((queue.bytes(), queue.occupied().long), (0, 0));
}

#[test]
fn only_so_many_long_frames_are_under_way_at_once() {
    let mut queue = queue();
    for id in 0..2 * kinfolk_protocol::MAX_LONG as u64 {
        queue.push(&call(id, CHUNK + 1), &[], &mut vec![1; CHUNK + 1].into());
    }
    let (mut open, mut most) = (0_usize, 0);
    for (kind, _, length) in parse(&flush(&mut queue, usize::MAX).0) {
        open = if kind == Kind::Call { open + 1 } else { open - usize::from(length == 1) };
        most = most.max(open);
    }
    assert_eq!((open, most), (0, kinfolk_protocol::MAX_LONG));
}

#[test]
fn short_frames_leave_where_there_is_no_room_for_long_ones() {
    let mut queue = queue();
    assert!(!queue.is_beside(), "nothing is there");
    let long = vec![1; SHORT as usize + 1];
    push(&mut queue, &long);
    assert!(!queue.is_beside(), "nothing short has come");
    assert!(queue.take(Lanes::Short).is_none());
    queue.push(&Header::control(Kind::Reply, 3), &[], &mut vec![2; 3].into());
    assert!(queue.is_beside());
    let batch = queue.take(Lanes::Short).unwrap();
    assert_eq!(batch.len(), HEADER_LEN as u64 + 3);
    queue.put_back(batch, HEADER_LEN + 3);
    assert_eq!(flush(&mut queue, usize::MAX).0.len(), HEADER_LEN + long.len());
    for _ in 1..BESIDE {
        assert!(!queue.is_beside(), "nothing long is left");
        push(&mut queue, &long);
        assert!(queue.is_beside());
        flush(&mut queue, usize::MAX);
    }
    push(&mut queue, &long);
    assert!(!queue.is_beside(), "nothing short has come for long");
}
