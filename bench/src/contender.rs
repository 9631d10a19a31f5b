//! Who is measured, and how this executable becomes a child of each.

use std::process::ExitCode;

use serde::Serialize;

use crate::blobs;
use crate::fairness;
use crate::limits;
use crate::measure::{Pace, measure};
use crate::ours;
use crate::peer::Result;
use crate::sample::Sample;
use crate::scenario::Scenario;

/// One way to talk to a child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contender {
    /// Blocking calls on a socketpair, child by std's `Command`: what the kernel allows.
    Socketpair,
    /// tokio's `UnixStream` with a length prefix, child by tokio's `Command`: what plain tokio allows.
    TokioStream,
    /// A loop over a nonblocking socket that lets short answers overtake a stream: what the kernel allows where both
    /// share a link.
    TwoLanes,
    /// Memory both sides map, and a futex to wait by: what the kernel allows without a socket.
    SharedMemory,
    /// This project.
    Kinfolk,
}

impl Contender {
    /// Those that take part in a scenario, in the order of a table.
    #[must_use]
    pub fn of(scenario: Scenario) -> &'static [Self] {
        match scenario {
            Scenario::Blob(_) => &[Self::SharedMemory, Self::Kinfolk],
            Scenario::Sealed(_) => &[Self::Kinfolk],
            Scenario::Fairness => &[Self::TwoLanes, Self::Kinfolk],
            _ => &[Self::Socketpair, Self::TokioStream, Self::Kinfolk],
        }
    }

    /// Its name in a table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Socketpair => "limit: socketpair",
            Self::TokioStream => "limit: tokio UnixStream",
            Self::TwoLanes => "limit: two lanes",
            Self::SharedMemory => "limit: shared memory",
            Self::Kinfolk => "kinfolk",
        }
    }

    /// Measures one scenario once, with children of its own, on a fresh current-thread runtime.
    ///
    /// # Errors
    /// A child could not be started, ended early, or answered wrongly; or it takes no part in that scenario.
    pub fn measure(self, scenario: Scenario, pace: &Pace) -> Result<Sample> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            match self {
                _ if !Self::of(scenario).contains(&self) => Err("it takes no part in this scenario".into()),
                Self::SharedMemory => blobs::measure::<limits::SharedMemory>(scenario, pace).await,
                Self::Kinfolk if matches!(scenario, Scenario::Blob(_) | Scenario::Sealed(_)) => {
                    blobs::measure::<ours::Lender>(scenario, pace).await
                }
                Self::TwoLanes if scenario == Scenario::Fairness => fairness::measure::<limits::TwoLanes>(pace).await,
                Self::Kinfolk if scenario == Scenario::Fairness => fairness::measure::<ours::Kinfolk>(pace).await,
                Self::TwoLanes => Err("it measures one scenario only".into()),
                Self::Socketpair => measure::<limits::Socketpair>(scenario, pace).await,
                Self::TokioStream => measure::<limits::TokioStream>(scenario, pace).await,
                Self::Kinfolk => measure::<ours::Kinfolk>(scenario, pace).await,
            }
        })
    }
}

/// Runs the child this process was started as, if it was. Call it before anything else in `main`.
#[must_use]
pub fn child_main() -> Option<ExitCode> {
    limits::child_main().or_else(ours::child_main)
}
