//! Arbitrary bytes, and arbitrary frames, as a stream that arrives in pieces.
#![no_main]

use std::alloc::System;
use std::io::IoSlice;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cap::Cap;
use kinfolk_link::{LinkError, Memory, Reader, Transport};
use kinfolk_protocol::{CallId, Flags, Header, Kind, MAX_LONG, MessageId, PREAMBLE, WHOLE};

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// What a peer may announce.
const MAX_MESSAGE: u32 = 64 << 20;
/// What may be reserved without having been sent: for each long payload that was begun, and for the rest.
const CREDIT: usize = (MAX_LONG + 6) << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [shape, seed, rest @ ..] = bytes else { return };
    let stream = if shape % 2 == 0 { rest.to_vec() } else { frames(rest) };
    let before = MEMORY.allocated();
    let (there, here) = Memory::pair(1 << 20);
    let mut reader = Reader::new(Arc::new(here), MAX_MESSAGE);
    let (mut sent, mut greeted) = (0, false);
    for piece in pieces(&stream, *seed) {
        let written = there.try_write(&[IoSlice::new(piece)], &[]).expect("the pipe is empty and wider than any piece");
        assert_eq!(written, piece.len());
        sent += piece.len();
        let read = read(&mut reader, &mut greeted);
        let reserved = MEMORY.allocated().saturating_sub(before);
        assert!(reserved <= 4 * sent + CREDIT, "{reserved} bytes are reserved for {sent}");
        if read.is_err() {
            return;
        }
    }
    there.finish();
    let _ = read(&mut reader, &mut greeted);
});

/// Reads what has arrived.
fn read(reader: &mut Reader, greeted: &mut bool) -> Result<(), LinkError> {
    if !*greeted {
        let mut cx = Context::from_waker(Waker::noop());
        match pin!(reader.preamble()).poll(&mut cx) {
            Poll::Ready(there) => *greeted = there?,
            Poll::Pending => return Ok(()),
        }
    }
    while let Some(frame) = reader.try_next()? {
        assert_eq!(frame.payload.len(), frame.header.length as usize);
    }
    Ok(())
}

/// The stream cut at places that `seed` decides.
fn pieces(stream: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = stream;
    let mut state = u32::from(seed) + 1;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        // Short pieces, and long ones.
        let most = if state & 3 == 0 { 100_000 } else { 40 };
        let (piece, left) = rest.split_at((1 + state as usize / 4 % most).min(rest.len()));
        rest = left;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A stream of frames that are valid one by one, four bytes for each: kind, flags, number and length.
fn frames(bytes: &[u8]) -> Vec<u8> {
    let mut stream = PREAMBLE.to_vec();
    for frame in bytes.chunks_exact(4).take(200) {
        let [kind, how, number, length] = [frame[0], frame[1], frame[2], frame[3]];
        let call = CallId::from_bits(number.into());
        let short = u32::from(length) * u32::from(how >> 4);
        let long = WHOLE + (u32::from(length) << (how >> 3));
        let (kind, flags, length, payload) = match kind % 8 {
            0..=1 => (Kind::Call, Flags::LONG, long.min(MAX_MESSAGE), 0),
            2..=4 => (Kind::Chunk, Flags::NONE, short.min(WHOLE), short.min(WHOLE)),
            5 => (Kind::Chunk, Flags::ABANDONED, 0, 0),
            // A table is for others to read; descriptors are announced where none can come.
            6 if number == 255 => (Kind::Message, Flags::DESCRIPTORS, short, short),
            6 => (Kind::Message, Flags::NONE, short, short),
            _ => (Kind::Init, Flags::NONE, long.min(MAX_MESSAGE), short),
        };
        let attachments = if kind == Kind::Message { u16::from(how & 7) * 10 } else { 0 };
        stream.extend_from_slice(&Header { kind, flags, call, message: MessageId::NONE, length, attachments }.encode());
        stream.resize(stream.len() + payload as usize, number);
    }
    stream
}
