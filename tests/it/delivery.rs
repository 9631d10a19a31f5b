//! What a call says of its delivery is true, whenever its child is killed: compared with what the child itself wrote
//! down.
//!
//! `KINFOLK_KILLS` is the number of kills of each test, `KINFOLK_SEED` what the first of them is decided by.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::TryStreamExt;
use kinfolk::Delivery;
use kinfolk::parent::{CallError, Child, ChildSpec, Parent, Program};
use kinfolk_tests::{AT_ONCE, Asking, AtOnce, Computing, Confirm, FLOW, Flowing, Ledger, Refused, Task, Waiting};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::{JoinSet, yield_now};
use tokio_util::sync::CancellationToken;

use crate::support::within;

/// Kills per test, unless more are asked for.
const KILLS: u64 = 60;
/// Calls under way at once: more than the child lets in.
const CALLERS: u64 = 80;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_child_has_done_nothing_that_is_reported_as_not_started() {
    kill_many("shared memory", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_child_without_shared_memory_has_done_nothing_that_is_reported_as_not_started() {
    kill_many("frames", false).await;
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Answered,
    Declined,
    Exited(Delivery),
    Disconnected(Delivery),
    /// By its deadline or its token.
    GivenUp(Delivery),
}

impl<T> From<Result<T, CallError<Refused>>> for Outcome {
    fn from(result: Result<T, CallError<Refused>>) -> Self {
        match result {
            Ok(_) => Self::Answered,
            Err(CallError::App(Refused)) => Self::Declined,
            Err(CallError::Exited { delivery, .. }) => Self::Exited(delivery),
            Err(CallError::Disconnected { delivery, .. }) => Self::Disconnected(delivery),
            Err(CallError::Deadline { delivery, .. } | CallError::Cancelled { delivery, .. }) => {
                Self::GivenUp(delivery)
            }
            Err(other) => panic!("no end that was to be expected: {other:?}"),
        }
    }
}

impl Outcome {
    fn is_lost(self) -> bool {
        matches!(self, Self::Exited(_) | Self::Disconnected(_))
    }

    /// What it says of the entry: that it is there, that it is not, or nothing.
    fn says_begun(self) -> Option<bool> {
        match self {
            Self::Answered | Self::Declined => Some(true),
            Self::Exited(delivery) | Self::Disconnected(delivery) | Self::GivenUp(delivery) => {
                (delivery < Delivery::Started).then_some(false)
            }
        }
    }
}

/// How often each outcome came, with and without an entry.
#[derive(Debug, Default)]
struct Tally(BTreeMap<(Outcome, bool), u64>);

async fn kill_many(way: &str, shared_memory: bool) {
    let kills = variable("KINFOLK_KILLS").unwrap_or(KILLS);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = variable("KINFOLK_SEED").unwrap_or(now.as_nanos() as u64 | 1);
    let mut seeds = Random(first);
    let (mut seed, mut tally) = (first, Tally::default());
    for _ in 0..kills {
        if let Err(lie) = kill_one(seed, shared_memory, &mut tally).await {
            panic!("{lie}; try KINFOLK_SEED={seed} KINFOLK_KILLS=1");
        }
        seed = seeds.next();
    }
    report(&format!("{way}: {kills} kills from seed {first}"), &tally);
}

fn variable<T: FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

#[expect(clippy::print_stdout, reason = "what a long run is made for")]
fn report(title: &str, tally: &Tally) {
    println!("{title}");
    for ((outcome, entered), count) in &tally.0 {
        println!("{count:>10} {outcome:?}, {}", if *entered { "entered" } else { "not entered" });
    }
}

/// Starts a child, kills it at some moment, and compares what its callers were told with what it wrote down.
async fn kill_one(seed: u64, shared_memory: bool, tally: &mut Tally) -> Result<(), String> {
    let mut random = Random(seed);
    let book = tempfile::NamedTempFile::new().unwrap();
    let parent = Parent::new();
    let mut spec = ChildSpec::<Ledger>::new("ledger", Program::path(env!("CARGO_BIN_EXE_ledger")))
        .init(book.path().display().to_string())
        .on_message(|_, Confirm(number)| async move { Ok(number) })
        .shared_memory(shared_memory);
    if random.one_in(3) {
        spec = spec.arg("--multi-thread");
    }
    let child = within(parent.spawn(spec)).await.unwrap();
    let numbers = Arc::new(AtomicU64::new(1));
    let mut callers = JoinSet::new();
    let heavy = random.one_in(4);
    for _ in 0..CALLERS {
        callers.spawn(call_until_lost(child.clone(), Arc::clone(&numbers), Random(random.next()), heavy));
    }
    let killer = kill_later(&child, random);
    let ends: Vec<_> = within(callers.join_all()).await.into_iter().flatten().collect();
    killer.join().unwrap();
    within(child.wait()).await;
    compare(&ends, numbers.load(Ordering::Relaxed), &read(book.path()), tally)
}

/// A random moment is no wait for anything, so a thread may sleep up to it.
fn kill_later(child: &Child<Ledger>, mut random: Random) -> thread::JoinHandle<()> {
    let pid = Pid::from_raw(child.pid() as i32).unwrap();
    // A child that is stopped for a while lets the queues fill, and deadlines pass.
    let stalls = random.one_in(3);
    let late = random.one_in(8);
    thread::spawn(move || {
        let mut sleep = |most: u64| thread::sleep(Duration::from_micros(random.below(most)));
        sleep(if late { 20_000 } else { 3_000 });
        if stalls {
            kill_process(pid, Signal::STOP).unwrap();
            sleep(4_000);
            kill_process(pid, Signal::CONT).unwrap();
            sleep(1_000);
        }
        kill_process(pid, Signal::KILL).unwrap();
    })
}

/// Calls one after another, until the child has ended.
async fn call_until_lost(
    child: Child<Ledger>,
    numbers: Arc<AtomicU64>,
    mut random: Random,
    heavy: bool,
) -> Vec<(u64, Outcome)> {
    let mut ends = Vec::new();
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let length = match random.one_in(if heavy { 3 } else { 30 }) {
            true => 60_000 + random.below(300_000),
            false => random.below(300),
        };
        let task = Task { number, ballast: vec![7; length as usize].into() };
        let outcome = call(&child, task, &mut random).await;
        ends.push((number, outcome));
        if outcome.is_lost() {
            return ends;
        }
    }
}

async fn call(child: &Child<Ledger>, task: Task, random: &mut Random) -> Outcome {
    // A deadline or a token that most calls never see.
    let limit = match random.one_in(8) {
        true => Duration::from_micros(random.below(3_000)),
        false => crate::support::PATIENCE,
    };
    let token = CancellationToken::new();
    if random.one_in(8) {
        let (token, turns) = (token.clone(), random.below(100));
        tokio::spawn(async move {
            for _ in 0..turns {
                yield_now().await;
            }
            token.cancel();
        });
    }
    match random.below(5) {
        0 => child.request(AtOnce(task)).deadline(limit).cancel_on(token).await.into(),
        1 => child.request(Waiting(task)).deadline(limit).cancel_on(token).await.into(),
        2 => child.request(Computing(task)).deadline(limit).cancel_on(token).await.into(),
        3 => child.request(Asking(task)).deadline(limit).cancel_on(token).await.into(),
        _ => {
            let items = child.stream(Flowing(task)).deadline(limit).cancel_on(token);
            let items = items.try_collect::<Vec<_>>().await;
            assert!(items.as_ref().is_ok_and(|items| items.iter().copied().eq(0..FLOW)) || items.is_err());
            items.into()
        }
    }
}

/// The numbers the child wrote down, each with how often.
fn read(book: &Path) -> BTreeMap<u64, u64> {
    let bytes = fs::read(book).unwrap();
    let (entries, rest) = (bytes.chunks_exact(8), bytes.chunks_exact(8).remainder());
    assert!(rest.is_empty(), "half an entry");
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(u64::from_le_bytes(entry.try_into().unwrap())).or_default() += 1;
    }
    counts
}

fn compare(ends: &[(u64, Outcome)], next: u64, entries: &BTreeMap<u64, u64>, tally: &mut Tally) -> Result<(), String> {
    let mut ended: Vec<u64> = ends.iter().map(|(number, _)| *number).collect();
    ended.sort_unstable();
    if !ended.iter().copied().eq(1..next) {
        return Err(format!("of the calls 1 to {} not each ended once", next - 1));
    }
    if let Some((number, times)) = entries.iter().find(|(number, times)| **times != 1 || **number >= next) {
        return Err(format!("call {number} was entered {times} times, and {} were made", next - 1));
    }
    let mut about_to_enter = 0;
    for (number, outcome) in ends {
        let entered = entries.contains_key(number);
        *tally.0.entry((*outcome, entered)).or_default() += 1;
        if outcome.says_begun().is_some_and(|begun| begun != entered) {
            return Err(format!("call {number} ended as {outcome:?}, and its entry is there: {entered}"));
        }
        about_to_enter += usize::from(*outcome == Outcome::Exited(Delivery::Started) && !entered);
    }
    if about_to_enter > AT_ONCE {
        return Err(format!("{about_to_enter} handlers had begun without an entry, {AT_ONCE} may be at work"));
    }
    Ok(())
}

/// Xorshift: the same moments and sizes for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }
}
