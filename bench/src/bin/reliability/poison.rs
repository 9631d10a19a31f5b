//! R12: one call among many kills every child that begins it.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::iter;
use kinfolk::Fault;
use kinfolk::parent::Parent;
use kinfolk::pool::{Fingerprint, Pool, PoolError};
use kinfolk_bench::Result;

use crate::check::Check;
use crate::pools::pool;
use crate::random::Random;
use crate::toil::{Dose, Toil};
use crate::trial::{PATIENCE, Trial, within};

const CHILDREN: usize = 2;
/// Children that a poisonous call may cost.
const MOST_KILLED: u64 = 3;

/// What went wrong, and how much was done.
#[derive(Debug, Default)]
struct Sums {
    trials: u64,
    calls: u64,
    most_killed: u64,
    harmed: u64,
    missed: u64,
    wrong: u64,
    let_in: u64,
}

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let (trials, calls) = (trial.size(3, 100), trial.size(2_000, 10_000));
    let mut checks = vec![Check::figure("calls per trial, one of them poison", calls)];
    for concurrency in [1, 8] {
        let (mut sums, mut random) = (Sums::default(), trial.random(concurrency as u64));
        for number in 0..trials {
            trial.at(&format!("trial {number} with {concurrency} at once"));
            within(PATIENCE, "a trial", one(concurrency, calls, &mut random, &mut sums)).await??;
        }
        let name = |what: &str| format!("{what}, {concurrency} at once");
        checks.extend([
            Check::figure(&name("trials"), sums.trials),
            Check::none(&name("poison not quarantined"), sums.missed),
            Check::none(&name("others quarantined"), sums.wrong),
            Check::none(&name("poison let in again"), sums.let_in),
            Check::at_most(&name("children killed by it, at most"), sums.most_killed, MOST_KILLED),
            Check::none(&name("innocents failed"), sums.harmed),
        ]);
    }
    Ok(checks)
}

async fn one(concurrency: usize, calls: u64, random: &mut Random, sums: &mut Sums) -> Result<()> {
    let parent = Parent::new();
    let pool = pool(&parent, None).size(CHILDREN).concurrency(concurrency).await?;
    let poison = random.below(calls);
    let ids = iter(0..calls).map(|id| dose(&pool, id, id == poison));
    let outcomes: Vec<_> = ids.buffer_unordered(4 * CHILDREN * concurrency).collect().await;
    let mut known = None;
    for (id, outcome) in outcomes {
        match (id == poison, outcome) {
            (true, Err(PoolError::Quarantined { fingerprint, .. })) => known = Some(fingerprint),
            (true, _) => {}
            (false, answer) => sums.harmed += u64::from(!answer.is_ok_and(|answer| answer == id)),
        }
    }
    let again = dose(&pool, poison, true).await.1;
    sums.let_in += u64::from(!again.is_err_and(|error| error.is_quarantined()));
    sums.trials += 1;
    sums.calls += calls;
    pool.shutdown().await;
    // By now all deaths are counted.
    judge(&pool, known, sums);
    Ok(())
}

async fn dose(pool: &Pool<Toil>, id: u64, lethal: bool) -> (u64, Result<u64, PoolError<Fault>>) {
    (id, pool.submit(Dose { id, lethal }).deadline(Duration::from_secs(30)).await)
}

fn judge(pool: &Pool<Toil>, known: Option<Fingerprint>, sums: &mut Sums) {
    let quarantined = pool.quarantined();
    let right = quarantined.iter().filter(|entry| Some(entry.fingerprint) == known).count() as u64;
    sums.missed += u64::from(right != 1);
    sums.wrong += quarantined.len() as u64 - right;
    sums.most_killed = sums.most_killed.max(pool.stats().replaced.values().sum());
}
