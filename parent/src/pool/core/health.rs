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
    pub(crate) answered: u64,
    pub(crate) lived: Duration,
}

/// Failures in a row, of starts and of children that were of no use.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failures: u32,
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

    pub(crate) fn start_failed(&mut self, cure: Cure, now: Instant, rng: &mut Rng) {
        self.failures = match cure {
            Cure::Retry => self.failures.saturating_add(1),
            Cure::None => self.failures.saturating_add(1).max(TOLERATED),
        };
        self.pause(now, rng);
    }

    /// A child has died. The first death of one that was of use is no reason to wait.
    pub(crate) fn died(&mut self, life: Life, now: Instant, rng: &mut Rng) {
        if life.answered > 0 || life.lived >= LONG_LIVED {
            self.answered();
        } else {
            self.failures = self.failures.saturating_add(1);
            self.pause(now, rng);
        }
    }

    /// A child is of use: whatever was before is over.
    pub(crate) fn answered(&mut self) {
        *self = Self::default();
    }

    fn pause(&mut self, now: Instant, rng: &mut Rng) {
        let pause = FIRST.saturating_mul(1 << (self.failures - 1).min(16)).min(LONGEST);
        self.next = Some(now + jittered(pause, JITTER, rng));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USELESS: Life = Life { answered: 0, lived: Duration::from_millis(5) };
    const USEFUL: Life = Life { answered: 1, lived: Duration::from_millis(5) };

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_with_an_answer() {
        let (mut health, mut rng, now) = (Health::default(), Rng::with_seed(3), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..12 {
            health.died(USELESS, now, &mut rng);
            pauses.push(health.not_before(now).unwrap() - now);
        }
        for (at, pause) in pauses.iter().enumerate() {
            let expected = FIRST.saturating_mul(1 << at).min(LONGEST);
            assert!((expected.mul_f64(0.79)..=expected.mul_f64(1.21)).contains(pause), "{at}: {pause:?}");
        }
        assert!(health.is_bad());
        health.answered();
        assert!(health.may_start(now) && !health.is_bad());
    }

    #[test]
    fn a_child_that_was_of_use_is_replaced_at_once_however_often() {
        let (mut health, mut rng, now) = (Health::default(), Rng::with_seed(3), Instant::now());
        for _ in 0..1_000 {
            health.died(USEFUL, now, &mut rng);
            assert!(health.may_start(now));
        }
    }

    #[test]
    fn what_no_further_start_cures_is_bad_at_once() {
        let (mut health, mut rng, now) = (Health::default(), Rng::with_seed(3), Instant::now());
        health.start_failed(Cure::Retry, now, &mut rng);
        assert!(!health.is_bad());
        health.start_failed(Cure::None, now, &mut rng);
        assert!(health.is_bad() && !health.may_start(now));
    }
}
