//! Who is measured, and how this executable becomes a child of each.

use std::process::ExitCode;

use serde::Serialize;

use crate::blobs;
use crate::fairness;
use crate::limits;
use crate::measure::{Pace, measure};
use crate::ours;
use crate::peer::Result;
use crate::pools;
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
    /// rayon's threads in this process: what a pool of processes can reach at most.
    Rayon,
    /// This project's pool, with one call at a time for each child.
    Pool,
    /// The same with two: one waits in the child.
    PoolAhead,
    /// The same, handled where the link is read instead of on a thread.
    PoolAsync,
    /// As [`PoolAhead`](Self::PoolAhead), with a parent on a multi-threaded runtime.
    PoolThreads,
    /// Python's `concurrent.futures.ProcessPoolExecutor`.
    Python,
    /// npm's `workerpool` with workers that are processes.
    Node,
}

impl Contender {
    const ALL: [Self; 12] = [
        Self::Socketpair,
        Self::TokioStream,
        Self::TwoLanes,
        Self::SharedMemory,
        Self::Kinfolk,
        Self::Rayon,
        Self::Pool,
        Self::PoolAhead,
        Self::PoolAsync,
        Self::PoolThreads,
        Self::Python,
        Self::Node,
    ];

    /// The contender of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|contender| contender.name() == name)
    }

    /// Its name on the command line, and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Socketpair => "socketpair",
            Self::TokioStream => "tokio-stream",
            Self::TwoLanes => "two-lanes",
            Self::SharedMemory => "shared-memory",
            Self::Kinfolk => "kinfolk",
            Self::Rayon => "rayon",
            Self::Pool => "pool",
            Self::PoolAhead => "pool-ahead",
            Self::PoolAsync => "pool-async",
            Self::PoolThreads => "pool-threads",
            Self::Python => "python",
            Self::Node => "node",
        }
    }

    /// Those that take part in a scenario, in the order of a table.
    #[must_use]
    pub fn of(scenario: Scenario) -> &'static [Self] {
        match scenario {
            Scenario::Blob(_) => &[Self::SharedMemory, Self::Kinfolk],
            Scenario::Sealed(_) => &[Self::Kinfolk],
            Scenario::Fairness => &[Self::TwoLanes, Self::Kinfolk],
            Scenario::PoolTasks { .. } => pools::TASKS,
            Scenario::PoolIdle => pools::PROCESSES,
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
            Self::Rayon => "limit: rayon",
            Self::Pool => "kinfolk, 1 a child",
            Self::PoolAhead => "kinfolk, 2 a child",
            Self::PoolAsync => "kinfolk, 2, async handler",
            Self::PoolThreads => "kinfolk, 2, parent on 2 threads",
            Self::Python => "Python ProcessPoolExecutor",
            Self::Node => "Node workerpool",
        }
    }

    /// Why it cannot take part on this machine, if it cannot.
    #[must_use]
    pub fn missing(self) -> Option<String> {
        pools::missing(self)
    }

    /// Measures one scenario once, with children of its own, on a fresh runtime: a current-thread one, but for
    /// [`PoolThreads`](Self::PoolThreads).
    ///
    /// # Errors
    /// A child could not be started, ended early, or answered wrongly; or it takes no part in that scenario.
    pub fn measure(self, scenario: Scenario, pace: &Pace) -> Result<Sample> {
        if scenario.is_of_pools() && Self::of(scenario).contains(&self) {
            return pools::measure(self, scenario, pace);
        }
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
                _ => Err("it measures pools only".into()),
            }
        })
    }
}

/// Runs the child this process was started as, if it was. Call it before anything else in `main`.
#[must_use]
pub fn child_main() -> Option<ExitCode> {
    limits::child_main().or_else(pools::child_main).or_else(ours::child_main)
}
