//! Whether a child is alive: what its parent asks it by, and when it is worth asking.

use kinfolk_protocol::Entry;

use super::Conn;
use crate::attachments::Packed;
use crate::sync::lock;
use crate::sys::Bell;

impl Conn {
    /// Gives the child a bell, with its init value: it answers on the board, so there is none without a board.
    pub fn share_bell(&self, init: &mut Packed) {
        if self.their_board.get().is_none() {
            return;
        }
        let Ok((bell, descriptor)) = Bell::create() else { return };
        init.take_along(Entry::Bell, descriptor);
        *lock(&self.their_bell) = Some(bell);
    }

    /// Has the child beat, if it can.
    pub fn ring(&self) {
        if let Some(bell) = &*lock(&self.their_bell) {
            bell.ring();
        }
    }

    /// A number that grows with every beat of the child's. `None` if it does not beat, whether it is rung or not.
    #[must_use]
    pub fn beats(&self) -> Option<u64> {
        lock(&self.their_bell).as_ref()?;
        self.their_board.get()?.beats()
    }

    /// True if no call of ours is in flight: the next one is told of by [`in_use`](Self::in_use). So a caller pays for
    /// that only once after each rest, and else for a look at what it has locked anyway.
    pub fn rest(&self) -> bool {
        let mut state = lock(&self.state);
        state.resting = state.session.in_flight() == 0;
        state.resting
    }

    /// Waits for the first call after [`rest`](Self::rest).
    ///
    /// # Cancel safety
    /// A call that came meanwhile is told of to the next who waits. One waits at a time.
    pub async fn in_use(&self) {
        self.used.notified().await;
    }
}
