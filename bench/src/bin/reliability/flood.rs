//! R14: a producer that is ten times as fast as its pool, and does not wait.

use std::time::{Duration, Instant};

use kinfolk::parent::Parent;
use kinfolk::pool::Pool;
use kinfolk_bench::Result;
use serde_bytes::ByteBuf;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::check::Check;
use crate::pools::pool;
use crate::proc::{peak, resident};
use crate::toil::{Carry, Toil};
use crate::trial::{PATIENCE, Trial, within};

const CHILDREN: u64 = 2;
const QUEUE: u64 = 64;
const BALLAST: u64 = 64 * 1_024;
/// What a call takes, so that the pool answers a hundred in a second.
const WORK: Duration = Duration::from_millis(20);
/// The producer's pause, a twentieth of it.
const PAUSE: Duration = Duration::from_millis(1);
/// What the parent may need besides what it was given to keep.
const BESIDES: u64 = 16 << 20;

/// What was offered, and what became of it.
#[derive(Debug, Default)]
struct Tally {
    offered: u64,
    accepted: u64,
    answered: u64,
    waiting: u64,
}

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let parent = Parent::new();
    let opening = pool(&parent, None).size(CHILDREN as usize).queue(QUEUE as usize);
    let pool = within(PATIENCE, "opening the pool", opening).await??;
    let (before, mut calls, mut tally) = (resident()?, JoinSet::new(), Tally::default());
    let end = Instant::now() + Duration::from_secs(trial.size(3, 60));
    let mut ticks = interval(PAUSE);
    // A producer that was held up does not wait for it either.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while Instant::now() < end {
        ticks.tick().await;
        if tally.offered % 1_000 == 0 {
            trial.at(&format!("offer {}", tally.offered));
        }
        offer(&pool, &mut calls, &mut tally);
        while let Some(answered) = calls.try_join_next() {
            tally.answered += u64::from(answered?);
        }
    }
    trial.at("what was accepted");
    let rest = within(PATIENCE, "what was accepted", calls.join_all()).await?;
    tally.answered += rest.into_iter().filter(|answered| *answered).count() as u64;
    let grown = peak()?.saturating_sub(before);
    within(PATIENCE, "the end of the pool", pool.shutdown()).await?;
    let bound = (QUEUE + CHILDREN) * BALLAST;
    Ok(vec![
        Check::figure("offered, accepted", format_args!("{}, {}", tally.offered, tally.accepted)),
        Check::at_most("accepted (offered / 5)", tally.accepted, tally.offered / 5),
        Check::exactly("answered of what was accepted", tally.answered, tally.accepted),
        Check::at_most("waiting at once", tally.waiting, QUEUE),
        Check::bytes("memory the parent grew by (its queue and 16 MiB)", grown, bound + BESIDES),
    ])
}

fn offer(pool: &Pool<Toil>, calls: &mut JoinSet<bool>, tally: &mut Tally) {
    tally.offered += 1;
    let ballast = ByteBuf::from(vec![7; BALLAST as usize]);
    let micros = u64::try_from(WORK.as_micros()).unwrap_or(u64::MAX);
    let Ok(accepted) = pool.try_submit(Carry { ballast, micros }) else { return };
    tally.accepted += 1;
    tally.waiting = tally.waiting.max(pool.stats().waiting as u64);
    calls.spawn(async move { accepted.await.is_ok_and(|length| length == BALLAST) });
}
