//! What waits to be written, as the fewest buffers that hold it.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use kinfolk_protocol::{Header, Kind, PREAMBLE};

use crate::scratch::recycle;
use crate::transport::Transport;

/// A payload from this size on is handed over as it is; a shorter one is copied behind its header, which is cheaper
/// than a buffer of its own.
const OWN_BUFFER: usize = 32 * 1024;
/// A shared buffer takes no more frames from this size on.
const FULL_BUFFER: usize = 64 * 1024;
/// Buffers handed to one system call.
const BATCH: usize = 8;

/// Frames in the order they were pushed. One flusher at a time takes buffers out, writes them without holding the
/// lock, and puts back what was not written.
#[derive(Debug)]
pub(super) struct Queue {
    /// Gone once the link was aborted.
    transport: Option<Arc<dyn Transport>>,
    buffers: VecDeque<Vec<u8>>,
    /// An empty buffer kept for the next frame, so that a steady flow allocates none.
    spare: Vec<u8>,
    /// How much of the first buffer has been written.
    offset: usize,
    /// True if the last buffer takes further frames.
    shared: bool,
    /// Frames that have not been written whole, oldest first.
    frames: VecDeque<Waiting>,
    /// Those of them that wait for room, and not for credit as one-way messages do.
    items: usize,
    gated: usize,
    bytes: usize,
    /// Bytes ever pushed and ever written: a frame was sent if its end is not beyond what was written.
    pushed: u64,
    written: u64,
    /// Handed to the system call that is under way.
    in_write: u64,
    flushing: bool,
    /// Somebody waits for room.
    awaited: bool,
    closed: bool,
}

/// A frame that has not been written whole.
#[derive(Debug)]
struct Waiting {
    end: u64,
    length: usize,
    gated: bool,
}

/// Buffers taken out to be written.
#[derive(Debug)]
pub(super) struct Batch {
    transport: Arc<dyn Transport>,
    buffers: VecDeque<Vec<u8>>,
    offset: usize,
}

impl Batch {
    pub(super) fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    fn len(&self) -> u64 {
        self.buffers.iter().map(|buffer| buffer.len() as u64).sum::<u64>() - self.offset as u64
    }

    /// Calls `write` with the buffers' remaining bytes.
    pub(super) fn with_slices<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); BATCH];
        let mut count = 0;
        for (slice, buffer) in slices.iter_mut().zip(&self.buffers) {
            *slice = IoSlice::new(if count == 0 { &buffer[self.offset..] } else { buffer });
            count += 1;
        }
        write(&slices[..count])
    }

    /// Drops what was written; true if nothing is left.
    fn advance(&mut self, mut written: usize, spare: &mut Vec<u8>) -> bool {
        while let Some(first) = self.buffers.front() {
            let left = first.len() - self.offset;
            if written < left {
                self.offset += written;
                return false;
            }
            written -= left;
            self.offset = 0;
            match self.buffers.pop_front() {
                Some(mut done) if done.capacity() <= 2 * FULL_BUFFER => {
                    done.clear();
                    *spare = done;
                }
                // A long payload's: for the next message of this thread.
                Some(done) => recycle(done),
                None => {}
            }
        }
        true
    }
}

impl Queue {
    pub(super) fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport: Some(transport),
            buffers: VecDeque::new(),
            spare: Vec::new(),
            offset: 0,
            shared: false,
            frames: VecDeque::new(),
            items: 0,
            gated: 0,
            bytes: 0,
            pushed: 0,
            written: 0,
            in_write: 0,
            flushing: false,
            awaited: false,
            closed: false,
        }
    }

    pub(super) fn transport(&self) -> Option<Arc<dyn Transport>> {
        self.transport.clone()
    }

    /// Lets go of the transport.
    pub(super) fn release(&mut self) -> Option<Arc<dyn Transport>> {
        self.transport.take()
    }

    /// Appends a frame and says where it ends. A long payload is taken out of `payload`, a short one copied.
    pub(super) fn push(&mut self, header: &Header, payload: &mut Vec<u8>) -> u64 {
        let head = header.encode();
        let length = head.len() + payload.len();
        self.pushed += length as u64;
        if self.closed {
            return self.pushed;
        }
        if !self.shared || self.buffers.back().is_none_or(|last| last.len() >= FULL_BUFFER) {
            self.buffers.push_back(std::mem::take(&mut self.spare));
            self.shared = true;
        }
        let last = self.buffers.back_mut().expect("a buffer was pushed if there was none");
        last.extend_from_slice(&head);
        if payload.len() >= OWN_BUFFER {
            self.buffers.push_back(std::mem::take(payload));
            self.shared = false;
        } else {
            last.extend_from_slice(payload);
        }
        let gated = header.kind != Kind::Message;
        self.frames.push_back(Waiting { end: self.pushed, length, gated });
        if gated {
            self.items += 1;
            self.gated += length;
        }
        self.bytes += length;
        self.pushed
    }

    /// Begins the stream.
    pub(super) fn preamble(&mut self) {
        self.buffers.push_back(PREAMBLE.to_vec());
        self.shared = true;
        self.bytes += PREAMBLE.len();
        self.pushed += PREAMBLE.len() as u64;
    }

    /// The next buffers to write. `None` if there are none or another flusher has them.
    pub(super) fn take(&mut self) -> Option<Batch> {
        if self.flushing || self.closed || self.buffers.is_empty() {
            return None;
        }
        let transport = self.transport()?;
        self.flushing = true;
        let rest = self.buffers.split_off(self.buffers.len().min(BATCH));
        let buffers = std::mem::replace(&mut self.buffers, rest);
        if self.buffers.is_empty() {
            self.shared = false;
        }
        let batch = Batch { transport, buffers, offset: std::mem::take(&mut self.offset) };
        self.in_write = batch.len();
        Some(batch)
    }

    /// Puts a batch back of which `written` bytes were written.
    pub(super) fn put_back(&mut self, mut batch: Batch, written: usize) {
        self.flushing = false;
        self.in_write = 0;
        // After `close` nothing is left to count.
        self.bytes = self.bytes.saturating_sub(written);
        self.written += written as u64;
        while self.frames.front().is_some_and(|frame| frame.end <= self.written) {
            if let Some(frame) = self.frames.pop_front().filter(|frame| frame.gated) {
                self.items -= 1;
                self.gated -= frame.length;
            }
        }
        if !batch.advance(written, &mut self.spare) && !self.closed {
            self.offset = batch.offset;
            batch.buffers.append(&mut self.buffers);
            self.buffers = batch.buffers;
        }
    }

    /// Drops everything that waits and everything pushed from now on.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.buffers.clear();
        self.frames.clear();
        self.items = 0;
        self.gated = 0;
        self.bytes = 0;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// True if everything pushed has been written, or never will be.
    pub(super) fn is_empty(&self) -> bool {
        self.closed || (self.buffers.is_empty() && !self.flushing)
    }

    /// Frames that wait for room, and their bytes. One-way messages are left out: the peer's credit bounds them, and
    /// they must not keep calls and answers from being queued behind them.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.items, self.gated)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How far the stream may have been written.
    pub(super) fn reached(&self) -> u64 {
        self.written + self.in_write
    }

    pub(super) fn await_room(&mut self) {
        self.awaited = true;
    }

    /// True once for everybody who waits for room.
    pub(super) fn take_awaited(&mut self) -> bool {
        std::mem::take(&mut self.awaited)
    }
}

#[cfg(test)]
mod tests {
    use kinfolk_protocol::HEADER_LEN;

    use super::*;
    use crate::memory::Memory;

    fn queue() -> Queue {
        Queue::new(Arc::new(Memory::pair(0).0))
    }

    fn push(queue: &mut Queue, payload: &[u8]) -> u64 {
        queue.push(&Header::control(Kind::Message, payload.len() as u32), &mut payload.to_vec())
    }

    /// Writes at most `step` bytes at a time and returns all that came out.
    fn flush(queue: &mut Queue, step: usize) -> (Vec<u8>, usize) {
        let (mut out, mut calls) = (Vec::new(), 0);
        while let Some(batch) = queue.take() {
            let bytes: Vec<u8> =
                batch.with_slices(|slices| slices.iter().flat_map(|s| s.to_vec()).take(step).collect());
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
                let payload = vec![round; if round % 2 == 0 { 5 } else { OWN_BUFFER + 3 }];
                expected.extend_from_slice(&Header::control(Kind::Message, payload.len() as u32).encode());
                expected.extend_from_slice(&payload);
                push(&mut queue, &payload);
                let batch = queue.take().expect("something waits");
                assert!(queue.take().is_none(), "one flusher at a time");
                let part: Vec<u8> = batch.with_slices(|s| s.iter().flat_map(|s| s.to_vec()).take(step).collect());
                queue.put_back(batch, part.len());
                out.extend_from_slice(&part);
            }
            out.extend_from_slice(&flush(&mut queue, step).0);
            assert!(out == expected, "in steps of {step}");
            assert_eq!((queue.bytes(), queue.reached()), (0, expected.len() as u64));
        }
    }

    #[test]
    fn messages_take_no_room_from_calls_and_what_is_written_is_not_counted() {
        let mut queue = queue();
        for _ in 0..10_000 {
            push(&mut queue, &[1; 1_000]);
        }
        assert_eq!(queue.waiting(), (0, 0));
        queue.push(&Header::control(Kind::Call, 5), &mut vec![0; 5]);
        queue.push(&Header::control(Kind::Reply, 6), &mut vec![0; 6]);
        assert_eq!(queue.waiting(), (2, 2 * HEADER_LEN + 11));
        // All but the last byte: one frame is still on its way, however many buffers there were.
        let all = queue.bytes();
        let mut left = all - 1;
        while left > 0 {
            let batch = queue.take().unwrap();
            let written = left.min(batch.len() as usize);
            queue.put_back(batch, written);
            left -= written;
        }
        assert_eq!(queue.waiting(), (1, HEADER_LEN + 6));
        assert_eq!(flush(&mut queue, usize::MAX).0.len(), 1);
        assert_eq!((queue.waiting(), queue.frames.len()), ((0, 0), 0));
    }

    #[test]
    fn a_long_payload_is_not_copied() {
        let mut queue = queue();
        let mut payload = vec![3; OWN_BUFFER];
        let address = payload.as_ptr();
        queue.push(&Header::control(Kind::Message, OWN_BUFFER as u32), &mut payload);
        let batch = queue.take().unwrap();
        assert!(payload.is_empty());
        batch.with_slices(|slices| assert_eq!(slices[1].as_ptr(), address));
    }

    #[test]
    fn what_is_closed_takes_nothing_and_counts_what_may_have_been_written() {
        let mut queue = queue();
        let first = push(&mut queue, b"first");
        let batch = queue.take().unwrap();
        assert!(first <= queue.reached(), "the peer may have it although the call has not returned");
        queue.put_back(batch, first as usize);
        let second = push(&mut queue, b"second");
        queue.close();
        assert!(first <= queue.reached() && second > queue.reached());
        assert!(queue.take().is_none() && queue.is_empty());
    }
}
