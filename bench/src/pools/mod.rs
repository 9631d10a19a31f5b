//! Pools: how many tasks a second many children do, beside threads of this process, which are the limit, and beside the
//! pools of other languages.
//!
//! A task is a SHA-256 of so many bytes, the same for every contender; how many make 100 µs is measured once for all.

mod ours;
mod peers;
mod threads;
mod work;

use std::process::ExitCode;

use self::work::Task;
use crate::contender::Contender;
use crate::measure::Pace;
use crate::memory::Memory;
use crate::peer::{Result, ensure};
use crate::sample::Sample;
use crate::scenario::Scenario;

/// Those that do tasks.
pub(crate) const TASKS: &[Contender] = &[
    Contender::Rayon,
    Contender::Pool,
    Contender::PoolAhead,
    Contender::PoolAsync,
    Contender::PoolThreads,
    Contender::Python,
    Contender::Node,
];
/// Those whose workers are processes.
pub(crate) const PROCESSES: &[Contender] = &[Contender::Pool, Contender::Python, Contender::Node];

/// What a run with so many workers gave.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Tasks per second.
    pub(crate) rate: f64,
    /// Processor time of this process per task, in µs, where it was measured.
    pub(crate) parent_us: Option<f64>,
    /// Processor time of all workers per task, in µs, where it was measured.
    pub(crate) workers_us: Option<f64>,
    /// The workers, idle.
    pub(crate) memory: Vec<Memory>,
}

/// Runs the worker this process was started as, if it was.
pub(crate) fn child_main() -> Option<ExitCode> {
    ours::child_main()
}

/// Why a contender cannot take part on this machine, if it cannot.
pub(crate) fn missing(contender: Contender) -> Option<String> {
    peers::missing(contender)
}

/// Measures one scenario once, with workers of its own.
pub(crate) fn measure(contender: Contender, scenario: Scenario, pace: &Pace) -> Result<Sample> {
    match scenario {
        Scenario::PoolTasks { micros } => {
            let task = Task::lasting(micros);
            let one = run(contender, 1, task, pace)?;
            let two = run(contender, 2, task, pace)?;
            let (parent_us, workers_us) = (two.parent_us, two.workers_us);
            Ok(Sample::Pool { one: one.rate, two: two.rate, parent_us, workers_us })
        }
        Scenario::PoolIdle => {
            let memory = run(contender, 2, Task::lasting(100), &Pace { duration: pace.warm_up, ..*pace })?.memory;
            ensure(!memory.is_empty(), "no worker was there to be looked at")?;
            let mean = |part: fn(&Memory) -> u64| memory.iter().map(part).sum::<u64>() as f64 / memory.len() as f64;
            Ok(Sample::Idle { pss_kb: mean(|memory| memory.pss_kb), private_kb: mean(|memory| memory.private_kb) })
        }
        _ => Err("not a scenario of pools".into()),
    }
}

fn run(contender: Contender, workers: usize, task: Task, pace: &Pace) -> Result<Run> {
    match contender {
        Contender::Rayon => threads::run(workers, task, pace),
        Contender::Python | Contender::Node => peers::run(contender, workers, task, pace),
        _ => ours::run(contender, workers, task, pace),
    }
}
