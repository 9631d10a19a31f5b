//! The queues in which callers and senders wait for room.

use std::sync::Arc;

use super::{Conn, State, Ticket, Turns};
use crate::sync::lock;
use crate::writer::is_long;

/// The queues of those who wait for room. A long call waits apart, so that short ones do not wait behind it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    Call,
    LongCall,
    Send,
}

impl Lane {
    pub(super) fn call(bytes: usize) -> Self {
        if is_long(bytes) { Self::LongCall } else { Self::Call }
    }
}

impl State {
    pub(super) fn turns(&mut self, lane: Lane) -> &mut Turns {
        match lane {
            Lane::Call => &mut self.callers,
            Lane::LongCall => &mut self.long_callers,
            Lane::Send => &mut self.senders,
        }
    }

    pub(super) fn wake_callers(&self) {
        self.callers.wake_first();
        self.long_callers.wake_first();
    }
}

/// A place in one of the queues, given up when dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) conn: Arc<Conn>,
    pub(super) lane: Lane,
    pub(super) ticket: Option<Ticket>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            lock(&self.conn.state).turns(self.lane).leave(ticket);
        }
    }
}
