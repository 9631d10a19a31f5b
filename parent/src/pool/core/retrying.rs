//! Whether a call is tried again whose child has died.

use std::time::Duration;

use fastrand::Rng;

use crate::pool::rules::Retry;

/// Retries that are free at the beginning.
const FREE: f64 = 10.0;
/// Retries that can be saved up.
const SAVED: f64 = 100.0;
/// How much a pause may be longer or shorter.
const JITTER: f64 = 0.2;

/// Retries that may be made: each finished call pays for a part of one.
#[derive(Debug)]
pub(crate) struct Retrying {
    rule: Retry,
    left: f64,
}

impl Retrying {
    pub(crate) fn new(rule: Retry) -> Self {
        Self { rule, left: FREE }
    }

    /// A call has come to an end of its own.
    pub(crate) fn earn(&mut self) {
        self.left = (self.left + self.rule.budget).min(SAVED);
    }

    /// The pause before the next attempt after so many, if there is to be one.
    pub(crate) fn again(&mut self, attempts: u32, rng: &mut Rng) -> Option<Duration> {
        if attempts >= self.rule.attempts || self.left < 1.0 {
            return None;
        }
        self.left -= 1.0;
        let pause = self.rule.pause.saturating_mul(1 << attempts.saturating_sub(1).min(16));
        Some(jittered(pause, JITTER, rng))
    }
}

/// Up to `share` more or less.
pub(crate) fn jittered(duration: Duration, share: f64, rng: &mut Rng) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor(share, rng)).unwrap_or(duration)
}

/// Between `1 - share` and `1 + share`.
pub(crate) fn factor(share: f64, rng: &mut Rng) -> f64 {
    (1.0 + share * (2.0 * rng.f64() - 1.0)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_bounded_and_their_pauses_double() {
        let rule = Retry { attempts: 3, budget: 0.1, pause: Duration::from_millis(10) };
        let (mut retrying, mut rng) = (Retrying::new(rule), Rng::with_seed(1));
        let pauses: Vec<_> = (1..=3).map(|attempts| retrying.again(attempts, &mut rng)).collect();
        assert!(pauses[0].is_some_and(|pause| (8..=12).contains(&pause.as_millis())), "{pauses:?}");
        assert!(pauses[1].is_some_and(|pause| (16..=24).contains(&pause.as_millis())), "{pauses:?}");
        assert_eq!(pauses[2], None);
    }

    #[test]
    fn in_the_long_run_retries_are_the_budgets_share_of_calls() {
        let rule = Retry { attempts: 3, budget: 0.1, pause: Duration::ZERO };
        let (mut retrying, mut rng) = (Retrying::new(rule), Rng::with_seed(1));
        let mut retries = 0;
        for _ in 0..10_000 {
            retries += u32::from(retrying.again(1, &mut rng).is_some());
            retrying.earn();
        }
        assert!((1_000..=1_011).contains(&retries), "{retries}");
    }
}
