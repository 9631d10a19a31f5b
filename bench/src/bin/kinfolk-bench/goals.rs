//! What kinfolk wants to be at most. The goals hold for one CPU: anything else is not repeatable enough to judge by.

use kinfolk_bench::{Contender, Placement, Scenario};

use crate::results::Results;

/// A bound for one figure of kinfolk.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) most: f64,
    scenario: Scenario,
    metric: &'static str,
    measure: Measure,
}

/// What is compared with the bound.
#[derive(Debug)]
enum Measure {
    /// The ratio to tokio's limit.
    Ratio,
    /// kB in MB.
    Megabytes,
}

/// The goals, each told in the terms of the table.
pub(crate) const GOALS: [Goal; 3] = [
    Goal {
        name: "round trip, times tokio's UnixStream",
        most: 1.1,
        scenario: Scenario::RoundTrip,
        metric: "p50",
        measure: Measure::Ratio,
    },
    Goal {
        name: "spawn to first reply, times tokio's Command + socketpair",
        most: 1.2,
        scenario: Scenario::Spawn,
        metric: "median",
        measure: Measure::Ratio,
    },
    Goal {
        name: "idle child, private MB",
        most: 0.4,
        scenario: Scenario::Spawn,
        metric: "idle private",
        measure: Measure::Megabytes,
    },
];

impl Goal {
    /// Where kinfolk stands, if that was measured where the goals hold.
    pub(crate) fn reached(&self, results: &Results, placement: Placement) -> Option<f64> {
        if placement != Placement::SameCpu {
            return None;
        }
        let row = results.row(self.scenario, Contender::Kinfolk, self.metric)?;
        match self.measure {
            Measure::Ratio => results.ratio(row, Contender::TokioStream),
            Measure::Megabytes => Some(row.spread().median / 1000.0),
        }
    }
}
