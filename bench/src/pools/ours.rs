//! kinfolk's pool.

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::{StreamExt, pin_mut, stream};
use kinfolk::child::{Job, Me};
use kinfolk::parent::{ChildSpec, Parent, Program};
use kinfolk::pool::Pool;
use kinfolk::{Bincode, Call, Fault, Message, Protocol, ToChild, Version};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use super::Run;
use super::work::{Task, hash};
use crate::contender::Contender;
use crate::measure::Pace;
use crate::memory::Memory;
use crate::peer::{Result, ensure};

const ROLE: &str = "bench-pool";

enum Hashing {}
impl Protocol for Hashing {
    const NAME: &'static str = "kinfolk-bench-pool";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// Hashed on a thread of its own, as the documentation says of what computes.
#[derive(Serialize, Deserialize)]
struct Hash(u64);
impl Message for Hash {
    type To = ToChild<Hashing>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Hash";
    const IDEMPOTENT: bool = true;
}

/// Hashed where the link is read.
#[derive(Serialize, Deserialize)]
struct HashAsync(u64);
impl Message for HashAsync {
    type To = ToChild<Hashing>;
    type Contract = Call<u64>;
    const NAME: &'static str = "HashAsync";
    const IDEMPOTENT: bool = true;
}

pub(super) fn child_main() -> Option<ExitCode> {
    (kinfolk::child::role().as_deref() == Some(ROLE)).then(|| kinfolk::child::main(worker))
}

async fn worker(me: Me<Hashing>) -> std::result::Result<(), Fault> {
    me.on_blocking(|_: &Job<Hash>, Hash(bytes): Hash| Ok(hash(bytes)))
        .on_message(|_, HashAsync(bytes): HashAsync| async move { Ok(hash(bytes)) })
        .concurrency(1)
        .run()
        .await
}

pub(super) fn run(contender: Contender, workers: usize, task: Task, pace: &Pace) -> Result<Run> {
    let ahead = if contender == Contender::Pool { 1 } else { 2 };
    runtime(contender)?.block_on(async {
        let parent = Parent::new();
        let spec = |_| ChildSpec::<Hashing>::new(ROLE, Program::current_exe(ROLE));
        let pool = parent.pool(spec).size(workers).concurrency(ahead).await?;
        let run = match contender {
            Contender::PoolAsync => measured(&pool, || HashAsync(task.bytes), task, pace).await,
            _ => measured(&pool, || Hash(task.bytes), task, pace).await,
        };
        pool.shutdown().await;
        parent.shutdown().await;
        run
    })
}

fn runtime(contender: Contender) -> std::io::Result<Runtime> {
    match contender {
        Contender::PoolThreads => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        _ => Builder::new_current_thread().enable_all().build(),
    }
}

async fn measured<M>(pool: &Pool<Hashing>, make: impl Fn() -> M + Sync, task: Task, pace: &Pace) -> Result<Run>
where
    M: Message<To = ToChild<Hashing>, Contract = Call<u64>>,
{
    let expected = task.answer();
    work(pool, &make, expected, pace.warm_up).await?;
    let pids: Vec<_> = pool.children().iter().map(kinfolk::parent::Child::pid).collect();
    let used = || (own_time(), pids.iter().map(|pid| time_of(*pid)).sum::<Duration>());
    let ((own, theirs), start) = (used(), Instant::now());
    let tasks = work(pool, &make, expected, pace.duration).await? as f64;
    let took = start.elapsed();
    let (own_now, theirs_now) = used();
    let each = |time: Duration| Some(time.as_secs_f64() * 1e6 / tasks);
    tokio::time::sleep(pace.idle).await;
    let memory = pids.iter().map(|pid| Memory::of(*pid)).collect::<std::io::Result<_>>()?;
    let (parent_us, workers_us) = (each(own_now - own), each(theirs_now.saturating_sub(theirs)));
    Ok(Run { rate: tasks / took.as_secs_f64(), parent_us, workers_us, memory })
}

/// Does tasks for so long, and says how many.
async fn work<M>(pool: &Pool<Hashing>, make: impl Fn() -> M + Sync, expected: u64, duration: Duration) -> Result<u64>
where
    M: Message<To = ToChild<Hashing>, Contract = Call<u64>>,
{
    let end = Instant::now() + duration;
    let tasks = stream::iter(std::iter::from_fn(|| (Instant::now() < end).then(&make)));
    let answers = pool.map_unordered(tasks);
    pin_mut!(answers);
    let mut done = 0;
    while let Some(answer) = answers.next().await {
        ensure(answer? == expected, "a child hashed something else")?;
        done += 1;
    }
    Ok(done)
}

/// Processor time of all threads of this process.
fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Processor time of all threads of a child that lives. None where the kernel does not count it.
fn time_of(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanos = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}
