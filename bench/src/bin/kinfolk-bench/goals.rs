//! What kinfolk wants to reach. Most goals hold for one CPU: anything else is not repeatable enough to judge by.

use kinfolk_bench::{Contender, Placement, Scenario};

use crate::results::Results;

/// A bound for one figure of kinfolk.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) bound: Bound,
    placement: Placement,
    scenario: Scenario,
    metric: &'static str,
    measure: Measure,
}

/// On which side of a value a figure is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// What is compared with the bound.
#[derive(Debug)]
enum Measure {
    /// The ratio to a limit.
    Times(Contender),
    /// The part of a limit that it reaches.
    Part(Contender),
    /// The ratio to another scenario.
    TimesScenario(Scenario),
    /// kB in MB.
    Megabytes,
    /// The figure itself.
    Figure,
}

impl Bound {
    pub(crate) fn is_kept(self, reached: f64) -> bool {
        match self {
            Self::AtMost(most) => reached <= most,
            Self::AtLeast(least) => reached >= least,
        }
    }

    pub(crate) fn value(self) -> f64 {
        match self {
            Self::AtMost(value) | Self::AtLeast(value) => value,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::AtMost(_) => "most",
            Self::AtLeast(_) => "least",
        }
    }
}

/// The goals, each told in the terms of the table.
pub(crate) const GOALS: [Goal; 12] = [
    Goal {
        name: "round trip, times tokio's UnixStream",
        bound: Bound::AtMost(1.1),
        placement: Placement::SameCpu,
        scenario: Scenario::RoundTrip,
        metric: "p50",
        measure: Measure::Times(Contender::TokioStream),
    },
    Goal {
        name: "p99 of a call beside a stream, times two raw lanes",
        bound: Bound::AtMost(1.3),
        placement: Placement::SameCpu,
        scenario: Scenario::Fairness,
        metric: "loaded p99",
        measure: Measure::Times(Contender::TwoLanes),
    },
    Goal {
        name: "p99 of a call beside a stream, times its own without one",
        bound: Bound::AtMost(3.0),
        placement: Placement::Free,
        scenario: Scenario::Fairness,
        metric: "p99 loaded / idle",
        measure: Measure::Figure,
    },
    kept(Placement::SameCpu),
    kept(Placement::Free),
    rate("1 MiB in the message, of the socket's rate", Scenario::Upload(1 << 10), Contender::Socketpair, 0.85),
    rate("64 MiB in the message, of the socket's rate", Scenario::Upload(64 << 10), Contender::Socketpair, 0.85),
    rate("1 MiB in shared memory, of the limit's rate", Scenario::Blob(1 << 10), Contender::SharedMemory, 0.8),
    rate("64 MiB in shared memory, of the limit's rate", Scenario::Blob(64 << 10), Contender::SharedMemory, 0.8),
    Goal {
        name: "1 GiB built in place, times 1 MiB",
        bound: Bound::AtMost(1.2),
        placement: Placement::SameCpu,
        scenario: Scenario::Sealed(1 << 20),
        metric: "p50",
        measure: Measure::TimesScenario(Scenario::Sealed(1 << 10)),
    },
    Goal {
        name: "spawn to first reply, times tokio's Command + socketpair",
        bound: Bound::AtMost(1.2),
        placement: Placement::SameCpu,
        scenario: Scenario::Spawn,
        metric: "median",
        measure: Measure::Times(Contender::TokioStream),
    },
    Goal {
        name: "idle child, private MB",
        bound: Bound::AtMost(0.4),
        placement: Placement::SameCpu,
        scenario: Scenario::Spawn,
        metric: "idle private",
        measure: Measure::Megabytes,
    },
];

const fn kept(placement: Placement) -> Goal {
    Goal {
        name: "rate of a stream beside calls, times its own without them",
        bound: Bound::AtLeast(0.8),
        placement,
        scenario: Scenario::Fairness,
        metric: "stream loaded / alone",
        measure: Measure::Figure,
    }
}

const fn rate(name: &'static str, scenario: Scenario, limit: Contender, least: f64) -> Goal {
    Goal {
        name,
        bound: Bound::AtLeast(least),
        placement: Placement::SameCpu,
        scenario,
        metric: "payload",
        measure: Measure::Part(limit),
    }
}

impl Goal {
    /// Where kinfolk stands, if that was measured where the goal holds.
    pub(crate) fn reached(&self, results: &Results, placement: Placement) -> Option<f64> {
        if placement != self.placement {
            return None;
        }
        let row = results.row(self.scenario, Contender::Kinfolk, self.metric)?;
        match self.measure {
            Measure::Times(limit) => results.ratio(row, limit),
            Measure::Part(limit) => results.ratio(row, limit).map(f64::recip),
            Measure::TimesScenario(other) => {
                let other = results.row(other, Contender::Kinfolk, self.metric)?;
                Some(row.spread().median / other.spread().median)
            }
            Measure::Megabytes => Some(row.spread().median / 1000.0),
            Measure::Figure => Some(row.spread().median),
        }
    }
}
