//! A child that behaves, unless it is told not to.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it prints when it is asked to")]
#![expect(clippy::disallowed_methods, reason = "it leaves processes behind when it is asked to")]

use std::fs;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kinfolk::Fault;
use kinfolk::child::{self, Cx, Job, Me, ParentHandle};
use kinfolk::parent::{ChildSpec, Parent, Program};
use kinfolk_tests::{
    AskFragile, Begin, Cancellations, Compute, Count, Deed, Denied, Describe, Description, Do, Drill, Echo, End,
    Farewell, Fragile, FragileCall, FragileNote, FragileTick, Grow, Nap, Slow, Tick, Trip, TripBlocking, When,
};
use serde_bytes::ByteBuf;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep;

struct State {
    at_start: Vec<(i32, String)>,
    cancelled: AtomicU64,
    end: mpsc::Sender<End>,
}

fn main() -> ExitCode {
    let at_start = descriptors();
    if std::env::args().any(|arg| arg == "--multi-thread") {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.expect("a runtime").block_on(child::enter(|me| worker(me, at_start)));
    }
    child::main(|me| worker(me, at_start))
}

async fn worker(me: Me<Drill>, at_start: Vec<(i32, String)>) -> child::Result {
    if *me.init() == Begin::Return {
        return Ok(());
    }
    begin(&me).await?;
    let parent = me.parent().clone();
    let (end, mut ends) = mpsc::channel(1);
    let state = State { at_start, cancelled: AtomicU64::new(0), end };
    let serving = me
        .state(state)
        .on_message(|_, Echo(number)| async move { Ok(number) })
        .on_message(grow)
        .on_message(nap)
        .on_blocking(compute)
        .on_message(|cx: Cx<Cancellations, State>, Cancellations()| async move {
            Ok(cx.state().cancelled.load(Ordering::SeqCst))
        })
        .on_message(act)
        .on_message(|cx: Cx<Count, State>, Count(number)| async move { tick(&cx.parent(), number).await })
        .on_message(|_, Slow(ms)| sleep(Duration::from_millis(ms)))
        .on_message(|_, FragileCall(_)| async move { Ok(()) })
        .on_message(|_, FragileNote(_)| async move {})
        .on_message(|_, AskFragile()| async move { Ok(Fragile { when: When::Encoded }) })
        .on_blocking(|_, TripBlocking()| panic!("tripped on a thread of its own"))
        .on_message(|_, Trip()| async move { panic!("tripped on purpose") })
        .on_message(|cx: Cx<Describe, State>, Describe()| async move { Ok(describe(&cx)) })
        .run();
    tokio::select! {
        result = serving => {
            result?;
            Ok(())
        }
        Some(end) = ends.recv() => finish(end, &parent).await,
    }
}

async fn begin(me: &Me<Drill>) -> Result<(), Fault> {
    match me.init() {
        Begin::Well | Begin::Bytes(_) | Begin::Return => {}
        Begin::Ticking(number) => tick(me.parent(), *number).await,
        Begin::Fail => {
            fs::read("/no/such/store").map_err(|error| Fault::from(error).context("opening the store"))?;
        }
        Begin::Panic => panic!("no store, no work"),
        Begin::Hang => std::future::pending().await,
        Begin::Exit => std::process::exit(9),
        Begin::Abort => std::process::abort(),
        Begin::Stubborn => {
            let mut terminations = signal(SignalKind::terminate())?;
            tokio::spawn(async move { while terminations.recv().await.is_some() {} });
        }
    }
    Ok(())
}

async fn finish(end: End, parent: &ParentHandle<Drill>) -> child::Result {
    match end {
        End::Return => {
            parent.send(Farewell("returning".into())).await?;
            Ok(())
        }
        End::Exit => std::process::exit(0),
        End::Panic => panic!("the end"),
    }
}

/// Sends ticks; a parent that is gone gets none.
async fn tick(parent: &ParentHandle<Drill>, number: u64) {
    for tick in 0..number {
        if parent.send(Tick(tick)).await.is_err() {
            return;
        }
    }
}

fn compute(job: &Job<Compute, State>, Compute(ms): Compute) -> Result<u64, Fault> {
    let end = Instant::now() + Duration::from_millis(ms);
    let mut rounds = 0_u64;
    while Instant::now() < end {
        if let Err(cancelled) = job.check() {
            job.state().cancelled.fetch_add(1, Ordering::SeqCst);
            clean_up(job, ms);
            return Err(cancelled.into());
        }
        rounds = rounds.wrapping_mul(31).wrapping_add(1);
    }
    Ok(rounds)
}

async fn grow(_: Cx<Grow, State>, Grow(mut bytes, more): Grow) -> Result<ByteBuf, Fault> {
    let length = bytes.len() + more as usize;
    bytes.resize(length, 7);
    Ok(bytes)
}

async fn nap(cx: Cx<Nap, State>, Nap(ms): Nap) -> Result<(), Fault> {
    let counting = CountIfDropped(Some(&cx.state().cancelled));
    sleep(Duration::from_millis(ms)).await;
    counting.done();
    Ok(())
}

/// Takes its time, and tells the parent when it is done, if the computation was of an odd length.
fn clean_up(job: &Job<Compute, State>, ms: u64) {
    if ms % 2 == 1 {
        thread::sleep(Duration::from_millis(100));
        drop(job.parent().try_send(Tick(ms)));
    }
}

/// Counts a handler that is dropped before it is done.
struct CountIfDropped<'a>(Option<&'a AtomicU64>);

impl CountIfDropped<'_> {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for CountIfDropped<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn occupy(ms: u64) {
    let end = Instant::now() + Duration::from_millis(ms);
    while Instant::now() < end {}
}

async fn be_parent() -> Result<String, Box<dyn std::error::Error>> {
    let parent = Parent::new();
    let spec = ChildSpec::<Drill>::new("grandchild", Program::sibling("worker")).init(Begin::Well);
    let child = parent.spawn(spec).await?;
    let answer = child.request(Echo(5)).await?;
    parent.shutdown().await;
    Ok(answer.to_string())
}

fn print_for_ever() {
    loop {
        println!("again and again");
    }
}

async fn act(cx: Cx<Do, State>, Do(deed): Do) -> Result<(), Denied> {
    match deed {
        Deed::Decline => return Err(Denied("not today".into())),
        Deed::Panic => panic!("panicked on purpose"),
        Deed::PanicElsewhere => {
            let thread = thread::Builder::new().name("elsewhere".into()).spawn(|| panic!("panicked elsewhere"));
            assert!(thread.is_ok_and(|thread| thread.join().is_err()));
        }
        Deed::Abort => std::process::abort(),
        Deed::Exit(code) => std::process::exit(code),
        Deed::TickThen(number, end) => {
            tick(&cx.parent(), number).await;
            cx.state().end.send(end).await.map_err(|error| Denied(error.to_string()))?;
        }
        Deed::Print { stdout, stderr } => {
            stdout.iter().for_each(|line| println!("{line}"));
            stderr.iter().for_each(|line| eprintln!("{line}"));
        }
        Deed::LeaveGroup => {
            let group = rustix::process::getppid().and_then(|parent| rustix::process::getpgid(Some(parent)).ok());
            rustix::process::setpgid(None, group).map_err(|error| Denied(error.to_string()))?;
        }
        Deed::SendFragile => {
            let fragile = FragileTick(Fragile { when: When::Decoded });
            cx.parent().send(fragile).await.map_err(|error| Denied(error.to_string()))?;
            tick(&cx.parent(), 1).await;
        }
        Deed::PrintForEver => drop(thread::spawn(print_for_ever)),
        Deed::PrintLines(number) => (0..number).for_each(|line| println!("{line}")),
        Deed::Occupy(ms) => occupy(ms),
        Deed::RunAgain => {
            let output = Command::new("/proc/self/exe").output().map_err(|error| Denied(error.to_string()))?;
            return Err(Denied(format!("{:?}", output.status.code())));
        }
        Deed::BeParent => return Err(Denied(be_parent().await.unwrap_or_else(|error| error.to_string()))),
        Deed::LeaveBehind { session } => leave_behind(session).map_err(|error| Denied(error.to_string()))?,
    }
    Ok(())
}

/// Starts a process that outlives this one.
fn leave_behind(session: bool) -> std::io::Result<()> {
    let mut command = Command::new(if session { "setsid" } else { "sleep" });
    if session {
        command.arg("sleep");
    }
    command.arg("60").spawn().map(drop)
}

fn describe(cx: &Cx<Describe, State>) -> Description {
    Description {
        args: std::env::args().collect(),
        env: std::env::vars().collect(),
        cwd: std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default(),
        link: cx.state().at_start.iter().find(|(fd, _)| *fd == 0).map(|(_, to)| to.clone()).unwrap_or_default(),
        at_start: cx.state().at_start.clone(),
        now: descriptors(),
    }
}

/// Open descriptors and what they lead to, but for the one that reads the list.
fn descriptors() -> Vec<(i32, String)> {
    let Ok(list) = fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let own = format!("/proc/{}/fd", std::process::id());
    let mut open: Vec<(i32, String)> = list
        .flatten()
        .filter_map(|entry| {
            let fd = entry.file_name().to_str()?.parse().ok()?;
            let to = fs::read_link(entry.path()).ok()?.display().to_string();
            (to != own).then_some((fd, to))
        })
        .collect();
    open.sort_unstable();
    open
}
