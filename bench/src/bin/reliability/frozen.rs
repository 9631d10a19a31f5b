//! R3: children that are stopped are found and replaced, and children that are only busy are not.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use kinfolk::parent::Parent;
use kinfolk::pool::{Pool, PoolEvent, PoolEvents};
use kinfolk_bench::Result;
use rustix::process::Signal;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::check::{Check, Times};
use crate::pools::worker;
use crate::proc::signal;
use crate::random::Random;
use crate::toil::{Again, Burn, Hog, Toil};
use crate::trial::{PATIENCE, Trial, within};

const CHILDREN: usize = 4;
/// How long a child may be frozen.
const FROZEN: Duration = Duration::from_secs(2);
const CALLERS: u64 = 8;
const PAUSE: Duration = Duration::from_millis(500);
/// What has no answer by then, although it may be done again elsewhere, hangs.
const DEADLINE: Duration = Duration::from_secs(10);
const REPLACED: Duration = Duration::from_secs(3);

/// What is known of stops.
#[derive(Debug, Default)]
struct Stops {
    /// Stopped, and not found yet.
    open: HashMap<u32, Instant>,
    /// Found, and not replaced yet.
    found: VecDeque<Instant>,
    replaced: Times,
    /// Children that ended though nobody had stopped them.
    unasked: u64,
}

/// What callers saw.
#[derive(Debug, Default)]
struct Callers {
    answered: AtomicU64,
    hung: AtomicU64,
    failed: AtomicU64,
    over: AtomicBool,
}

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let parent = Parent::new();
    trial.at("opening the pools");
    let judged = |name: &'static str| parent.pool(move |_| worker(name).frozen_after(Some(FROZEN)));
    let restless = judged("restless").size(CHILDREN).concurrency(2).no_quarantine().attempts(50).retry_budget(1.0);
    let restless = within(PATIENCE, "opening a pool", restless).await??;
    let busy = within(PATIENCE, "opening a pool", judged("busy").size(2)).await??;
    let (callers, mut calling) = (Arc::new(Callers::default()), JoinSet::new());
    for caller in 1..=CALLERS {
        calling.spawn(call(restless.clone(), Arc::clone(&callers), trial.random(caller)));
    }
    let computing = compute(busy.clone(), Arc::clone(&callers), trial.size(3_000, 10_000));
    let mut stops = Stops::default();
    stop_many(trial, &restless, &mut stops).await?;
    callers.over.store(true, Ordering::Relaxed);
    trial.at("calls that are still open");
    within(PATIENCE, "calls to children that were stopped", calling.join_all()).await?;
    trial.at("computations that are still open");
    let computed = within(PATIENCE, "a computation", computing).await??;
    let killed: u64 = busy.stats().replaced.values().sum();
    within(PATIENCE, "the end of a pool", restless.kill()).await?;
    within(PATIENCE, "the end of a pool", busy.kill()).await?;
    Ok(checks(trial, stops, &callers, computed, killed))
}

fn checks(trial: &Trial, mut stops: Stops, callers: &Callers, computed: [u64; 2], killed: u64) -> Vec<Check> {
    let [answered, hung, failed] =
        [&callers.answered, &callers.hung, &callers.failed].map(|count| count.load(Ordering::Relaxed));
    let seconds = trial.size(3, 10);
    let [done, broken] = computed;
    vec![
        Check::exactly("stopped children replaced", stops.replaced.len() as u64, trial.size(8, 200)),
        Check::none("stopped children never found", stops.open.len() as u64),
        Check::none("children that ended though nobody stopped them", stops.unasked),
        Check::figure("calls answered", answered),
        Check::none("calls hung", hung),
        Check::none("calls failed", failed),
        Check::within("stop to successor, p99", stops.replaced.percentile(99), REPLACED),
        Check::figure("stop to successor, p50", format_args!("{:.1?}", stops.replaced.percentile(50))),
        Check::at_least(&format!("computations of {seconds} s done meanwhile"), done, 2),
        Check::none("computations that failed", broken),
        Check::none("busy children killed", killed),
    ]
}

async fn stop_many(trial: &Trial, pool: &Pool<Toil>, stops: &mut Stops) -> Result<()> {
    let (mut events, mut random) = (pool.events(), trial.random(0));
    let wanted = trial.size(8, 200);
    let (mut stopped, mut all) = (0, HashSet::new());
    while stopped < wanted {
        trial.at(&format!("stop {stopped}"));
        let children = pool.children();
        let running: Vec<_> = children.iter().map(|child| child.pid()).filter(|pid| !all.contains(pid)).collect();
        if let Some(&pid) = random.pick(&running) {
            signal(pid, Signal::STOP)?;
            stops.open.insert(pid, Instant::now());
            all.insert(pid);
            stopped += 1;
        }
        follow(&mut events, stops, PAUSE, |_| false).await;
        if stops.open.values().any(|since| since.elapsed() > DEADLINE) {
            // Nobody looks for them: more of the same would tell no more.
            return Ok(());
        }
    }
    follow(&mut events, stops, DEADLINE, |stops| stops.open.is_empty() && stops.found.is_empty()).await;
    Ok(())
}

/// Takes events in, for so long, or until there is nothing to wait for.
async fn follow(events: &mut PoolEvents, stops: &mut Stops, limit: Duration, done: impl Fn(&Stops) -> bool) {
    let taking = async {
        while !done(stops) {
            match events.next().await {
                Some(PoolEvent::Ended { report, .. }) => match stops.open.remove(&report.pid) {
                    Some(since) => stops.found.push_back(since),
                    None => stops.unasked += 1,
                },
                Some(PoolEvent::Ready { .. }) => {
                    stops.replaced.extend(stops.found.pop_front().map(|since| since.elapsed()));
                }
                Some(_) => {}
                None => return,
            }
        }
    };
    // Time is over: the rest comes with the next.
    let _ = timeout(limit, taking).await;
}

/// Calls one after another, until it is over.
async fn call(pool: Pool<Toil>, callers: Arc<Callers>, mut random: Random) {
    while !callers.over.load(Ordering::Relaxed) {
        let task = Again { id: 0, nonce: random.next(), micros: random.below(2_000) };
        let outcome = timeout(DEADLINE + Duration::from_secs(1), pool.submit(task).deadline(DEADLINE)).await;
        let count = match outcome {
            Ok(Ok(_)) => &callers.answered,
            Err(_) => &callers.hung,
            Ok(Err(error)) if error.is_deadline() => &callers.hung,
            Ok(Err(_)) => &callers.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(1)).await;
    }
}

/// Computations on a thread of their own and on the runtime itself, one after another, until it is over: how many were
/// done, and how many failed.
fn compute(pool: Pool<Toil>, callers: Arc<Callers>, millis: u64) -> JoinHandle<[u64; 2]> {
    tokio::spawn(async move {
        let [mut done, mut failed] = [0; 2];
        loop {
            let burn = pool.submit(Burn { nonce: 1, millis }).into_future().map(|outcome| outcome.is_ok());
            let hog = pool.submit(Hog { nonce: 2, millis }).into_future().map(|outcome| outcome.is_ok());
            let (burnt, hogged) = tokio::join!(burn, hog);
            for well in [burnt, hogged] {
                *(if well { &mut done } else { &mut failed }) += 1;
            }
            if callers.over.load(Ordering::Relaxed) {
                return [done, failed];
            }
        }
    })
}
