//! What waits to be written, as the fewest buffers that hold it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use kinfolk_protocol::{Header, Kind, PREAMBLE};

use super::batch::{BATCH, Batch, Content, FULL_BUFFER, LONG_BATCH, LONGS, Lanes, Piece};
use super::is_long;
use super::long::{Chunk, Follower, GivenUp, Longs, Order};
use crate::attachments::Packed;
use crate::transport::Transport;

/// For so many writes after a short frame or an item the next call is expected: it is to find little in front of it.
const BESIDE: u32 = 16;

/// Short frames in the order they were pushed, and long ones in chunks behind them. One flusher at a time takes buffers
/// out, writes them without holding the lock, and puts back what was not written.
#[derive(Debug)]
pub(super) struct Queue {
    /// Gone once the link was aborted.
    transport: Option<Arc<dyn Transport>>,
    buffers: VecDeque<Piece>,
    longs: Longs,
    /// What waits for everything long up to that id, and has no payload.
    last: Option<(u64, Header)>,
    /// What is the program's and is not needed any more. Dropping it may run any code, even some that sends, so it is
    /// dropped where nothing is locked.
    spent: Vec<Bytes>,
    /// An empty buffer kept for the next frame, so that a steady flow allocates none.
    spare: Vec<u8>,
    /// How much of the first buffer has been written.
    offset: usize,
    /// True if the last buffer takes further frames.
    shared: bool,
    /// Short frames that have not been written whole, oldest first.
    frames: VecDeque<Waiting>,
    /// Long payloads whose last chunk was handed out, and where it ends.
    finishing: VecDeque<(u64, u64)>,
    /// Long payloads that were dropped before they had left.
    unsent: Vec<u64>,
    room: Occupied,
    bytes: usize,
    /// Bytes ever put in order and ever written: a frame was sent if its end is not beyond what was written.
    ordered: u64,
    written: u64,
    /// Handed to the system call that is under way.
    in_write: u64,
    flushing: bool,
    /// For so many writes of long payloads short frames are expected beside them.
    beside: u32,
    /// Somebody waits for room.
    awaited: bool,
    closed: bool,
}

/// What waits for room. One-way messages are left out: the peer's credit bounds them, and they must not keep calls and
/// answers from being queued behind them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Occupied {
    /// Short frames.
    pub(super) items: usize,
    /// Their bytes.
    pub(super) bytes: usize,
    /// Bytes of long payloads.
    pub(super) long: usize,
}

/// Where a frame is, for the question whether it has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It ends at this place of the stream.
    End(u64),
    /// It leaves in chunks.
    Long(u64),
}

/// A frame that has not been written whole.
#[derive(Debug)]
struct Waiting {
    end: u64,
    length: usize,
    gated: bool,
}

impl Queue {
    pub(super) fn new(transport: Arc<dyn Transport>) -> Self {
        Self {
            transport: Some(transport),
            buffers: VecDeque::new(),
            longs: Longs::default(),
            last: None,
            spent: Vec::new(),
            spare: Vec::new(),
            offset: 0,
            shared: false,
            frames: VecDeque::new(),
            finishing: VecDeque::new(),
            unsent: Vec::new(),
            room: Occupied::default(),
            bytes: 0,
            ordered: 0,
            written: 0,
            in_write: 0,
            flushing: false,
            beside: 0,
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

    /// Appends a frame whose payload is `front` and `payload`, and says how to find it again. A long payload is taken
    /// out of `payload`, a short one copied.
    pub(super) fn push(&mut self, header: &Header, front: &[u8], payload: &mut Packed) -> Mark {
        if self.closed {
            return Mark::End(u64::MAX);
        }
        let mut header = *header;
        payload.note(&mut header);
        let header = &header;
        let (order, length) = (Order::of(header), payload.len());
        let long = is_long(front.len() + length);
        if !long || header.kind == Kind::Item {
            self.beside = BESIDE;
        }
        if order == Order::Last && !self.longs.is_empty() {
            self.last = Some((self.longs.latest(), *header));
            return Mark::End(u64::MAX);
        }
        if self.longs.follow(order, header, payload) {
            self.bytes += length;
            // Only a call is looked for again, and it never follows.
            return Mark::End(u64::MAX);
        }
        // What belongs to no order is the runtime's own: a handshake, a log.
        if long && order != Order::Free {
            self.bytes += front.len() + payload.len();
            return Mark::Long(self.longs.push(header, front, std::mem::take(payload)));
        }
        Mark::End(self.push_short(header, front, payload))
    }

    fn push_short(&mut self, header: &Header, front: &[u8], payload: &mut Packed) -> u64 {
        let head = header.encode();
        let length = head.len() + front.len() + payload.len();
        self.ordered += length as u64;
        // Descriptors leave with the first byte of a buffer.
        let full = |last: &Piece| last.bytes().len() >= FULL_BUFFER || payload.has_descriptors();
        if !self.shared || self.buffers.back().is_none_or(full) {
            self.buffers.push_back(Content::Frames(std::mem::take(&mut self.spare)).into());
            self.shared = true;
        }
        let Some(Piece { content: Content::Frames(last), descriptors }) = self.buffers.back_mut() else {
            unreachable!("a buffer for frames was pushed if the last was none");
        };
        last.extend_from_slice(&head);
        last.extend_from_slice(front);
        descriptors.extend(payload.append_to(last, &mut self.spent));
        let gated = header.kind != Kind::Message;
        self.frames.push_back(Waiting { end: self.ordered, length, gated });
        if gated {
            self.room.items += 1;
            self.room.bytes += length;
        }
        self.bytes += length;
        self.ordered
    }

    /// Begins the stream.
    pub(super) fn preamble(&mut self) {
        self.buffers.push_back(Content::Frames(PREAMBLE.to_vec()).into());
        self.shared = true;
        self.bytes += PREAMBLE.len();
        self.ordered += PREAMBLE.len() as u64;
    }

    /// Gives up the long payload of this order and what of its order waits for it. The peer is told if it has seen
    /// some.
    pub(super) fn give_up(&mut self, order: Order) -> GivenUp {
        let before = self.longs.bytes();
        let given_up = self.longs.give_up(order, &mut self.spent);
        self.bytes = self.bytes.saturating_sub(before - self.longs.bytes());
        if let GivenUp::Begun(header) = given_up {
            self.push_short(&header, &[], &mut Packed::default());
        }
        self.push_last();
        given_up
    }

    /// Lets what waited for a long frame go: short ones up to the next long one, which the rest waits for.
    fn push_all(&mut self, mut followers: VecDeque<Follower>) {
        while let Some(mut follower) = followers.pop_front() {
            self.longs.release(&follower);
            if is_long(follower.payload.len()) {
                let id = self.longs.resume(follower);
                return self.longs.adopt(id, followers);
            }
            self.bytes -= follower.payload.len();
            self.push_short(&follower.header, &[], &mut follower.payload);
        }
    }

    /// Lets the last frame go, once everything long before it has been handed out.
    fn push_last(&mut self) {
        if let Some((_, header)) = self.last.take_if(|(latest, _)| !self.longs.is_before(*latest)) {
            self.push_short(&header, &[], &mut Packed::default());
        }
    }

    /// The next buffers to write. `None` if there are none or another flusher has them.
    pub(super) fn take(&mut self, lanes: Lanes) -> Option<Batch> {
        let longs = lanes == Lanes::Both && !self.longs.is_empty();
        if self.flushing || self.closed || (self.buffers.is_empty() && !longs) {
            return None;
        }
        let transport = self.transport()?;
        self.flushing = true;
        // Each buffer with descriptors begins a write of its own, so that they arrive with their frame alone.
        let alone = self.buffers.iter().skip(1).position(|piece| !piece.descriptors.is_empty());
        let count = alone.map_or(BATCH, |at| BATCH.min(at + 1));
        let rest = self.buffers.split_off(self.buffers.len().min(count));
        let mut buffers = std::mem::replace(&mut self.buffers, rest);
        if self.buffers.is_empty() {
            self.shared = false;
            if longs {
                self.append_long(&mut buffers);
            }
        } else if longs {
            self.append_behind();
        }
        self.beside = self.beside.saturating_sub(u32::from(longs));
        let batch = Batch { transport, buffers, offset: std::mem::take(&mut self.offset) };
        self.in_write = batch.len();
        Some(batch)
    }

    /// As much of the long payloads as fits one system call. What was put back of an earlier batch counts. Short frames
    /// that waited for one of them come first: they may belong before the next.
    fn append_long(&mut self, buffers: &mut VecDeque<Piece>) {
        let mut bytes: usize = buffers.iter().filter_map(Piece::long).sum();
        let room = |bytes, count| bytes < LONG_BATCH && count < BATCH + LONGS;
        while room(bytes, buffers.len()) && self.buffers.is_empty() && !self.longs.is_empty() {
            if self.longs.next_passes() && !buffers.is_empty() {
                return;
            }
            let before = self.longs.bytes();
            self.append_chunk(buffers);
            bytes += before.saturating_sub(self.longs.bytes());
        }
    }

    /// Short frames that come without end must not keep the long ones from their turn: one leaves behind those that are
    /// there. Not before any of them, or it might overtake what belongs before it.
    fn append_behind(&mut self) {
        if self.buffers.iter().all(|piece| piece.long().is_none()) {
            let mut waiting = std::mem::take(&mut self.buffers);
            self.append_chunk(&mut waiting);
            // What waited for this chunk has been pushed meanwhile.
            let after = std::mem::replace(&mut self.buffers, waiting);
            self.shared &= !after.is_empty();
            self.buffers.extend(after);
        }
    }

    fn append_chunk(&mut self, buffers: &mut VecDeque<Piece>) {
        let before = self.longs.bytes();
        let Some(Chunk { head, descriptors, parts, done }) = self.longs.next() else { return };
        let length = head.len() + parts.iter().map(|part| part.bytes.len()).sum::<usize>();
        self.ordered += length as u64;
        // The payload has been counted when it was pushed.
        self.bytes += length - (before - self.longs.bytes());
        buffers.push_back(Piece::frames(head, descriptors));
        buffers.extend(parts.into_iter().map(|part| Content::Part(part).into()));
        let Some((id, followers)) = done else { return };
        self.finishing.push_back((id, self.ordered));
        self.push_all(followers);
        self.push_last();
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
                self.room.items -= 1;
                self.room.bytes -= frame.length;
            }
        }
        while self.finishing.front().is_some_and(|(_, end)| *end <= self.written) {
            self.finishing.pop_front();
        }
        if batch.advance(written, &mut self.spare, &mut self.spent) {
            return;
        }
        if self.closed {
            batch.buffers.into_iter().for_each(|piece| piece.spend(&mut self.spent));
        } else {
            self.offset = batch.offset;
            batch.buffers.append(&mut self.buffers);
            self.buffers = batch.buffers;
        }
    }

    /// Drops everything that waits and everything pushed from now on.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.buffers.drain(..).for_each(|piece| piece.spend(&mut self.spent));
        self.unsent.extend(self.longs.clear(&mut self.spent));
        self.last = None;
        self.frames.clear();
        self.room = Occupied::default();
        self.bytes = 0;
    }

    /// What is to be dropped once nothing is locked.
    pub(super) fn take_spent(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.spent)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// True if everything pushed has been written, or never will be.
    pub(super) fn is_empty(&self) -> bool {
        self.closed || (self.buffers.is_empty() && self.longs.is_empty() && self.last.is_none() && !self.flushing)
    }

    /// What waits for room.
    pub(super) fn occupied(&self) -> Occupied {
        Occupied { long: self.longs.bytes(), ..self.room }
    }

    /// Bytes of long payloads of one order that have not been handed out.
    pub(super) fn long_of(&self, order: Order) -> usize {
        self.longs.bytes_of(order)
    }

    /// True if there is something long, and short frames are expected beside it.
    pub(super) fn is_beside(&self) -> bool {
        self.beside > 0 && !self.closed && !self.longs.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if the frame may have left whole: it was written, or handed to the system call that is under way. Also
    /// after
    /// [`close`](Self::close), for what was pushed before.
    pub(super) fn has_left(&self, mark: Mark) -> bool {
        let reached = self.written + self.in_write;
        match mark {
            Mark::End(end) => end <= reached,
            Mark::Long(id) => {
                let on_its_way = self.finishing.iter().any(|(known, end)| *known == id && *end > reached);
                !on_its_way && !self.longs.holds(id) && !self.unsent.contains(&id)
            }
        }
    }

    /// True if the short frame was written for certain.
    pub(super) fn is_written(&self, mark: Mark) -> bool {
        matches!(mark, Mark::End(end) if end <= self.written)
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
mod tests;
