//! Which calls are let in.

use std::time::{Duration, Instant};

use super::Core;
use super::terms::{Ask, Patience};
use super::worker::WorkerId;
use crate::pool::refusal::Refusal;
use crate::pool::rules::WhenFull;

impl Core {
    /// Why a call is not let in that `chosen` has room for, if anybody has.
    pub(super) fn refusal(&self, ask: &Ask, chosen: Option<WorkerId>, now: Instant) -> Option<Refusal> {
        if self.closing {
            return Some(Refusal::ShuttingDown);
        }
        if self.is_unavailable(now) {
            return Some(Refusal::Unavailable);
        }
        let too_many = match self.rules.when_full {
            _ if chosen.is_some() => false,
            _ if ask.patience == Patience::Now => self.queue.is_full(),
            WhenFull::Wait => false,
            WhenFull::Refuse => self.queue.is_full(),
            WhenFull::ShedAfter(limit) => self.queue.is_full() || self.is_stale(ask, limit, now),
        };
        too_many.then(|| Refusal::Overloaded { waiting: self.queue.waiting() })
    }

    /// True if the queue does not get shorter, and this call is of the lowest class in it.
    fn is_stale(&self, ask: &Ask, limit: Duration, now: Instant) -> bool {
        let waited = self.queue.oldest().map(|oldest| now.saturating_duration_since(oldest));
        waited.is_some_and(|waited| waited > limit) && self.queue.lowest().is_none_or(|lowest| ask.priority <= lowest)
    }
}
