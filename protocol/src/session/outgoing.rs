//! The calls we wait for: a slab whose slots carry a generation.

use super::flow::{Grant, Window};
use crate::frame::SHORT;
use crate::limits::Limits;
use crate::name::CallId;

/// Whom an answer is for.
#[derive(Debug, PartialEq, Eq)]
pub enum Settled<W> {
    /// Somebody waits for it.
    Waiter(W),
    /// Nobody waits any more: it is thrown away.
    Late,
}

/// Long calls are counted apart, so that they do not hold up short ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Short,
    Long,
}

impl Class {
    pub(super) fn of(bytes: u64) -> Self {
        if bytes > u64::from(SHORT) { Self::Long } else { Self::Short }
    }
}

#[derive(Debug)]
pub(super) struct Outgoing<W> {
    slots: Vec<Slot<W>>,
    free: Vec<u32>,
    /// Of short and of long calls.
    bytes: [u64; 2],
    max_calls: usize,
    max_bytes: u64,
    /// What each call may be sent before we give credit back.
    items: (u32, u64),
}

#[derive(Debug)]
struct Slot<W> {
    /// Of the call that is open, or of the next one.
    generation: u32,
    open: Option<Open<W>>,
}

#[derive(Debug)]
struct Open<W> {
    bytes: u64,
    items: Window,
    waiter: W,
}

impl<W> Outgoing<W> {
    pub(super) fn new(ours: &Limits, theirs: &Limits) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            bytes: [0; 2],
            max_calls: theirs.max_in_flight as usize,
            max_bytes: theirs.window_bytes,
            items: (ours.items, ours.item_bytes),
        }
    }

    pub(super) fn open_calls(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The last call let in may exceed the bytes, or one longer than the window could never be made.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.open_calls() < self.max_calls && self.bytes[Class::of(bytes) as usize] < self.max_bytes
    }

    pub(super) fn open(&mut self, bytes: u64, waiter: W) -> CallId {
        self.bytes[Class::of(bytes) as usize] += bytes;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: next(0), open: None });
            self.slots.len() as u32 - 1
        });
        let items = Window::new(self.items.0, self.items.1);
        let entry = &mut self.slots[slot as usize];
        entry.open = Some(Open { bytes, items, waiter });
        CallId { slot, generation: entry.generation }
    }

    /// `None` if the call was never made, `Some(None)` if it is over.
    fn find(&mut self, call: CallId) -> Option<Option<&mut Open<W>>> {
        let slot = self.slots.get_mut(call.slot as usize)?;
        // The distance is taken modulo 2^32, so that a wrapped generation still tells earlier from later.
        let age = slot.generation.wrapping_sub(call.generation) as i32;
        match &mut slot.open {
            Some(open) if age == 0 => Some(Some(open)),
            // The generation of a closed slot has not been given out yet.
            _ => (age > 0).then_some(None),
        }
    }

    pub(super) fn was_made(&mut self, call: CallId) -> bool {
        self.find(call).is_some()
    }

    pub(super) fn waiter(&mut self, call: CallId) -> Option<&mut W> {
        self.find(call)?.map(|open| &mut open.waiter)
    }

    /// An item came for `call`: `None` if the call was never made, an error if there was no credit for it.
    pub(super) fn item(&mut self, call: CallId, bytes: u64) -> Option<Result<Settled<&mut W>, ()>> {
        let Some(open) = self.find(call)? else { return Some(Ok(Settled::Late)) };
        let credit = open.items.receive(bytes);
        Some(if credit { Ok(Settled::Waiter(&mut open.waiter)) } else { Err(()) })
    }

    pub(super) fn item_taken(&mut self, call: CallId, bytes: u64) {
        if let Some(Some(open)) = self.find(call) {
            open.items.take(bytes);
        }
    }

    pub(super) fn item_grant(&mut self, call: CallId) -> Option<Grant> {
        self.find(call)??.items.due()
    }

    /// Closes a call. `None` if it was never made.
    pub(super) fn settle(&mut self, call: CallId) -> Option<Settled<W>> {
        if self.find(call)?.is_none() {
            return Some(Settled::Late);
        }
        let slot = &mut self.slots[call.slot as usize];
        let Open { bytes, waiter, .. } = slot.open.take()?;
        slot.generation = next(slot.generation);
        self.bytes[Class::of(bytes) as usize] -= bytes;
        self.free.push(call.slot);
        Some(Settled::Waiter(waiter))
    }

    /// Closes all calls. Their slots stay known, so that an answer under way counts as late.
    pub(super) fn drain(&mut self) -> Vec<(CallId, W)> {
        self.bytes = [0; 2];
        let mut waiters = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if let Some(Open { waiter, .. }) = slot.open.take() {
                waiters.push((CallId { slot: at as u32, generation: slot.generation }, waiter));
                slot.generation = next(slot.generation);
                self.free.push(at as u32);
            }
        }
        waiters
    }
}

/// Generations begin at 1, so that no call is `CallId::NONE`.
fn next(generation: u32) -> u32 {
    generation.checked_add(1).unwrap_or(1)
}
