//! R18: how long a pool is short of a child that was killed.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kinfolk::parent::Parent;
use kinfolk::pool::{Pool, PoolEvent, PoolEvents};
use kinfolk_bench::Result;
use rustix::process::Signal;

use crate::check::{Check, Times};
use crate::pools::pool;
use crate::proc::signal;
use crate::toil::{Again, Toil};
use crate::trial::{PATIENCE, Trial, within};

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let parent = Parent::new();
    trial.at("opening the pool");
    let pool = within(PATIENCE, "opening the pool", pool(&parent, None).size(2)).await??;
    let (kills, mut random, mut times) = (trial.size(50, 1_000), trial.random(0), Times::default());
    let mut events = pool.events();
    for kill in 0..kills {
        trial.at(&format!("kill {kill}"));
        warm(&pool).await?;
        let children = pool.children();
        let victim = random.pick(&children).ok_or("there is no child")?.pid();
        let start = Instant::now();
        signal(victim, Signal::KILL)?;
        let successor = within(PATIENCE, "no successor becomes ready", ready(&mut events, start)).await?;
        times.add(successor.ok_or("the pool has ended")?);
    }
    within(PATIENCE, "the end of the pool", pool.shutdown()).await?;
    Ok(vec![
        Check::exactly("successors", times.len() as u64, kills),
        Check::within("kill to successor, p50", times.percentile(50), Duration::from_millis(5)),
        Check::within("kill to successor, p99", times.percentile(99), Duration::from_millis(25)),
        Check::figure("kill to successor, longest", format_args!("{:.1?}", times.percentile(100))),
    ])
}

/// A child that has answered nothing yet is not replaced at once, so each of both has to.
async fn warm(pool: &Pool<Toil>) -> Result<()> {
    let both = async { tokio::join!(rest(pool), rest(pool)) };
    let (one, two) = within(PATIENCE, "the pool does not answer", both).await?;
    one.and(two)
}

/// Takes so long that two of them are with two children.
async fn rest(pool: &Pool<Toil>) -> Result<()> {
    pool.submit(Again { id: 0, nonce: 0, micros: 5_000 }).await?;
    Ok(())
}

async fn ready(events: &mut PoolEvents, start: Instant) -> Option<Duration> {
    loop {
        if let PoolEvent::Ready { .. } = events.next().await? {
            return Some(start.elapsed());
        }
    }
}
