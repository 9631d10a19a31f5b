//! How far a call came that ended without an answer.
//!
//! A child notes on a board in shared memory that it begins a call, and we note there that we have withdrawn it: what
//! we say is true for ever after. Where there is no board a child says by a frame that it begins, which tells all once
//! the child has ended and everything it sent was taken. Before that, a call that may reach it counts as begun.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;

use kinfolk_protocol::{CallId, Carrier, Entry, Header, Kind};

use super::{CallOutcome, Conn, Job, Waiter};
use crate::attachments::Packed;
use crate::sync::lock;
use crate::sys::{Begin, Board, Withdrawal};

/// How far a call came that ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Delivery {
    /// It had not left this process whole: the peer has not acted on it, and will not.
    NotSent,
    /// It had left this process whole, and its handler had not begun: the peer has not acted on it, and will not.
    Sent,
    /// Its handler had begun, or that cannot be told: the peer may have acted on it.
    Started,
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotSent => "it was never sent",
            Self::Sent => "it was sent, its handler had not begun",
            Self::Started => "its handler had begun, or may have",
        })
    }
}

/// What is known of the peer when calls of ours end without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It has ended, and all that it sent was taken: what it did not tell it has not done.
    All,
    /// It may live, or have told something that was not taken.
    Part,
}

impl Conn {
    /// Has the child note which calls it begins in memory both sides share, which is passed with its init value.
    /// Where that is not to be had it says so by a frame for each.
    pub fn share_board(&self, init: &mut Packed) {
        if !self.carrier.carries_descriptors() {
            return;
        }
        let Ok((board, descriptor)) = Board::create(self.theirs.max_in_flight) else { return };
        init.take_along(Entry::Board, descriptor);
        // Shared once, before anything is sent.
        let _ = self.their_board.set(board);
    }

    /// The board the parent shared.
    ///
    /// # Errors
    /// The descriptor is none.
    pub fn use_board(&self, descriptor: &OwnedFd) -> io::Result<()> {
        let board = Board::open(descriptor)?;
        let _ = self.our_board.set(board);
        Ok(())
    }

    /// Ends every open call of both sides: ours are lost, the handlers of the peer's are dropped.
    pub fn end_calls(&self, known: Known) {
        let closing = lock(&self.state).session.close();
        let judged = |(call, waiter)| (self.delivery(call, &waiter, known), waiter);
        let waiters: Vec<_> = closing.waiters.into_iter().map(judged).collect();
        let begun = waiters.iter().filter(|(delivery, _)| *delivery == Delivery::Started).count();
        // Before anybody can ask.
        self.begun_at_end.fetch_add(begun, Ordering::Relaxed);
        for (delivery, waiter) in waiters {
            // A caller that has stopped waiting has no use for it.
            let _ = waiter.answer.send(CallOutcome::Lost(delivery));
        }
        closing.jobs.into_iter().for_each(Job::cancel);
        self.idle.notify_waiters();
    }

    /// How many calls of ours were at work, or may have been, when the link ended.
    #[must_use]
    pub fn begun_at_end(&self) -> usize {
        self.begun_at_end.load(Ordering::Relaxed)
    }

    /// How far a call of ours has come for which nobody waits any more. It comes no further.
    pub(super) fn delivery(&self, call: CallId, waiter: &Waiter, known: Known) -> Delivery {
        let begun = match self.their_board.get().filter(|board| board.is_in_use()) {
            Some(board) => board.withdraw(call) == Withdrawal::TooLate,
            None => waiter.started || (known == Known::Part && self.writer.may_leave(waiter.mark)),
        };
        match (begun, self.writer.has_left(waiter.mark)) {
            (true, _) => Delivery::Started,
            (false, true) => Delivery::Sent,
            (false, false) => Delivery::NotSent,
        }
    }

    /// Lets the caller know that the handler of `call` begins, in a way that outlives this process: on the board, or by
    /// a frame that has left when this resolves. False if the handler must not begin: the call was withdrawn, or the
    /// link has ended before the frame left.
    pub(super) async fn begin(&self, call: CallId) -> bool {
        match self.our_board.get().map_or(Begin::NoPlace, |board| board.begin(call)) {
            Begin::Noted => true,
            Begin::Withdrawn => false,
            Begin::NoPlace if !self.reports_starts => true,
            Begin::NoPlace => {
                let mark = self.writer.push(&Header::of_call(Kind::Started, call, 0), &mut Packed::default());
                self.writer.flush();
                self.writer.written(mark).await
            }
        }
    }
}
