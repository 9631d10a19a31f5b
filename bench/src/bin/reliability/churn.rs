//! R1 and R2: calls to a pool whose children are killed at random.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kinfolk::Fault;
use kinfolk::parent::{CallError, Parent};
use kinfolk::pool::{Pool, PoolError};
use kinfolk_bench::Result;
use rustix::process::Signal;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::check::Check;
use crate::history::History;
use crate::pools::pool;
use crate::proc::signal;
use crate::random::Random;
use crate::toil::{Again, Once, Toil};
use crate::trial::{PATIENCE, Trial, within};
use crate::verify::Findings;

/// What the calls may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Done twice.
    Again,
    /// Done once.
    Once,
}

const CHILDREN: usize = 4;
/// Calls a child has at once.
const IN_FLIGHT: usize = 4;
const CALLERS: u64 = 32;
/// A call takes less.
const LONGEST_MICROS: u64 = 2_000;
/// Of each call. Lost is what has no outcome a second later.
const DEADLINE: Duration = Duration::from_secs(30);
/// Attempts of a call: it is the kills that are many here, not the calls that cause them.
const ATTEMPTS: u32 = 50;
/// Retries for each call that was answered.
const BUDGET: f64 = 1.0;
/// From one kill to the next, on average.
const PAUSE: Duration = Duration::from_millis(40);
/// Calls after the last kill.
const AFTERWARDS: u64 = 100;

/// One run.
struct Run {
    kind: Kind,
    pool: Pool<Toil>,
    history: History,
    /// How many calls there are to be, and how many kills before callers may stop.
    calls: u64,
    kills: u64,
    next: AtomicU64,
    killed: AtomicU64,
    over: AtomicBool,
}

pub(crate) async fn run(trial: &Trial, kind: Kind) -> Result<Vec<Check>> {
    let name = if kind == Kind::Again { "R1" } else { "R2" };
    let path = trial.out.join(format!("{name}.history"));
    let idempotent = kind == Kind::Again;
    let history = History::create(
        &path,
        format_args!("{name} seed={} idempotent={idempotent} in-flight={IN_FLIGHT}", trial.seed),
    )?;
    trial.at("opening the pool");
    let parent = Parent::new();
    let pool = within(PATIENCE, "opening the pool", opened(&parent, &path)).await??;
    let (calls, kills) = (trial.size(20_000, 1_000_000), trial.size(60, 1_000));
    let (next, killed, over) = (AtomicU64::new(1), AtomicU64::new(0), AtomicBool::new(false));
    let run = Arc::new(Run { kind, pool, history, calls, kills, next, killed, over });
    churn(trial, &run).await?;
    trial.at("the end of the pool");
    within(PATIENCE, "the end of the pool", run.pool.shutdown()).await?;
    run.history.finish()?;
    let mut checks = vec![
        Check::at_least("children killed", run.killed.load(Ordering::Relaxed), kills),
        Check::figure("attempts, retry budget, quarantine", format_args!("{ATTEMPTS}, {BUDGET} per call, off")),
        Check::figure("tried again by the pool", run.pool.stats().retried),
    ];
    checks.extend(Findings::read(&path)?.checks());
    Ok(checks)
}

async fn opened(parent: &Parent, history: &Path) -> Result<Pool<Toil>> {
    let pool = pool(parent, Some(history))
        .size(CHILDREN)
        .concurrency(IN_FLIGHT)
        .attempts(ATTEMPTS)
        .retry_budget(BUDGET)
        .no_quarantine()
        .await?;
    Ok(pool)
}

async fn churn(trial: &Trial, run: &Arc<Run>) -> Result<()> {
    let nemesis = tokio::spawn(kill_at_random(Arc::clone(run), trial.random(0)));
    let mut callers = JoinSet::new();
    for caller in 1..=CALLERS {
        callers.spawn(call_in_turn(Arc::clone(run), trial.random(caller)));
    }
    while !callers.is_empty() {
        let left = run.calls.saturating_sub(run.next.load(Ordering::Relaxed));
        trial.at(&format!("{left} calls to go, {} kills", run.killed.load(Ordering::Relaxed)));
        // A call's own bound is its deadline; here the place is told again.
        if let Ok(Some(joined)) = timeout(Duration::from_secs(1), callers.join_next()).await {
            joined?;
        }
    }
    run.over.store(true, Ordering::Relaxed);
    nemesis.await?;
    trial.at("calls after the last kill");
    let mut random = trial.random(CALLERS + 1);
    let mut usable = true;
    for _ in 0..AFTERWARDS {
        usable &= call(run, &mut random).await;
    }
    if usable {
        run.history.usable();
    }
    Ok(())
}

async fn kill_at_random(run: Arc<Run>, mut random: Random) {
    while !run.over.load(Ordering::Relaxed) {
        sleep(PAUSE / 2 + Duration::from_micros(random.below(PAUSE.as_micros() as u64))).await;
        let children = run.pool.children();
        let Some(child) = random.pick(&children) else { continue };
        let pid = child.pid();
        // Before it is done: what the children did is compared with this.
        run.history.killed(pid);
        if signal(pid, Signal::KILL).is_ok() {
            run.killed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Calls one after another, until there were enough of them and of kills.
async fn call_in_turn(run: Arc<Run>, mut random: Random) {
    while run.next.load(Ordering::Relaxed) <= run.calls || run.killed.load(Ordering::Relaxed) < run.kills {
        call(&run, &mut random).await;
    }
}

/// True if it was answered.
async fn call(run: &Run, random: &mut Random) -> bool {
    let id = run.next.fetch_add(1, Ordering::Relaxed);
    let (nonce, micros) = (random.next(), random.below(LONGEST_MICROS));
    run.history.invoked(id, nonce);
    let outcome = timeout(DEADLINE + Duration::from_secs(1), submitted(run, id, nonce, micros)).await;
    match &outcome {
        Ok(Ok(nonce)) => run.history.answered(id, *nonce),
        Ok(Err(error)) => run.history.failed(id, word(error), error.delivery(), pid(error)),
        Err(_) => run.history.hung(id),
    }
    matches!(outcome, Ok(Ok(_)))
}

async fn submitted(run: &Run, id: u64, nonce: u64, micros: u64) -> Result<u64, PoolError<Fault>> {
    match run.kind {
        Kind::Again => run.pool.submit(Again { id, nonce, micros }).deadline(DEADLINE).await,
        Kind::Once => run.pool.submit(Once { id, nonce, micros }).deadline(DEADLINE).await,
    }
}

fn word(error: &PoolError<Fault>) -> &'static str {
    match error {
        PoolError::Call(CallError::Exited { .. }) => "Exited",
        PoolError::Call(CallError::Disconnected { .. }) => "Disconnected",
        error if error.is_deadline() => "Deadline",
        PoolError::Call(_) => "Failed",
        _ => "Refused",
    }
}

fn pid(error: &PoolError<Fault>) -> u32 {
    match error {
        PoolError::Call(CallError::Exited { report, .. }) => report.pid,
        _ => 0,
    }
}
