//! What was measured, beside what was wanted.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One figure of a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) what: String,
    pub(crate) measured: String,
    /// The threshold; empty for a figure without one.
    pub(crate) wanted: String,
    holds: bool,
    weight: Weight,
}

/// What a threshold that is missed means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Weight {
    /// A failure, always.
    Always,
    /// A failure of a whole run; a small one may share its machine.
    Timing,
    /// Nothing: it is told, not judged.
    Figure,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Fail,
    /// A time that was missed in a small run.
    Slow,
    /// Nothing was to be judged.
    Told,
}

impl Check {
    fn new(what: &str, measured: String, wanted: String, holds: bool, weight: Weight) -> Self {
        Self { what: what.to_owned(), measured, wanted, holds, weight }
    }

    pub(crate) fn none(what: &str, measured: u64) -> Self {
        Self::exactly(what, measured, 0)
    }

    pub(crate) fn exactly(what: &str, measured: u64, wanted: u64) -> Self {
        Self::new(what, measured.to_string(), wanted.to_string(), measured == wanted, Weight::Always)
    }

    pub(crate) fn at_most(what: &str, measured: u64, most: u64) -> Self {
        Self::new(what, measured.to_string(), format!("≤ {most}"), measured <= most, Weight::Always)
    }

    pub(crate) fn at_least(what: &str, measured: u64, least: u64) -> Self {
        Self::new(what, measured.to_string(), format!("≥ {least}"), measured >= least, Weight::Always)
    }

    /// Bytes, told in KiB.
    pub(crate) fn bytes(what: &str, measured: u64, most: u64) -> Self {
        let kib = |bytes: u64| format!("{} KiB", bytes / 1_024);
        Self::new(what, kib(measured), format!("≤ {}", kib(most)), measured <= most, Weight::Always)
    }

    pub(crate) fn within(what: &str, measured: Duration, limit: Duration) -> Self {
        Self::new(what, format!("{measured:.2?}"), format!("≤ {limit:?}"), measured <= limit, Weight::Timing)
    }

    pub(crate) fn ratio(what: &str, measured: f64, most: f64) -> Self {
        Self::new(what, format!("{measured:.2} ×"), format!("≤ {most} ×"), measured <= most, Weight::Timing)
    }

    /// Anything that holds or does not.
    pub(crate) fn that(what: &str, measured: impl fmt::Display, wanted: &str, holds: bool) -> Self {
        Self::new(what, measured.to_string(), wanted.to_owned(), holds, Weight::Always)
    }

    /// Something worth telling.
    pub(crate) fn figure(what: &str, measured: impl fmt::Display) -> Self {
        Self::new(what, measured.to_string(), String::new(), true, Weight::Figure)
    }

    pub(crate) fn verdict(&self, full: bool) -> Verdict {
        match self.weight {
            Weight::Figure => Verdict::Told,
            _ if self.holds => Verdict::Pass,
            Weight::Timing if !full => Verdict::Slow,
            _ => Verdict::Fail,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Slow => "slow",
            Self::Told => "",
        })
    }
}

/// Times, to be told as medians and percentiles.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn extend(&mut self, times: impl IntoIterator<Item = Duration>) {
        self.0.extend(times);
    }

    pub(crate) fn drain(&mut self) -> impl Iterator<Item = Duration> {
        self.0.drain(..)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The least value that so many percent of all do not exceed; none of none.
    pub(crate) fn percentile(&mut self, percent: usize) -> Duration {
        self.0.sort_unstable();
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_time_fails_whole_runs_only_and_anything_else_always() {
        let late = Check::within("a", Duration::from_secs(2), Duration::from_secs(1));
        assert_eq!((late.verdict(false), late.verdict(true)), (Verdict::Slow, Verdict::Fail));
        assert_eq!(Check::none("b", 1).verdict(false), Verdict::Fail);
        assert_eq!(Check::none("b", 0).verdict(true), Verdict::Pass);
        assert_eq!(Check::figure("c", 5).verdict(true), Verdict::Told);
    }

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let mut times = Times::default();
        assert_eq!(times.percentile(99), Duration::ZERO);
        times.extend((1..=200).map(Duration::from_millis));
        assert_eq!([50, 99, 100].map(|percent| times.percentile(percent).as_millis()), [100, 198, 200]);
        assert_eq!(times.len(), 200);
    }
}
