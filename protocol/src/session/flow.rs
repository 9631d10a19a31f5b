//! Credit for one-way messages: nobody answers them, so the receiver says when it has taken some.

use std::collections::VecDeque;

use super::Broken;
use crate::limits::Limits;
use crate::name::MessageId;

/// Credit given back: the payload of a `Credit` frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// Messages.
    pub items: u32,
    /// Their payloads, in bytes.
    pub bytes: u64,
}

impl Grant {
    /// None.
    pub(super) const NONE: Self = Self { items: 0, bytes: 0 };

    /// True if there is room for one more. The last one may exceed the bytes, or one longer than the window could never
    /// be sent.
    pub(super) fn is_below(self, items: u32, bytes: u64) -> bool {
        self.items < items && self.bytes < bytes
    }

    /// What is left after `other` came back. `None` if that is more than there is.
    pub(super) fn less(self, other: Self) -> Option<Self> {
        Some(Self { items: self.items.checked_sub(other.items)?, bytes: self.bytes.checked_sub(other.bytes)? })
    }

    /// Its payload.
    #[must_use]
    pub fn encode(&self) -> [u8; 12] {
        let mut out = [0; 12];
        out[..4].copy_from_slice(&self.items.to_le_bytes());
        out[4..].copy_from_slice(&self.bytes.to_le_bytes());
        out
    }

    /// The grant in a payload. What follows its last field is left to later versions.
    ///
    /// # Errors
    /// [`WireError`](crate::WireError) if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, crate::WireError> {
        let mut fields = crate::wire::Fields::new("Credit", payload);
        Ok(Self { items: fields.u32("items")?, bytes: fields.u64("bytes")? })
    }
}

/// One-way messages of one type that were sent and, as far as is known, not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Untaken {
    /// The type's name.
    pub message: &'static str,
    /// How many.
    pub count: usize,
}

/// What we may send.
#[derive(Debug)]
pub(super) struct Credit {
    /// The names of the messages on their way, oldest first.
    sent: VecDeque<&'static str>,
    bytes: u64,
    window: usize,
    window_bytes: u64,
}

impl Credit {
    pub(super) fn new(theirs: &Limits) -> Self {
        Self { sent: VecDeque::new(), bytes: 0, window: theirs.window as usize, window_bytes: theirs.window_bytes }
    }

    pub(super) fn has_room(&self) -> bool {
        self.sent.len() < self.window && self.bytes < self.window_bytes
    }

    pub(super) fn spend(&mut self, name: &'static str, bytes: u64) {
        self.sent.push_back(name);
        self.bytes += bytes;
    }

    pub(super) fn refill(&mut self, grant: Grant) -> Result<(), Broken> {
        let Grant { items, bytes } = grant;
        let left = self.bytes.checked_sub(bytes);
        match left {
            Some(left) if items as usize <= self.sent.len() => {
                self.bytes = left;
                self.sent.drain(..items as usize);
                Ok(())
            }
            _ => Err(Broken::TooMuchCredit { items, bytes }),
        }
    }

    /// The name of that type, if one of it is on its way.
    pub(super) fn name(&self, message: MessageId) -> Option<&'static str> {
        self.sent.iter().copied().find(|name| MessageId::of(name) == message)
    }

    pub(super) fn untaken(&self) -> Vec<Untaken> {
        let mut counts: Vec<Untaken> = Vec::new();
        for &message in &self.sent {
            match counts.iter_mut().find(|known| known.message == message) {
                Some(known) => known.count += 1,
                None => counts.push(Untaken { message, count: 1 }),
            }
        }
        counts
    }
}

/// What the peer may send.
#[derive(Debug)]
pub(super) struct Window {
    /// Sent by the peer, and no credit given back.
    out: Grant,
    /// The part of it that has been taken.
    taken: Grant,
    window: u32,
    window_bytes: u64,
}

impl Window {
    pub(super) const fn new(window: u32, window_bytes: u64) -> Self {
        Self { out: Grant::NONE, taken: Grant::NONE, window, window_bytes }
    }

    /// False if the peer had no credit.
    #[must_use]
    pub(super) fn receive(&mut self, bytes: u64) -> bool {
        let credit = self.out.is_below(self.window, self.window_bytes);
        if credit {
            self.out.items += 1;
            self.out.bytes += bytes;
        }
        credit
    }

    /// Half a window is worth a frame: seldom enough to cost nothing, early enough that a steady sender never waits.
    /// A sender that does wait has spent a whole window, so more than half of it is still to be taken: no deadlock.
    pub(super) fn due(&mut self) -> Option<Grant> {
        let due = self.taken.items >= self.window.div_ceil(2) || self.taken.bytes >= self.window_bytes.div_ceil(2);
        if due { self.rest() } else { None }
    }

    pub(super) fn take(&mut self, bytes: u64) {
        self.taken.items += 1;
        self.taken.bytes += bytes;
    }

    pub(super) fn rest(&mut self) -> Option<Grant> {
        let grant = std::mem::replace(&mut self.taken, Grant::NONE);
        self.out.items -= grant.items;
        self.out.bytes -= grant.bytes;
        (grant.items > 0).then_some(grant)
    }
}
