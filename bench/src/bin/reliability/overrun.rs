//! R13: handlers that go on after the deadline of their call, and ask for no cancel.

use std::time::{Duration, Instant};

use kinfolk::parent::Parent;
use kinfolk::pool::{Cause, Pool};
use kinfolk_bench::Result;
use tokio::task::JoinSet;

use crate::check::{Check, Times};
use crate::pools::pool;
use crate::random::Random;
use crate::toil::{Dose, Overrun, Toil};
use crate::trial::{PATIENCE, Trial, within};

/// Pools at once, of one child each: who was late is who has to be back.
const POOLS: u64 = 4;
const DEADLINE: Duration = Duration::from_millis(20);
const GRACE: Duration = Duration::from_millis(50);
/// What may be added to a deadline, and to a grace.
const SLACK: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(50)];
/// Some handlers end within the grace, so that their late answers travel; the others are killed.
const SHORT_MILLIS: u64 = 40;
const ENDLESS_MILLIS: u64 = 600_000;

#[derive(Debug, Default)]
struct Tally {
    outcomes: Times,
    returns: Times,
    /// Those of them for which the child was not replaced.
    kept: Times,
    killed: u64,
    /// Successors that did not become ready, after which a pool waits.
    not_ready: u64,
    in_time: u64,
    mixed_up: u64,
    failed: u64,
}

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let calls = trial.size(200, 10_000) / POOLS;
    let mut pools = JoinSet::new();
    for number in 0..POOLS {
        pools.spawn(overrun(trial.clone(), calls, trial.random(number)));
    }
    let mut sum = Tally::default();
    while let Some(tally) = pools.join_next().await {
        sum.add(tally??);
    }
    let [after_deadline, after_grace] = SLACK;
    Ok(vec![
        Check::exactly("calls that overran", sum.outcomes.len() as u64, calls * POOLS),
        Check::figure("answered before the deadline was noticed", sum.in_time),
        Check::none("late replies given to another call", sum.mixed_up),
        Check::none("calls that failed otherwise, or after it", sum.failed),
        Check::figure("children killed and replaced", sum.killed),
        Check::figure("successors that did not become ready", sum.not_ready),
        Check::within("outcome, p99", sum.outcomes.percentile(99), DEADLINE + after_deadline),
        Check::within("back in service after it, p99", sum.returns.percentile(99), GRACE + after_grace),
        Check::figure("back in service, p50", format_args!("{:.1?}", sum.returns.percentile(50))),
        Check::figure("back in service, longest", format_args!("{:.1?}", sum.returns.percentile(100))),
        Check::figure("the same child back in service, p99", format_args!("{:.1?}", sum.kept.percentile(99))),
    ])
}

impl Tally {
    fn add(&mut self, mut other: Self) {
        self.outcomes.extend(other.outcomes.drain());
        self.returns.extend(other.returns.drain());
        self.kept.extend(other.kept.drain());
        self.killed += other.killed;
        self.not_ready += other.not_ready;
        self.in_time += other.in_time;
        self.mixed_up += other.mixed_up;
        self.failed += other.failed;
    }
}

async fn overrun(trial: Trial, calls: u64, mut random: Random) -> Result<Tally> {
    let parent = Parent::new();
    let pool = within(PATIENCE, "opening a pool", pool(&parent, None).size(1).cancel_grace(GRACE)).await??;
    let mut tally = Tally::default();
    // A child that has answered nothing is not replaced at once.
    within(PATIENCE, "the first call", follow(&pool, 0, &mut tally)).await?;
    tally = Tally::default();
    for number in 0..calls {
        if number % 10 == 0 {
            trial.at(&format!("call {number} of {calls}"));
        }
        let both = async {
            let before = replaced(&pool);
            exceed(&pool, &mut random, &mut tally).await;
            let took = follow(&pool, random.next(), &mut tally).await;
            if replaced(&pool) == before {
                tally.kept.add(took);
            }
        };
        within(PATIENCE, "a call that overruns, or the one after it", both).await?;
    }
    tally.killed = replaced(&pool);
    tally.not_ready = pool.stats().replaced.get(&Cause::NotReady).copied().unwrap_or(0);
    within(PATIENCE, "the end of a pool", pool.shutdown()).await?;
    Ok(tally)
}

/// How many children have been.
fn replaced(pool: &Pool<Toil>) -> u64 {
    pool.stats().replaced.values().sum()
}

/// A call whose handler does not end in time.
async fn exceed(pool: &Pool<Toil>, random: &mut Random, tally: &mut Tally) {
    let millis = if random.one_in(2) { SHORT_MILLIS + random.below(SHORT_MILLIS) } else { ENDLESS_MILLIS };
    let nonce = random.next();
    let start = Instant::now();
    let outcome = pool.submit(Overrun { nonce, millis }).deadline(DEADLINE).await;
    tally.outcomes.add(start.elapsed());
    match outcome {
        // A caller that is held up itself sees both at once.
        Ok(answer) => {
            tally.in_time += 1;
            tally.mixed_up += u64::from(answer != nonce);
        }
        Err(error) => tally.failed += u64::from(!error.is_deadline()),
    }
}

/// The call after it: how long it took.
async fn follow(pool: &Pool<Toil>, id: u64, tally: &mut Tally) -> Duration {
    let start = Instant::now();
    match pool.submit(Dose { id, lethal: false }).deadline(Duration::from_secs(30)).await {
        Ok(answer) => tally.mixed_up += u64::from(answer != id),
        Err(_) => tally.failed += 1,
    }
    let took = start.elapsed();
    tally.returns.add(took);
    took
}
