//! The calls the peer waits for. Its slots are dense, so a table as long as its limit holds them all.

use super::Broken;
use super::flow::Grant;
use super::outgoing::Class;
use crate::limits::Limits;
use crate::name::CallId;

/// Whether an item of a call may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemRoom {
    /// It may.
    Free,
    /// The caller has not taken those before it.
    Full,
    /// The call is over: nobody waits for its items.
    Over,
}

#[derive(Debug)]
pub(super) struct Incoming<J> {
    slots: Vec<Option<Open<J>>>,
    open: usize,
    max_calls: u32,
    /// Of short and of long calls.
    bytes: [u64; 2],
    max_bytes: u64,
    /// What the caller holds per call.
    items: (u32, u64),
}

#[derive(Debug)]
struct Open<J> {
    generation: u32,
    bytes: u64,
    /// Items sent, and no credit given back.
    sent: Grant,
    job: J,
}

impl<J> Incoming<J> {
    pub(super) fn new(ours: &Limits, theirs: &Limits) -> Self {
        Self {
            slots: Vec::new(),
            open: 0,
            max_calls: ours.max_in_flight,
            bytes: [0; 2],
            max_bytes: ours.window_bytes,
            items: (theirs.items, theirs.item_bytes),
        }
    }

    pub(super) fn open_calls(&self) -> usize {
        self.open
    }

    pub(super) fn open(&mut self, call: CallId, bytes: u64, job: J) -> Result<(), Broken> {
        if call.slot >= self.max_calls {
            return Err(Broken::TooManyCalls { call, max: self.max_calls });
        }
        if self.bytes[Class::of(bytes) as usize] >= self.max_bytes {
            return Err(Broken::TooManyBytes { call, max: self.max_bytes });
        }
        let at = call.slot as usize;
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || None);
        }
        if self.slots[at].is_some() {
            return Err(Broken::DuplicateCall { call });
        }
        self.slots[at] = Some(Open { generation: call.generation, bytes, sent: Grant::NONE, job });
        self.bytes[Class::of(bytes) as usize] += bytes;
        self.open += 1;
        Ok(())
    }

    fn find(&mut self, call: CallId) -> Option<&mut Open<J>> {
        self.slots.get_mut(call.slot as usize)?.as_mut().filter(|open| open.generation == call.generation)
    }

    pub(super) fn get(&mut self, call: CallId) -> Option<&mut J> {
        self.find(call).map(|open| &mut open.job)
    }

    pub(super) fn item_room(&mut self, call: CallId) -> ItemRoom {
        let (items, bytes) = self.items;
        match self.find(call) {
            Some(open) if open.sent.is_below(items, bytes) => ItemRoom::Free,
            Some(_) => ItemRoom::Full,
            None => ItemRoom::Over,
        }
    }

    pub(super) fn send_item(&mut self, call: CallId, bytes: u64) {
        if let Some(open) = self.find(call) {
            open.sent.items += 1;
            open.sent.bytes += bytes;
        }
    }

    /// Credit for a call that is over is of no use any more.
    pub(super) fn item_credited(&mut self, call: CallId, grant: Grant) -> Result<Option<&mut J>, Broken> {
        let Some(open) = self.find(call) else { return Ok(None) };
        let Grant { items, bytes } = grant;
        open.sent = open.sent.less(grant).ok_or(Broken::TooMuchCredit { items, bytes })?;
        Ok(Some(&mut open.job))
    }

    pub(super) fn close(&mut self, call: CallId) -> Option<J> {
        self.find(call)?;
        self.open -= 1;
        let Open { bytes, job, .. } = self.slots[call.slot as usize].take()?;
        self.bytes[Class::of(bytes) as usize] -= bytes;
        Some(job)
    }

    pub(super) fn drain(&mut self) -> Vec<J> {
        self.open = 0;
        self.bytes = [0; 2];
        self.slots.drain(..).flatten().map(|open| open.job).collect()
    }
}
