//! When a child may be started again, and when a pool has to be given up for the time being.

use std::time::{Duration, Instant};

use fastrand::Rng;

use super::retrying::jittered;

/// The pause after the first failure in a row; twice as long after each further one.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);
const JITTER: f64 = 0.2;
/// So many in a row, and calls are refused instead of waiting.
const TOLERATED: u32 = 5;
/// A child that has lived so long without an answer was of use all the same: nobody asked it anything.
const LONG_LIVED: Duration = Duration::from_secs(10);

/// What a failed start says about the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cure {
    /// It may go well.
    Retry,
    /// It will fail as well, until somebody changes something.
    None,
}

/// What a child was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) started: Instant,
    pub(crate) answered: u64,
    pub(crate) lived: Duration,
    /// Calls had begun there when it ended: it may have died of them.
    pub(crate) at_work: bool,
}

/// Failures in a row, of starts and of children that were of no use.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failures: u32,
    last: Option<Instant>,
    next: Option<Instant>,
}

impl Health {
    /// When a child may be started, if not at once.
    pub(crate) fn not_before(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    pub(crate) fn may_start(&self, now: Instant) -> bool {
        self.not_before(now).is_none()
    }

    /// True if one child after the other has failed.
    pub(crate) fn is_bad(&self) -> bool {
        self.failures >= TOLERATED
    }

    /// The start of a process that was begun at `started` has failed.
    pub(crate) fn start_failed(&mut self, started: Instant, cure: Cure, now: Instant, rng: &mut Rng) {
        self.fail(started, now, rng);
        if cure == Cure::None {
            self.failures = self.failures.max(TOLERATED);
            self.pause(now, rng);
        }
    }

    /// A child has died. The death of one that was of use is no reason to wait, and that of one that was at work says
    /// more of its calls than of its program.
    pub(crate) fn died(&mut self, life: Life, now: Instant, rng: &mut Rng) {
        if life.answered > 0 || life.lived >= LONG_LIVED {
            return;
        }
        if life.at_work {
            self.next = self.next.max(now.checked_add(jittered(FIRST, JITTER, rng)));
        } else {
            self.fail(life.started, now, rng);
        }
    }

    /// A child that was started at `started` is of use: whatever was before that is over. What other children answer
    /// says nothing of those that cannot be started now.
    pub(crate) fn answered(&mut self, started: Instant) {
        if self.last.is_some_and(|last| last <= started) {
            *self = Self::default();
        }
    }

    /// Those that were under way together fail together: that is one failure.
    fn fail(&mut self, started: Instant, now: Instant, rng: &mut Rng) {
        if self.last.is_none_or(|last| last <= started) {
            self.failures = self.failures.saturating_add(1);
            self.pause(now, rng);
        }
    }

    fn pause(&mut self, now: Instant, rng: &mut Rng) {
        let pause = FIRST.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(LONGEST);
        (self.last, self.next) = (Some(now), Some(now + jittered(pause, JITTER, rng)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn useless(started: Instant) -> Life {
        Life { started, answered: 0, lived: Duration::from_millis(5), at_work: false }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_with_an_answer() {
        let (mut health, mut rng, now) = (Health::default(), Rng::with_seed(3), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..12 {
            health.died(useless(now), now, &mut rng);
            pauses.push(health.not_before(now).unwrap() - now);
        }
        for (at, pause) in pauses.iter().enumerate() {
            let expected = FIRST.saturating_mul(1 << at).min(LONGEST);
            assert!((expected.mul_f64(0.79)..=expected.mul_f64(1.21)).contains(pause), "{at}: {pause:?}");
        }
        assert!(health.is_bad());
        health.answered(now);
        assert!(health.may_start(now) && !health.is_bad());
    }

    #[test]
    fn what_was_started_together_fails_together() {
        let (mut health, mut rng, now) = (Health::default(), Rng::with_seed(3), Instant::now());
        let later = now + Duration::from_millis(3);
        for _ in 0..64 {
            health.start_failed(now, Cure::Retry, later, &mut rng);
        }
        assert!(!health.is_bad());
    }

    #[test]
    fn an_answer_of_an_older_child_says_nothing_of_those_that_cannot_be_started() {
        let (mut health, mut rng, old) = (Health::default(), Rng::with_seed(3), Instant::now());
        let now = old + Duration::from_millis(50);
        health.start_failed(now, Cure::Retry, now, &mut rng);
        health.answered(old);
        assert!(!health.may_start(now));
    }

    #[test]
    fn a_child_that_was_of_use_is_replaced_at_once_however_often() {
        let (mut health, mut rng, now) = (Health::default(), Rng::with_seed(3), Instant::now());
        for _ in 0..1_000 {
            health.died(Life { answered: 1, ..useless(now) }, now, &mut rng);
            assert!(health.may_start(now));
        }
    }

    #[test]
    fn calls_that_kill_their_children_do_not_close_the_pool() {
        let (mut health, mut rng, now) = (Health::default(), Rng::with_seed(3), Instant::now());
        for _ in 0..1_000 {
            health.died(Life { at_work: true, ..useless(now) }, now, &mut rng);
        }
        assert!(!health.is_bad() && !health.may_start(now));
        assert!(health.may_start(now + FIRST * 2), "and do not slow it down further");
    }

    #[test]
    fn what_no_further_start_cures_is_bad_at_once() {
        let (mut health, mut rng, now) = (Health::default(), Rng::with_seed(3), Instant::now());
        health.start_failed(now, Cure::Retry, now, &mut rng);
        assert!(!health.is_bad());
        health.start_failed(now, Cure::None, now, &mut rng);
        assert!(health.is_bad() && !health.may_start(now));
    }
}
