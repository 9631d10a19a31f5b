//! Two sessions joined by two queues, or one with a peer that keeps to nothing, driven by arbitrary bytes.
//!
//! Shared with the fuzz target `session`: whoever includes it has the types below in scope.

use std::collections::VecDeque;

use super::{Broken, CallId, Grant, ItemRoom, Limits, Session, Settled, WHOLE};

/// What crosses between two sessions, without its payload.
#[derive(Debug, Clone, Copy)]
enum Frame {
    Call(CallId, u64),
    Cancel(CallId),
    Answer(CallId),
    Item(CallId, u64),
    ItemCredit(CallId, Grant),
    Message(u64),
    Credit(Grant),
}

/// One side: its session, and what a runtime would keep beside it.
struct End {
    session: Session<CallId, CallId>,
    inbox: VecDeque<Frame>,
    /// Our calls that have not ended.
    ours: Vec<CallId>,
    /// The peer's calls that have not ended, as far as we know.
    theirs: Vec<CallId>,
    /// Items and messages that were received and not taken.
    items: Vec<(CallId, u64)>,
    messages: Vec<u64>,
    closed: bool,
}

/// An operation in three bytes: what is done, by whom, and to which.
#[derive(Clone, Copy)]
struct Step {
    what: u8,
    which: u8,
    size: u8,
}

/// So many acts there are, of which the first so many are to receive a frame.
const ACTS: u8 = 24;
const RECEIVE: u8 = 8;

impl Step {
    fn all(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.chunks_exact(3).map(|step| Self { what: step[0], which: step[1], size: step[2] })
    }

    /// Most are short; some have a class of their own.
    fn bytes(self) -> u64 {
        if self.size & 15 == 0 { u64::from(WHOLE) + u64::from(self.size) } else { u64::from(self.size) }
    }

    fn pick<T: Copy>(self, list: &[T]) -> Option<T> {
        list.get(usize::from(self.which) % list.len().max(1)).copied()
    }

    fn take<T>(self, list: &mut Vec<T>) -> Option<T> {
        let at = usize::from(self.which) % list.len().max(1);
        (at < list.len()).then(|| list.swap_remove(at))
    }
}

/// Limits so low that everything runs into them.
fn limits(byte: u8) -> Limits {
    let [low, middle, high] = [byte & 3, byte >> 2 & 3, byte >> 4].map(u32::from);
    let bytes = 1 + u64::from(high) * 20;
    Limits::DEFAULT.max_in_flight(1 + low).window(1 + middle, bytes).items(1 + low, bytes)
}

/// Drives two honest sides: neither finds the other to break the protocol, every call ends once, and once everything
/// was taken nothing is blocked and nothing is left.
pub(crate) fn drive(bytes: &[u8]) {
    let [first, second, steps @ ..] = bytes else { return };
    let (ours, theirs) = (limits(*first), limits(*second));
    let mut ends = [End::new(&ours, &theirs), End::new(&theirs, &ours)];
    for step in Step::all(steps) {
        let side = usize::from(step.what >> 7);
        let sent = ends[side].act(step);
        ends[1 - side].inbox.extend(sent);
    }
    settle(&mut ends);
    finish(ends);
}

/// Delivers and takes everything.
fn settle(ends: &mut [End; 2]) {
    while ends.iter().any(|end| !end.is_quiet()) {
        for side in [0, 1] {
            while let Some(frame) = ends[side].inbox.pop_front() {
                ends[side].receive(frame);
            }
            let sent = ends[side].take_all();
            ends[1 - side].inbox.extend(sent);
        }
    }
}

fn finish(mut ends: [End; 2]) {
    if ends.iter().any(|end| end.closed) {
        ends.iter_mut().for_each(End::close);
        return;
    }
    for (caller, callee) in [(0, 1), (1, 0)] {
        assert_eq!(ends[caller].session.in_flight(), ends[callee].session.running(), "the sides count alike");
        assert!(ends[caller].session.may_send(), "all was taken, and there is no room");
        while let Some(call) = ends[callee].theirs.pop() {
            assert_eq!(ends[callee].session.item_room(call), ItemRoom::Free, "all was taken, and there is no room");
            assert!(ends[callee].session.finish(call));
            ends[caller].inbox.push_back(Frame::Answer(call));
        }
        let rest = ends[callee].session.last_grant().map(Frame::Credit);
        ends[caller].inbox.extend(rest);
    }
    settle(&mut ends);
    for mut end in ends {
        assert_eq!((end.session.in_flight(), end.session.running()), (0, 0));
        assert!(end.ours.is_empty() && end.theirs.is_empty(), "a call has not ended");
        assert!(end.session.may_call(0) && end.session.may_call(u64::from(WHOLE) + 1));
        assert!(end.session.untaken().is_empty(), "{:?}", end.session.untaken());
        end.close();
    }
}

impl End {
    fn new(ours: &Limits, theirs: &Limits) -> Self {
        Self {
            session: Session::new(ours, theirs),
            inbox: VecDeque::new(),
            ours: Vec::new(),
            theirs: Vec::new(),
            items: Vec::new(),
            messages: Vec::new(),
            closed: false,
        }
    }

    fn is_quiet(&self) -> bool {
        self.inbox.is_empty() && self.items.is_empty() && self.messages.is_empty()
    }

    /// Does what an honest runtime may do at this moment, and says what it sends. A third of all it does is to receive.
    fn act(&mut self, step: Step) -> Option<Frame> {
        let what = (step.what & 0x7f) % ACTS;
        if self.closed || what < RECEIVE {
            if let Some(frame) = self.inbox.pop_front() {
                self.receive(frame);
            }
            return None;
        }
        match what {
            8..=10 => self.call(step.bytes()),
            11 | 12 => step.take(&mut self.theirs).map(|call| {
                assert!(self.session.finish(call), "an open call is to be answered");
                Frame::Answer(call)
            }),
            13 => step.take(&mut self.ours).map(|call| {
                assert_eq!(self.session.abandon(call), Some(call));
                Frame::Cancel(call)
            }),
            14..=16 => self.send_item(step),
            17 | 18 => self.take_item(step),
            19 | 20 if self.session.may_send() => {
                self.session.send("message", step.bytes());
                Some(Frame::Message(step.bytes()))
            }
            21 => {
                let bytes = step.take(&mut self.messages)?;
                self.session.taken(bytes);
                self.session.grant().map(Frame::Credit)
            }
            22 => self.session.last_grant().map(Frame::Credit),
            23 if step.size < 8 => {
                self.close();
                None
            }
            _ => None,
        }
    }

    fn call(&mut self, bytes: u64) -> Option<Frame> {
        if !self.session.may_call(bytes) {
            return None;
        }
        // What is kept for a call is its own id, so that a mistaken one shows.
        let call = self.session.call(bytes, CallId::NONE);
        *self.session.waiter(call).expect("it was made just now") = call;
        assert!(!self.ours.contains(&call), "{call} is in use");
        self.ours.push(call);
        Some(Frame::Call(call, bytes))
    }

    fn send_item(&mut self, step: Step) -> Option<Frame> {
        let call = step.pick(&self.theirs)?;
        match self.session.item_room(call) {
            ItemRoom::Free => {
                self.session.send_item(call, step.bytes());
                Some(Frame::Item(call, step.bytes()))
            }
            ItemRoom::Full => None,
            ItemRoom::Over => panic!("{call} is open"),
        }
    }

    fn take_item(&mut self, step: Step) -> Option<Frame> {
        let (call, bytes) = step.take(&mut self.items)?;
        self.session.item_taken(call, bytes);
        self.session.item_grant(call).map(|grant| Frame::ItemCredit(call, grant))
    }

    fn take_all(&mut self) -> Vec<Frame> {
        let (items, messages) = (std::mem::take(&mut self.items), std::mem::take(&mut self.messages));
        let mut sent = Vec::new();
        for (call, bytes) in items {
            self.session.item_taken(call, bytes);
            sent.extend(self.session.item_grant(call).map(|grant| Frame::ItemCredit(call, grant)));
        }
        for bytes in messages {
            self.session.taken(bytes);
            sent.extend(self.session.grant().map(Frame::Credit));
        }
        // A side that has closed says nothing any more.
        if self.closed { Vec::new() } else { sent }
    }

    /// Takes a frame of an honest peer.
    fn receive(&mut self, frame: Frame) {
        self.try_receive(frame).unwrap_or_else(|broken| panic!("an honest peer sent {frame:?}: {broken}"));
    }

    fn try_receive(&mut self, frame: Frame) -> Result<(), Broken> {
        match frame {
            Frame::Call(call, bytes) => {
                self.session.called(call, bytes, call)?;
                self.theirs.push(call);
            }
            Frame::Cancel(call) => {
                assert_eq!(self.session.cancelled(call), remove(&mut self.theirs, call));
            }
            Frame::Answer(call) => {
                let settled = self.session.answered(call)?;
                assert_eq!(settled, remove(&mut self.ours, call).map_or(Settled::Late, Settled::Waiter));
            }
            Frame::Item(call, bytes) => match self.session.item(call, bytes)? {
                Settled::Waiter(waiter) => {
                    assert_eq!(*waiter, call);
                    self.items.push((call, bytes));
                }
                Settled::Late => assert!(!self.ours.contains(&call)),
            },
            Frame::ItemCredit(call, grant) => {
                let job = self.session.item_credited(call, grant)?.copied();
                assert_eq!(job, self.theirs.iter().copied().find(|known| *known == call));
            }
            Frame::Message(bytes) => {
                self.session.received(bytes)?;
                self.messages.push(bytes);
            }
            Frame::Credit(grant) => self.session.credited(grant)?,
        }
        Ok(())
    }

    /// Every call that has not ended does so now, and not a second time.
    fn close(&mut self) {
        let closing = self.session.close();
        let mut waiters: Vec<CallId> = closing.waiters.iter().map(|(call, _)| *call).collect();
        assert!(closing.waiters.iter().all(|(call, waiter)| call == waiter));
        for (found, expected) in [(&mut waiters, &mut self.ours), (&mut closing.jobs.clone(), &mut self.theirs)] {
            found.sort_unstable_by_key(|call| call.to_bits());
            expected.sort_unstable_by_key(|call| call.to_bits());
            assert_eq!(found, expected);
            expected.clear();
        }
        assert!(self.session.close().waiters.is_empty());
        self.closed = true;
    }
}

fn remove(list: &mut Vec<CallId>, call: CallId) -> Option<CallId> {
    let at = list.iter().position(|known| *known == call)?;
    Some(list.swap_remove(at))
}

/// Drives one honest side with frames that nobody honest sent: each is taken or found to break the protocol, and what
/// is kept stays consistent.
pub(crate) fn drive_against_hostile(bytes: &[u8]) {
    let [first, second, steps @ ..] = bytes else { return };
    let mut end = End::new(&limits(*first), &limits(*second));
    for step in Step::all(steps) {
        if step.what >> 7 == 0 {
            end.act(Step { what: RECEIVE + step.what % (ACTS - RECEIVE), ..step });
        } else {
            // Refused or not, it goes on: the link's end may come later.
            let _ = end.try_receive(hostile(step));
        }
        if end.closed {
            return;
        }
        assert!(end.session.in_flight() == end.ours.len() && end.session.running() == end.theirs.len());
    }
    end.close();
}

/// A frame with an id near those in use, or far from all.
fn hostile(step: Step) -> Frame {
    let far = step.which == u8::MAX;
    let slot = if far { u64::from(u32::MAX) } else { u64::from(step.which & 7) };
    let generation = if far { u64::from(step.size) << 24 } else { u64::from(step.which >> 3) };
    let call = CallId::from_bits(generation << 32 | slot);
    let bytes = if far { u64::from(u32::MAX) } else { step.bytes() };
    let mut grant = [0; 12];
    grant[0] = step.size & 3;
    grant[4..].copy_from_slice(&(if far { u64::MAX } else { bytes }).to_le_bytes());
    let grant = Grant::decode(&grant).expect("twelve bytes");
    match step.what & 7 {
        0 | 1 => Frame::Call(call, bytes),
        2 => Frame::Cancel(call),
        3 => Frame::Answer(call),
        4 => Frame::Item(call, bytes),
        5 => Frame::ItemCredit(call, grant),
        6 => Frame::Message(bytes),
        _ => Frame::Credit(grant),
    }
}
