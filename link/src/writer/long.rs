//! Long payloads: each leaves behind whatever short frames wait, one payload after another has its turn, and those too
//! long for one frame leave in chunks, so that neither a short frame nor another long one waits for more than two
//! chunks.

use std::collections::VecDeque;

use std::os::fd::OwnedFd;

use bytes::Bytes;
use kinfolk_protocol::{CallId, Flags, HEADER_LEN, Header, Kind, Loan, MAX_LONG, MessageId, WHOLE};

use super::batch::{PARTS, Part};
use crate::attachments::{Along, Packed};

/// Frames that must not overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// None but those of its own queue.
    Free,
    /// One-way messages: their order is promised.
    Messages,
    /// What we say about a call of ours.
    Call(CallId),
    /// What we answer to a call of the peer's: items, then the end.
    Answer(CallId),
    /// After everything long that is there: the peer leaves when it reads it.
    Last,
}

impl Order {
    pub(super) fn of(header: &Header) -> Self {
        match header.kind {
            Kind::Message => Self::Messages,
            Kind::Call | Kind::Cancel => Self::Call(header.call),
            Kind::Credit if header.call != CallId::NONE => Self::Call(header.call),
            Kind::Item | Kind::Reply | Kind::Declined | Kind::Failed | Kind::Started | Kind::Stopped => {
                Self::Answer(header.call)
            }
            Kind::Drain => Self::Last,
            _ => Self::Free,
        }
    }
}

/// A frame that waits for a long one before it.
#[derive(Debug)]
pub(super) struct Follower {
    id: u64,
    pub(super) header: Header,
    pub(super) payload: Packed,
}

/// A payload on its way.
#[derive(Debug)]
pub(super) struct Long {
    id: u64,
    header: Header,
    order: Order,
    /// On the wire, once it was announced.
    number: Option<CallId>,
    /// In front of the payload, until the first chunk took it.
    front: Vec<u8>,
    /// What has not left.
    rest: Rest,
    followers: VecDeque<Follower>,
}

impl Long {
    /// Drops it and what waits for it, but for what is the program's. Says which it was.
    fn spend(self, spent: &mut Vec<Bytes>) -> u64 {
        spent.extend(self.rest.parts.into_iter().map(|part| part.bytes));
        self.followers.into_iter().for_each(|follower| follower.payload.spend(spent));
        self.id
    }
}

/// The parts of a payload that have not left.
#[derive(Debug)]
struct Rest {
    parts: VecDeque<Part>,
    length: usize,
    /// They leave with the frame's header.
    descriptors: Vec<OwnedFd>,
    /// They are lent once all has left.
    loans: Vec<Box<dyn Loan>>,
}

impl Rest {
    fn new(payload: Packed) -> Self {
        let length = payload.len();
        let (bytes, along) = payload.into_parts();
        let mut rest = Self { parts: VecDeque::new(), length, descriptors: Vec::new(), loans: Vec::new() };
        rest.push(bytes.into(), true);
        if let Some(along) = along {
            let Along { data, descriptors, loans, table, .. } = *along;
            data.into_iter().for_each(|data| rest.push(data, false));
            rest.push(table.into(), false);
            (rest.descriptors, rest.loans) = (descriptors, loans);
        }
        rest
    }

    fn push(&mut self, bytes: Bytes, ours: bool) {
        if !bytes.is_empty() {
            self.parts.push_back(Part { bytes, ours });
        }
    }

    /// Takes out at most `most` bytes from the beginning, in at most as many parts as may be in one chunk.
    fn take(&mut self, most: usize) -> Vec<Part> {
        let (mut taken, mut room) = (Vec::new(), most);
        while room > 0 && taken.len() < PARTS {
            let Some(part) = self.parts.front_mut() else { break };
            let length = part.bytes.len().min(room);
            taken.push(part.split_to(length));
            if part.bytes.is_empty() {
                self.parts.pop_front();
            }
            (room, self.length) = (room - length, self.length - length);
        }
        taken
    }

    /// All of it has left, or is about to.
    fn left(self) {
        self.loans.into_iter().for_each(Loan::left);
    }
}

/// A chunk with the headers in front of it.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) head: Vec<u8>,
    pub(super) descriptors: Vec<OwnedFd>,
    pub(super) parts: Vec<Part>,
    /// The payload it was the last of, and what waited for it.
    pub(super) done: Option<(u64, VecDeque<Follower>)>,
}

/// What came of giving a long payload up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// There was none.
    Nothing,
    /// The peer has seen nothing of it.
    Unseen,
    /// The peer has seen some of it, and is to be told this.
    Begun(Header),
}

/// All long payloads of one direction.
#[derive(Debug, Default)]
pub(super) struct Longs {
    /// In the order of their turns; those announced come first.
    active: VecDeque<Long>,
    later: VecDeque<Long>,
    pushed: u64,
    announced: u64,
    bytes: usize,
}

impl Longs {
    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Bytes that have not been handed out.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of one order that have not been handed out.
    pub(super) fn bytes_of(&self, order: Order) -> usize {
        let found = self.active.iter().chain(&self.later).find(|long| long.order == order);
        found.map_or(0, |long| {
            let behind = long.followers.iter().map(|follower| follower.payload.len());
            long.front.len() + long.rest.length + behind.sum::<usize>()
        })
    }

    /// Drops all, and says which they were.
    pub(super) fn clear(&mut self, spent: &mut Vec<Bytes>) -> Vec<u64> {
        self.bytes = 0;
        self.active.drain(..).chain(self.later.drain(..)).map(|long| long.spend(spent)).collect()
    }

    /// Takes a payload; the number that comes back tells it from others.
    pub(super) fn push(&mut self, header: &Header, front: &[u8], payload: Packed) -> u64 {
        self.pushed += 1;
        self.insert(self.pushed, header, front, payload)
    }

    /// [`push`](Self::push) of what has waited: its place among the others stays.
    pub(super) fn resume(&mut self, Follower { id, header, payload }: Follower) -> u64 {
        self.insert(id, &header, &[], payload)
    }

    fn insert(&mut self, id: u64, header: &Header, front: &[u8], payload: Packed) -> u64 {
        self.bytes += front.len() + payload.len();
        let cut = front.len() + payload.len() > WHOLE as usize;
        let flags = if cut { header.flags.with(Flags::LONG) } else { header.flags };
        let long = Long {
            id,
            header: Header { flags, ..*header },
            order: Order::of(header),
            number: None,
            front: front.to_vec(),
            rest: Rest::new(payload),
            followers: VecDeque::new(),
        };
        let queue = if self.active.len() < MAX_LONG { &mut self.active } else { &mut self.later };
        queue.push_back(long);
        id
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Long> {
        self.active.iter_mut().chain(&mut self.later)
    }

    /// True if the payload has not been handed out whole.
    pub(super) fn holds(&self, id: u64) -> bool {
        self.active.iter().chain(&self.later).any(|long| long.id == id)
    }

    /// Has a frame wait for the long one of its order. False if there is none.
    pub(super) fn follow(&mut self, order: Order, header: &Header, payload: &mut Packed) -> bool {
        let id = self.pushed + 1;
        let Some(long) = self.all().find(|long| long.order == order) else { return false };
        let payload = std::mem::take(payload);
        let length = payload.len();
        long.followers.push_back(Follower { id, header: *header, payload });
        self.pushed = id;
        self.bytes += length;
        true
    }

    /// A frame that waited no longer does.
    pub(super) fn release(&mut self, follower: &Follower) {
        self.bytes -= follower.payload.len();
    }

    /// The latest there is.
    pub(super) fn latest(&self) -> u64 {
        self.pushed
    }

    /// True while anything up to `latest` has not been handed out.
    pub(super) fn is_before(&self, latest: u64) -> bool {
        let first = |long: &Long| long.followers.front().is_some_and(|follower| follower.id <= latest);
        self.active.iter().chain(&self.later).any(|long| long.id <= latest || first(long))
    }

    /// True if descriptors leave with the next chunk: it has to be the first in its write.
    pub(super) fn next_passes(&self) -> bool {
        self.active.front().is_some_and(|long| !long.rest.descriptors.is_empty())
    }

    /// The next chunk, of whoever's turn it is, or a frame that needs no chunks.
    pub(super) fn next(&mut self) -> Option<Chunk> {
        let mut long = self.active.pop_front()?;
        let mut head = Vec::with_capacity(2 * HEADER_LEN);
        let number = match long.number {
            Some(number) => number,
            None => {
                head.extend_from_slice(&long.header.encode());
                if !long.header.flags.has(Flags::LONG) {
                    return Some(self.whole(long, head));
                }
                self.announced += 1;
                CallId::from_bits(self.announced)
            }
        };
        long.number = Some(number);
        let (front, descriptors) = (std::mem::take(&mut long.front), std::mem::take(&mut long.rest.descriptors));
        let before = long.rest.length;
        let parts = long.rest.take(WHOLE as usize - front.len());
        let length = front.len() + before - long.rest.length;
        head.extend_from_slice(&Header::of_call(Kind::Chunk, number, length as u32).encode());
        head.extend_from_slice(&front);
        self.bytes -= length;
        if long.rest.length > 0 {
            self.active.push_back(long);
            return Some(Chunk { head, descriptors, parts, done: None });
        }
        long.rest.left();
        self.promote();
        Some(Chunk { head, descriptors, parts, done: Some((long.id, long.followers)) })
    }

    fn whole(&mut self, mut long: Long, mut head: Vec<u8>) -> Chunk {
        self.bytes -= long.front.len() + long.rest.length;
        head.extend_from_slice(&long.front);
        self.promote();
        let descriptors = std::mem::take(&mut long.rest.descriptors);
        // All of it, however many parts it has: it is no longer than a chunk.
        let parts = long.rest.parts.drain(..).collect();
        long.rest.left();
        Chunk { head, descriptors, parts, done: Some((long.id, long.followers)) }
    }

    /// What waits for `id` from now on.
    pub(super) fn adopt(&mut self, id: u64, followers: VecDeque<Follower>) {
        if let Some(long) = self.all().find(|long| long.id == id) {
            long.followers.extend(followers);
        }
    }

    fn promote(&mut self) {
        while self.active.len() < MAX_LONG {
            let Some(next) = self.later.pop_front() else { return };
            self.active.push_back(next);
        }
    }

    /// Gives up the payload of this order, and what waits for it.
    pub(super) fn give_up(&mut self, order: Order, spent: &mut Vec<Bytes>) -> GivenUp {
        let found = |queue: &VecDeque<Long>| queue.iter().position(|long| long.order == order);
        let long = match found(&self.active) {
            Some(at) => self.active.remove(at),
            None => found(&self.later).and_then(|at| self.later.remove(at)),
        };
        let Some(long) = long else { return GivenUp::Nothing };
        self.bytes -= long.front.len() + long.rest.length;
        self.promote();
        // They are all of its order.
        self.bytes -= long.followers.iter().map(|follower| follower.payload.len()).sum::<usize>();
        let number = long.number;
        long.spend(spent);
        match number {
            None => GivenUp::Unseen,
            Some(number) => GivenUp::Begun(Header {
                kind: Kind::Chunk,
                flags: Flags::ABANDONED,
                call: number,
                message: MessageId::NONE,
                length: 0,
                attachments: 0,
            }),
        }
    }
}
