//! R3: children that are stopped are found and replaced, and children that are only busy are not.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt};
use kinfolk::ChildName;
use kinfolk::parent::Parent;
use kinfolk::pool::{Pool, PoolEvent, PoolEvents};
use kinfolk_bench::Result;
use rustix::process::Signal;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::check::{Check, Times};
use crate::pools::pool;
use crate::proc::signal;
use crate::random::Random;
use crate::toil::{Again, Burn, Hog, Toil};
use crate::trial::{PATIENCE, Trial, within};

const CHILDREN: usize = 4;
/// More than children take: who has no calls is not waited for, and not looked at.
const CALLERS: u64 = 16;
const PAUSE: Duration = Duration::from_millis(500);
/// What has no answer by then, although it may be done again elsewhere, hangs.
const DEADLINE: Duration = Duration::from_secs(10);
const REPLACED: Duration = Duration::from_secs(3);

/// What is known of stops.
#[derive(Debug, Default)]
struct Stops {
    /// Which child of a place in the pool was stopped, and when, while it has no successor.
    open: HashMap<String, (u32, Instant)>,
    replaced: Times,
    /// All that were ever stopped.
    stopped: HashSet<u32>,
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
    // Names are unique among the children of one.
    let (parent, other) = (Parent::new(), Parent::new());
    trial.at("opening the pools");
    let restless = pool(&parent, None).size(CHILDREN).concurrency(2).no_quarantine().attempts(50).retry_budget(1.0);
    let restless = within(PATIENCE, "opening a pool", restless).await??;
    let busy = within(PATIENCE, "opening a pool", pool(&other, None).size(2)).await??;
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
        Check::none("stopped children never replaced", stops.open.len() as u64),
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
    while stops.stopped.len() < wanted {
        trial.at(&format!("stop {}", stops.stopped.len()));
        let mut running = pool.children();
        running.retain(|child| !stops.stopped.contains(&child.pid()));
        if let Some(child) = random.pick(&running) {
            signal(child.pid(), Signal::STOP)?;
            stops.stop(place(child.name()), child.pid());
        }
        follow(&mut events, stops, PAUSE, |_| false).await;
        if stops.open.values().any(|(_, since)| since.elapsed() > DEADLINE) {
            // Nobody looks for them: more of the same would tell no more.
            return Ok(());
        }
    }
    follow(&mut events, stops, DEADLINE, |stops| stops.open.is_empty()).await;
    Ok(())
}

impl Stops {
    fn stop(&mut self, place: String, pid: u32) {
        // It may be a successor itself whose event has not been read yet.
        self.ready(&place, pid);
        self.open.insert(place, (pid, Instant::now()));
        self.stopped.insert(pid);
    }

    /// A successor, or news of the child itself from before it was stopped.
    fn ready(&mut self, place: &str, pid: u32) {
        if self.open.get(place).is_some_and(|(stopped, _)| *stopped != pid) {
            self.replaced.extend(self.open.remove(place).map(|(_, since)| since.elapsed()));
        }
    }
}

/// Takes events in, for so long, or until there is nothing to wait for.
async fn follow(events: &mut PoolEvents, stops: &mut Stops, limit: Duration, done: impl Fn(&Stops) -> bool) {
    let taking = async {
        while !done(stops) {
            match events.next().await {
                Some(PoolEvent::Ended { report, .. }) => {
                    stops.unasked += u64::from(!stops.stopped.contains(&report.pid));
                }
                Some(PoolEvent::Ready { child, pid, .. }) => stops.ready(&place(&child), pid),
                Some(_) => {}
                None => return,
            }
        }
    };
    // Time is over: the rest comes with the next.
    let _ = timeout(limit, taking).await;
}

/// A child's place in its pool, which its successor has too: its name without how many there were.
fn place(child: &ChildName) -> String {
    child.as_str().rsplit_once('.').map_or(child.as_str(), |(place, _)| place).to_owned()
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
