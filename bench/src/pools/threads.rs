//! The limit: threads of this process, which copy nothing and start nothing.

use std::time::Instant;

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::Run;
use super::work::{Task, hash};
use crate::measure::Pace;
use crate::peer::{Result, ensure};

/// What rayon needs for a task that does nothing, at most, in nanoseconds: it only decides how many are done.
const EMPTY: f64 = 100.0;

pub(super) fn run(workers: usize, task: Task, pace: &Pace) -> Result<Run> {
    let pool = ThreadPoolBuilder::new().num_threads(workers).build()?;
    let tasks = |seconds: f64| (seconds * 1e9 / task.nanos.max(EMPTY)) as usize * workers + workers;
    work(&pool, task, tasks(pace.warm_up.as_secs_f64()))?;
    let tasks = tasks(pace.duration.as_secs_f64());
    let start = Instant::now();
    work(&pool, task, tasks)?;
    let rate = tasks as f64 / start.elapsed().as_secs_f64();
    Ok(Run { rate, parent_us: None, workers_us: None, memory: Vec::new() })
}

/// One task is the least that a thread takes from another.
fn work(pool: &ThreadPool, task: Task, tasks: usize) -> Result<()> {
    let expected = task.answer();
    let right = pool.install(|| {
        let tasks = (0..tasks).into_par_iter().with_max_len(1);
        tasks.map(|_| hash(std::hint::black_box(task.bytes))).all(|answer| answer == expected)
    });
    ensure(right, "a thread hashed something else")
}
