//! What a pool counts: how long calls wait and run, and why children were replaced.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::pool::refusal::Refusal;

/// Why a child of a pool was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Cause {
    /// It left, or crashed.
    Ended,
    /// SIGKILL from outside: most likely the kernel, out of memory.
    OomLikely,
    /// It was stopped, or gave no sign of life.
    Frozen,
    /// A handler had not ended within the grace after its call was given up.
    Overrun,
    /// It did not keep to the protocol.
    Misbehaved,
    /// Somebody called `kill` or `shutdown` on it.
    Asked,
    /// It did not become ready.
    NotReady,
    /// It had done its number of calls.
    Calls,
    /// It had reached its age.
    Age,
    /// It had grown too large.
    Memory,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "ended by itself",
            Self::OomLikely => "killed from outside",
            Self::Frozen => "frozen",
            Self::Overrun => "overrun",
            Self::Misbehaved => "misbehaved",
            Self::Asked => "ended on request",
            Self::NotReady => "not ready",
            Self::Calls => "recycled by calls",
            Self::Age => "recycled by age",
            Self::Memory => "recycled by memory",
        })
    }
}

/// A distribution of times. Each value is exact to two digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Spread {
    /// How many were measured.
    pub count: u64,
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// 999 of 1000 took no longer.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, p50, p99, p999, max } = self;
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, p99.9 {p999:.1?}, max {max:.1?} of {count}")
    }
}

/// Times from a microsecond to a day.
#[derive(Debug)]
struct Times(Histogram<u64>);

const LONGEST_MICROS: u64 = 86_400_000_000;

impl Default for Times {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_MICROS, 2).expect("these bounds are valid"))
    }
}

impl Times {
    fn add(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(LONGEST_MICROS).max(1));
    }

    fn spread(&self) -> Spread {
        let at = |quantile| Duration::from_micros(self.0.value_at_quantile(quantile));
        let max = Duration::from_micros(self.0.max());
        Spread { count: self.0.len(), p50: at(0.5).min(max), p99: at(0.99).min(max), p999: at(0.999).min(max), max }
    }
}

/// The counts of one pool, since its beginning.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) submitted: u64,
    pub(crate) retried: u64,
    served: u64,
    overloaded: u64,
    quarantined: u64,
    unavailable: u64,
    wait: Times,
    service: Times,
    causes: BTreeMap<Cause, u64>,
}

impl Tally {
    pub(crate) fn waited(&mut self, time: Duration) {
        self.wait.add(time);
    }

    pub(crate) fn served(&mut self, time: Duration) {
        self.served += 1;
        self.service.add(time);
    }

    pub(crate) fn refused(&mut self, refusal: Refusal) {
        match refusal {
            Refusal::Overloaded { .. } => self.overloaded += 1,
            Refusal::Quarantined { .. } => self.quarantined += 1,
            Refusal::Unavailable => self.unavailable += 1,
            Refusal::ShuttingDown => {}
        }
    }

    pub(crate) fn replaced(&mut self, cause: Cause) {
        *self.causes.entry(cause).or_default() += 1;
    }

    /// As it stands, without what only the moment knows.
    pub(crate) fn stats(&self) -> PoolStats {
        PoolStats {
            submitted: self.submitted,
            answered: self.served,
            retried: self.retried,
            overloaded: self.overloaded,
            refused_as_poison: self.quarantined,
            unavailable: self.unavailable,
            queue_wait: self.wait.spread(),
            service_time: self.service.spread(),
            replaced: self.causes.clone(),
            ..PoolStats::default()
        }
    }
}

/// A pool at a moment: [`Pool::stats`](crate::pool::Pool::stats).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PoolStats {
    /// Children that get calls.
    pub serving: usize,
    /// Children that are being started.
    pub starting: usize,
    /// Children that are ready to take the place of another.
    pub spare: usize,
    /// Children that finish what they have, or leave.
    pub retiring: usize,
    /// Calls that wait for a child.
    pub waiting: usize,
    /// Calls that children have.
    pub running: usize,
    /// Calls that were let in so far.
    pub submitted: u64,
    /// Calls that ended by a word of their child's: a reply, its handler's error, or a failure of its own.
    pub answered: u64,
    /// Attempts after the first.
    pub retried: u64,
    /// Calls that were refused for want of room.
    pub overloaded: u64,
    /// Calls that were refused because they are in quarantine.
    pub refused_as_poison: u64,
    /// Calls that were refused because no child could be started.
    pub unavailable: u64,
    /// Calls that are in quarantine now.
    pub quarantined: usize,
    /// From the submission, or from the attempt before, to a child.
    pub queue_wait: Spread,
    /// From there to the end, for those that were answered.
    pub service_time: Spread,
    /// Children that were replaced, by the reason.
    pub replaced: BTreeMap<Cause, u64>,
}

impl fmt::Display for PoolStats {
    /// Three lines: children, calls, times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} serving, {} starting, {} spare", self.serving, self.starting, self.spare)?;
        for (cause, count) in &self.replaced {
            write!(f, ", {count} {cause}")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "{} submitted, {} answered, {} retried, {} waiting, {} running, {} in quarantine",
            self.submitted, self.answered, self.retried, self.waiting, self.running, self.quarantined
        )?;
        write!(f, "waited {}; served in {}", self.queue_wait, self.service_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_exact_to_two_digits() {
        let mut times = Times::default();
        (1..=1_000).for_each(|millis| times.add(Duration::from_millis(millis)));
        let spread = times.spread();
        let near = |time: Duration, millis: f64| (time.as_secs_f64() * 1e3 / millis - 1.0).abs() < 0.01;
        assert!(near(spread.p50, 500.0) && near(spread.p99, 990.0) && near(spread.p999, 999.0), "{spread}");
        assert!(near(spread.max, 1_000.0) && spread.count == 1_000, "{spread}");
    }

    #[test]
    fn times_beyond_the_bounds_count_at_them() {
        let mut times = Times::default();
        times.add(Duration::ZERO);
        times.add(Duration::MAX);
        assert_eq!(times.spread().count, 2);
        assert!(times.spread().max >= Duration::from_secs(80_000));
    }
}
