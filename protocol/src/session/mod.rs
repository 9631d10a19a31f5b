//! The call table of a link and its flow control, as a state machine that both sides use.
//!
//! It is told what is sent and what was received, and says what that means: which waiter an answer belongs to, whether
//! there is room, what the peer may not do. It sends nothing, waits for nothing and knows no time. `W` is what the
//! runtime keeps for a call of ours until it is answered, `J` what it keeps for a call of the peer's until we answer.

mod flow;
mod incoming;
mod loans;
mod outgoing;

use thiserror::Error;

use self::flow::{Credit, Window};
pub use self::flow::{Grant, Untaken};
use self::incoming::Incoming;
pub use self::incoming::ItemRoom;
pub use self::loans::{BrokenLoan, Loans, MAX_REGIONS};
use self::outgoing::Outgoing;
pub use self::outgoing::Settled;
use crate::limits::Limits;
use crate::name::{CallId, MessageId, MessageName};

/// Both directions of one link.
#[derive(Debug)]
pub struct Session<W, J> {
    outgoing: Outgoing<W>,
    incoming: Incoming<J>,
    credit: Credit,
    window: Window,
    ours: Limits,
}

/// What a peer did that it may not do: its link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Broken {
    /// It answered a call that was never made.
    #[error("it answered call {call}, which was never made")]
    UnknownCall {
        /// The call.
        call: CallId,
    },
    /// It made a call under an id that is still in use.
    #[error("it made call {call} twice")]
    DuplicateCall {
        /// The call.
        call: CallId,
    },
    /// It made more calls at once than it may.
    #[error("it made call {call}, beyond the {max} it may have in flight")]
    TooManyCalls {
        /// The call.
        call: CallId,
        /// The limit it was told.
        max: u32,
    },
    /// Its calls hold more bytes at once than they may.
    #[error("it made call {call}, although its calls hold the {max} bytes they may have in flight")]
    TooManyBytes {
        /// The call.
        call: CallId,
        /// The limit it was told.
        max: u64,
    },
    /// It sent an item without credit.
    #[error("it sent an item of call {call} beyond the {items} items or {bytes} bytes it has credit for")]
    NoItemCredit {
        /// The call.
        call: CallId,
        /// The limit it was told, in items.
        items: u32,
        /// The limit it was told, in bytes.
        bytes: u64,
    },
    /// It sent one-way messages without credit.
    #[error("it sent a one-way message beyond the {window} messages or {window_bytes} bytes it has credit for")]
    NoCredit {
        /// The limit it was told, in messages.
        window: u32,
        /// The limit it was told, in bytes.
        window_bytes: u64,
    },
    /// It gave credit for more one-way messages than it was sent.
    #[error("it gave credit for {items} messages of {bytes} bytes, more than it was sent")]
    TooMuchCredit {
        /// The messages.
        items: u32,
        /// Their bytes.
        bytes: u64,
    },
}

/// What was open when a session ended.
#[derive(Debug)]
pub struct Closing<W, J> {
    /// Our calls that were not answered.
    pub waiters: Vec<(CallId, W)>,
    /// The peer's calls that we have not answered.
    pub jobs: Vec<J>,
}

impl<W, J> Session<W, J> {
    /// A session in which we accept `ours` and the peer accepts `theirs`.
    #[must_use]
    pub fn new(ours: &Limits, theirs: &Limits) -> Self {
        Self {
            outgoing: Outgoing::new(ours, theirs),
            incoming: Incoming::new(ours, theirs),
            credit: Credit::new(theirs),
            window: Window::new(ours.window, ours.window_bytes),
            ours: *ours,
        }
    }

    /// True if the peer has room for a further call with `bytes` of payload.
    #[must_use]
    pub fn may_call(&self, bytes: u64) -> bool {
        self.outgoing.has_room(bytes)
    }

    /// Opens a call with `bytes` of payload; [`may_call`](Self::may_call) is asked first.
    pub fn call(&mut self, bytes: u64, waiter: W) -> CallId {
        self.outgoing.open(bytes, waiter)
    }

    /// What is kept for a call of ours, unless it was answered or abandoned.
    pub fn waiter(&mut self, call: CallId) -> Option<&mut W> {
        self.outgoing.waiter(call)
    }

    /// The peer answered `call`.
    ///
    /// # Errors
    /// [`Broken::UnknownCall`]: the call was never made.
    pub fn answered(&mut self, call: CallId) -> Result<Settled<W>, Broken> {
        self.outgoing.settle(call).ok_or(Broken::UnknownCall { call })
    }

    /// True unless `call` was never made.
    pub fn was_made(&mut self, call: CallId) -> bool {
        self.outgoing.was_made(call)
    }

    /// The peer sent an item of `call`: whoever waits for it.
    ///
    /// # Errors
    /// [`Broken::UnknownCall`] or [`Broken::NoItemCredit`].
    pub fn item(&mut self, call: CallId, bytes: u64) -> Result<Settled<&mut W>, Broken> {
        let Limits { items, item_bytes, .. } = self.ours;
        let taken = self.outgoing.item(call, bytes).ok_or(Broken::UnknownCall { call })?;
        taken.map_err(|()| Broken::NoItemCredit { call, items, bytes: item_bytes })
    }

    /// The caller took an item of `call`.
    pub fn item_taken(&mut self, call: CallId, bytes: u64) {
        self.outgoing.item_taken(call, bytes);
    }

    /// The credit to give back for items of `call`, once it is worth a frame. It counts as given.
    pub fn item_grant(&mut self, call: CallId) -> Option<Grant> {
        self.outgoing.item_grant(call)
    }

    /// We no longer wait for `call`: the waiter, if there was no answer yet. Its answer will count as late.
    pub fn abandon(&mut self, call: CallId) -> Option<W> {
        match self.outgoing.settle(call) {
            Some(Settled::Waiter(waiter)) => Some(waiter),
            Some(Settled::Late) | None => None,
        }
    }

    /// Calls of ours without an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.outgoing.open_calls()
    }

    /// The peer made `call`, with `bytes` of payload.
    ///
    /// # Errors
    /// [`Broken::DuplicateCall`], [`Broken::TooManyCalls`] or [`Broken::TooManyBytes`].
    pub fn called(&mut self, call: CallId, bytes: u64, job: J) -> Result<(), Broken> {
        self.incoming.open(call, bytes, job)
    }

    /// Whether an item of the peer's `call` may be sent.
    pub fn item_room(&mut self, call: CallId) -> ItemRoom {
        self.incoming.item_room(call)
    }

    /// We send an item of the peer's `call`; [`item_room`](Self::item_room) is asked first.
    pub fn send_item(&mut self, call: CallId, bytes: u64) {
        self.incoming.send_item(call, bytes);
    }

    /// The peer gave credit for items of `call` back: what is kept for it, unless it is over.
    ///
    /// # Errors
    /// [`Broken::TooMuchCredit`]: for more than it was sent.
    pub fn item_credited(&mut self, call: CallId, grant: Grant) -> Result<Option<&mut J>, Broken> {
        self.incoming.item_credited(call, grant)
    }

    /// What is kept for a call of the peer's, unless it was cancelled.
    pub fn job(&mut self, call: CallId) -> Option<&mut J> {
        self.incoming.get(call)
    }

    /// We answer `call`: true if the answer is to be sent, false if the call was cancelled meanwhile.
    pub fn finish(&mut self, call: CallId) -> bool {
        self.incoming.close(call).is_some()
    }

    /// The peer no longer waits for `call`: what is kept for it, unless it has been answered.
    pub fn cancelled(&mut self, call: CallId) -> Option<J> {
        self.incoming.close(call)
    }

    /// Calls of the peer's that we have not answered.
    #[must_use]
    pub fn running(&self) -> usize {
        self.incoming.open_calls()
    }

    /// True if the peer has room for a further one-way message.
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.credit.has_room()
    }

    /// We send a one-way message called `name`; [`may_send`](Self::may_send) is asked first.
    pub fn send(&mut self, name: &'static str, bytes: u64) {
        self.credit.spend(name, bytes);
    }

    /// The peer gave credit back.
    ///
    /// # Errors
    /// [`Broken::TooMuchCredit`]: for more than it was sent.
    pub fn credited(&mut self, grant: Grant) -> Result<(), Broken> {
        self.credit.refill(grant)
    }

    /// The one-way messages of ours the peer has not given credit back for, by type.
    #[must_use]
    pub fn untaken(&self) -> Vec<Untaken> {
        self.credit.untaken()
    }

    /// The peer sent a one-way message.
    ///
    /// # Errors
    /// [`Broken::NoCredit`]: it may not have.
    pub fn received(&mut self, bytes: u64) -> Result<(), Broken> {
        let Limits { window, window_bytes, .. } = self.ours;
        if self.window.receive(bytes) { Ok(()) } else { Err(Broken::NoCredit { window, window_bytes }) }
    }

    /// A type of which the peer speaks, by its name if a one-way message of it has not been taken yet.
    #[must_use]
    pub fn name(&self, message: MessageId) -> MessageName {
        MessageName::new(message, self.credit.name(message))
    }

    /// A one-way message of the peer's was taken from its queue.
    pub fn taken(&mut self, bytes: u64) {
        self.window.take(bytes);
    }

    /// The credit to give back for one-way messages, once it is worth a frame. It counts as given.
    pub fn grant(&mut self) -> Option<Grant> {
        self.window.due()
    }

    /// All credit that has not been given back yet, before we leave.
    pub fn last_grant(&mut self) -> Option<Grant> {
        self.window.rest()
    }

    /// Ends everything that is open.
    pub fn close(&mut self) -> Closing<W, J> {
        Closing { waiters: self.outgoing.drain(), jobs: self.incoming.drain() }
    }
}

#[cfg(test)]
mod tests;
