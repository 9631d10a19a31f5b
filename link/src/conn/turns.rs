//! Who is next when there is room again: first come, first served, without a task or an allocation of its own.

use std::collections::VecDeque;
use std::task::Waker;

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Those who wait for room.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: VecDeque<(Ticket, Waker)>,
    issued: u64,
}

impl Turns {
    /// True if it is the turn of the holder of `ticket` (or of a newcomer) and there is `room`. Otherwise it has a
    /// place in the queue afterwards, and `waker` is woken when it is at its head and something changed.
    pub(super) fn take(&mut self, ticket: &mut Option<Ticket>, room: bool, waker: &Waker) -> bool {
        let first = match ticket {
            Some(ticket) => self.waiting.front().is_some_and(|(first, _)| first == ticket),
            None => self.waiting.is_empty(),
        };
        if first && room {
            if ticket.take().is_some() {
                self.waiting.pop_front();
            }
            return true;
        }
        match ticket.and_then(|ticket| self.waiting.iter_mut().find(|(held, _)| *held == ticket)) {
            Some((_, held)) => held.clone_from(waker),
            None => {
                self.issued += 1;
                *ticket = Some(Ticket(self.issued));
                self.waiting.push_back((Ticket(self.issued), waker.clone()));
            }
        }
        false
    }

    /// True if a newcomer would not have to queue.
    pub(super) fn is_free(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Wakes whoever is at the head: there may be room.
    pub(super) fn wake_first(&self) {
        if let Some((_, waker)) = self.waiting.front() {
            waker.wake_by_ref();
        }
    }

    /// The holder of `ticket` no longer waits. The next one is woken: the turn may have been this one's.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.waiting.retain(|(held, _)| *held != ticket);
        self.wake_first();
    }

    /// Wakes all and forgets them: they will find that the link has ended.
    pub(super) fn dismiss(&mut self) {
        self.waiting.drain(..).for_each(|(_, waker)| waker.wake());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_in_order_and_nobody_overtakes() {
        let mut turns = Turns::default();
        let waker = Waker::noop();
        let (mut first, mut second, mut newcomer) = (None, None, None);
        assert!(!turns.take(&mut first, false, waker));
        assert!(!turns.take(&mut second, false, waker));
        assert!(!turns.take(&mut newcomer, true, waker), "two wait already");
        assert!(!turns.take(&mut second, true, waker));
        assert!(turns.take(&mut first, true, waker));
        assert!(turns.take(&mut second, true, waker));
        assert!(turns.take(&mut newcomer, true, waker));
        assert!(turns.is_free());
    }

    #[test]
    fn who_leaves_gives_the_turn_to_the_next() {
        let mut turns = Turns::default();
        let (mut first, mut second) = (None, None);
        turns.take(&mut first, false, Waker::noop());
        turns.take(&mut second, false, Waker::noop());
        turns.leave(first.unwrap());
        assert!(turns.take(&mut second, true, Waker::noop()));
    }
}
