//! The calls we wait for: a slab whose slots carry a generation.

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

#[derive(Debug)]
pub(super) struct Outgoing<W> {
    slots: Vec<Slot<W>>,
    free: Vec<u32>,
    bytes: u64,
    max_calls: usize,
    max_bytes: u64,
}

#[derive(Debug)]
struct Slot<W> {
    /// Of the call that is open, or of the next one.
    generation: u32,
    open: Option<(u64, W)>,
}

impl<W> Outgoing<W> {
    pub(super) fn new(theirs: &Limits) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            bytes: 0,
            max_calls: theirs.max_in_flight as usize,
            max_bytes: theirs.window_bytes,
        }
    }

    pub(super) fn open_calls(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The last call let in may exceed the bytes, or one longer than the window could never be made.
    pub(super) fn has_room(&self) -> bool {
        self.open_calls() < self.max_calls && self.bytes < self.max_bytes
    }

    pub(super) fn open(&mut self, bytes: u64, waiter: W) -> CallId {
        self.bytes += bytes;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: next(0), open: None });
            self.slots.len() as u32 - 1
        });
        let entry = &mut self.slots[slot as usize];
        entry.open = Some((bytes, waiter));
        CallId { slot, generation: entry.generation }
    }

    pub(super) fn waiter(&mut self, call: CallId) -> Option<&mut W> {
        let slot = self.slots.get_mut(call.slot as usize).filter(|slot| slot.generation == call.generation)?;
        slot.open.as_mut().map(|(_, waiter)| waiter)
    }

    /// Closes a call. `None` if it was never made.
    pub(super) fn settle(&mut self, call: CallId) -> Option<Settled<W>> {
        let slot = self.slots.get_mut(call.slot as usize)?;
        // The distance is taken modulo 2^32, so that a wrapped generation still tells earlier from later.
        let age = slot.generation.wrapping_sub(call.generation) as i32;
        if age != 0 || slot.open.is_none() {
            // The generation of a closed slot has not been given out yet.
            return (age > 0).then_some(Settled::Late);
        }
        let (bytes, waiter) = slot.open.take()?;
        slot.generation = next(slot.generation);
        self.bytes -= bytes;
        self.free.push(call.slot);
        Some(Settled::Waiter(waiter))
    }

    /// Closes all calls. Their slots stay known, so that an answer under way counts as late.
    pub(super) fn drain(&mut self) -> Vec<W> {
        self.bytes = 0;
        let mut waiters = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            if let Some((_, waiter)) = slot.open.take() {
                slot.generation = next(slot.generation);
                self.free.push(at as u32);
                waiters.push(waiter);
            }
        }
        waiters
    }
}

/// Generations begin at 1, so that no call is `CallId::NONE`.
fn next(generation: u32) -> u32 {
    generation.checked_add(1).unwrap_or(1)
}
