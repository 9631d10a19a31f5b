//! R15: a child that stops reading, with much queued to it, beside others that work.

use std::time::{Duration, Instant};

use kinfolk::parent::{Child, Parent};
use kinfolk_bench::Result;
use rustix::process::Signal;
use serde_bytes::ByteBuf;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::check::{Check, Times};
use crate::pools::{pool, worker};
use crate::proc::signal;
use crate::toil::{Carry, Dose, Toil};
use crate::trial::{PATIENCE, Trial, within};

const SIBLINGS: usize = 2;
/// Calls to the child that does not read, of a mebibyte each.
const QUEUED: u64 = 64;
/// How long a command may take.
const CONTROL: Duration = Duration::from_millis(50);
const RATIO: f64 = 1.2;

#[derive(Debug, Default)]
struct Tally {
    /// Round trips to siblings, without it and beside it.
    without: Times,
    beside: Times,
    /// Commands: spawn, figures of the pool, kill.
    spawns: Times,
    figures: Times,
    kills: Times,
    /// Calls to it that did not end with it.
    unended: u64,
}

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let parent = Parent::new();
    let pool = within(PATIENCE, "opening the pool", pool(&parent, None).size(SIBLINGS)).await??;
    let (siblings, mut tally) = (pool.children(), Tally::default());
    // Both in turn, so that whatever else the machine does meets them alike.
    for round in 0..trial.size(3, 10) {
        trial.at(&format!("round {round}, without it"));
        measure(trial, &siblings, &mut tally.without).await?;
        trial.at(&format!("round {round}, its start"));
        let deaf = within(PATIENCE, "its start", parent.spawn(worker("deaf"))).await??;
        let calls = burden(&deaf)?;
        // All have been asked for room once; most wait for it from now on.
        sleep(Duration::from_millis(200)).await;
        trial.at(&format!("round {round}, beside it"));
        measure(trial, &siblings, &mut tally.beside).await?;
        trial.at(&format!("round {round}, commands beside it"));
        let start = Instant::now();
        drop((pool.stats(), parent.children()));
        tally.figures.add(start.elapsed());
        command(&parent, &mut tally).await?;
        let start = Instant::now();
        within(PATIENCE, "its kill", deaf.kill()).await?;
        tally.kills.add(start.elapsed());
        let ends = within(PATIENCE, "calls to a child that was killed", calls.join_all()).await?;
        tally.unended += ends.into_iter().filter(|lost| !lost).count() as u64;
    }
    within(PATIENCE, "the end of the pool", pool.shutdown()).await?;
    Ok(tally.checks())
}

impl Tally {
    fn checks(mut self) -> Vec<Check> {
        let [without, beside] = [&mut self.without, &mut self.beside].map(|times| times.percentile(99));
        let ratio = beside.as_secs_f64() / without.as_secs_f64().max(1e-9);
        vec![
            Check::figure("MiB queued to it", QUEUED),
            Check::figure("round trips to siblings", self.without.len() + self.beside.len()),
            Check::figure("their p99 without it", format_args!("{without:.1?}")),
            Check::figure("their p99 beside it", format_args!("{beside:.1?}")),
            Check::ratio("p99 beside it, of that without", ratio, RATIO),
            Check::within("a spawn beside it, longest", self.spawns.percentile(100), CONTROL),
            Check::within("figures of the pool, longest", self.figures.percentile(100), CONTROL),
            Check::within("a kill beside it, and its own, longest", self.kills.percentile(100), CONTROL),
            Check::none("calls to it that did not end with it", self.unended),
        ]
    }
}

/// Stops the child and calls it all the same.
fn burden(deaf: &Child<Toil>) -> Result<JoinSet<bool>> {
    signal(deaf.pid(), Signal::STOP)?;
    let mut calls = JoinSet::new();
    for _ in 0..QUEUED {
        let call = deaf.request(Carry { ballast: ByteBuf::from(vec![7; 1 << 20]), micros: 0 });
        calls.spawn(async move { call.await.is_err_and(|error| error.is_lost()) });
    }
    Ok(calls)
}

/// Round trips to each sibling, one after another.
async fn measure(trial: &Trial, siblings: &[Child<Toil>], times: &mut Times) -> Result<()> {
    let end = Instant::now() + Duration::from_millis(trial.size(400, 2_000));
    let mut callers = JoinSet::new();
    for sibling in siblings {
        let sibling = sibling.clone();
        callers.spawn(async move {
            let mut times = Vec::new();
            while Instant::now() < end {
                let start = Instant::now();
                let answer = sibling.request(Dose { id: 7, lethal: false }).deadline(PATIENCE).await;
                times.push(start.elapsed());
                answer?;
            }
            Ok::<_, kinfolk_bench::Failure>(times)
        });
    }
    while let Some(of_one) = callers.join_next().await {
        times.extend(of_one??);
    }
    Ok(())
}

/// Starts another child, and kills it.
async fn command(parent: &Parent, tally: &mut Tally) -> Result<()> {
    let start = Instant::now();
    let other = within(PATIENCE, "a start beside it", parent.spawn(worker("other"))).await??;
    tally.spawns.add(start.elapsed());
    let start = Instant::now();
    within(PATIENCE, "a kill beside it", other.kill()).await?;
    tally.kills.add(start.elapsed());
    Ok(())
}
