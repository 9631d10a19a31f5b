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
    contender: Contender,
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
pub(crate) const GOALS: [Goal; 17] = [
    Goal {
        name: "round trip, times tokio's UnixStream",
        bound: Bound::AtMost(1.1),
        placement: Placement::SameCpu,
        scenario: Scenario::RoundTrip,
        contender: Contender::Kinfolk,
        metric: "p50",
        measure: Measure::Times(Contender::TokioStream),
    },
    Goal {
        name: "p99 of a call beside a stream, times two raw lanes",
        bound: Bound::AtMost(1.3),
        placement: Placement::SameCpu,
        scenario: Scenario::Fairness,
        contender: Contender::Kinfolk,
        metric: "loaded p99",
        measure: Measure::Times(Contender::TwoLanes),
    },
    Goal {
        name: "p99 of a call beside a stream, times its own without one",
        bound: Bound::AtMost(3.0),
        placement: Placement::Free,
        scenario: Scenario::Fairness,
        contender: Contender::Kinfolk,
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
        contender: Contender::Kinfolk,
        metric: "p50",
        measure: Measure::TimesScenario(Scenario::Sealed(1 << 10)),
    },
    Goal {
        name: "spawn to first reply, times tokio's Command + socketpair",
        bound: Bound::AtMost(1.2),
        placement: Placement::SameCpu,
        scenario: Scenario::Spawn,
        contender: Contender::Kinfolk,
        metric: "median",
        measure: Measure::Times(Contender::TokioStream),
    },
    Goal {
        name: "idle child, private MB",
        bound: Bound::AtMost(0.4),
        placement: Placement::SameCpu,
        scenario: Scenario::Spawn,
        contender: Contender::Kinfolk,
        metric: "idle private",
        measure: Measure::Megabytes,
    },
    pool("tasks of 5 ms, of rayon's rate", AHEAD, 5_000, "2 workers", 0.97),
    pool("tasks of 100 µs, of rayon's rate", AHEAD, 100, "2 workers", 0.85),
    pool("tasks of 100 µs, async handler, of rayon's rate", ASYNC, 100, "2 workers", 0.85),
    pool("tasks of 100 µs, two children, times one", AHEAD, 100, GAIN, 1.9),
    pool("tasks of 100 µs, async handler, two children, times one", ASYNC, 100, GAIN, 1.9),
];

const AHEAD: Contender = Contender::PoolAhead;
const ASYNC: Contender = Contender::PoolAsync;
const GAIN: &str = "2 workers / 1";

const fn pool(name: &'static str, contender: Contender, micros: u32, metric: &'static str, least: f64) -> Goal {
    Goal {
        name,
        bound: Bound::AtLeast(least),
        placement: Placement::Free,
        scenario: Scenario::PoolTasks { micros },
        contender,
        metric,
        measure: if least < 1.0 { Measure::Part(Contender::Rayon) } else { Measure::Figure },
    }
}

const fn kept(placement: Placement) -> Goal {
    Goal {
        name: "rate of a stream beside calls, times its own without them",
        bound: Bound::AtLeast(0.8),
        placement,
        scenario: Scenario::Fairness,
        contender: Contender::Kinfolk,
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
        contender: Contender::Kinfolk,
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
        let row = results.row(self.scenario, self.contender, self.metric)?;
        match self.measure {
            Measure::Times(limit) => results.ratio(row, limit),
            Measure::Part(limit) => results.ratio(row, limit).map(f64::recip),
            Measure::TimesScenario(other) => {
                let other = results.row(other, self.contender, self.metric)?;
                Some(row.spread().median / other.spread().median)
            }
            Measure::Megabytes => Some(row.spread().median / 1000.0),
            Measure::Figure => Some(row.spread().median),
        }
    }
}
