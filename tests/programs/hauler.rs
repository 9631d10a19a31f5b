//! A parent program that sends blobs and handles to and fro, and looks whether anything of them is left.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it reports on stdout")]

use std::error::Error;
use std::fs::File;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use kinfolk::parent::{Child, ChildEvent, ChildSpec, Events, Parent, Program, WithInit};
use kinfolk::{Blob, BlobBuilder, Handle, Limits};
use kinfolk_tests::bearer::restrict;
use kinfolk_tests::parcels::{
    Churn, Clog, Echo, Files, Forget, Hand, Handed, Hang, Keep, KeepHandle, KeepMore, Luggage, Make, Mirror, Number,
    Panic, Parcels, Plant, Post, Posted, PutAsCall, ReadAll, ReadSocket, Reflect, Spread, Tree, file, holdings,
    pattern,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How often each is done: what leaks once each time shows.
const TIMES: u64 = 60;
/// What may be there besides: memory is kept to be used again.
const SLACK: usize = 12;
/// Far beyond what a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run())) {
        Ok(()) => {
            println!("nothing is left");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome<()> {
    let what = std::env::args().nth(1).unwrap_or_default();
    match what.strip_prefix("killed:") {
        Some(when) => with_children(when).await,
        None if what == "scarce" => scarce().await,
        None => with_child(&what).await,
    }
}

/// With no descriptors left for what comes, here and not in the child.
async fn scarce() -> Outcome<()> {
    let parent = Parent::new();
    let child = parent.spawn(bearer("bearer")).await?;
    for round in 0..3 {
        restrict(10)?;
        for what in [child.request(Files(20)).await.err(), child.request(Files(64)).await.err()] {
            let text = what.ok_or("it was to fail")?.to_string();
            if !text.contains("this process has as many files open as it may") {
                return Err(text.into());
            }
        }
        child.request(Files(3)).await?;
        restrict(0)?;
        failed(child.request(Make(100_000 << round, 1, false)).await)?;
        failed(child.request(Make(300_000, 1, true)).await)?;
        failed(child.request(Files(1)).await)?;
        // What is sent needs one as well: there is another way for blobs, and an error for handles.
        let blob = pattern(round, 150_000 << round);
        if child.request(Keep(blob)).await? != round + 1 {
            return Err("it was kept".into());
        }
        restrict(30)?;
        let made = child.request(Make(100_000 << round, 1, false)).await?;
        if made[0] != pattern(0, 100_000 << round) || child.request(Files(20)).await?.len() != 20 {
            return Err("not what was made".into());
        }
    }
    Ok(())
}

fn bearer(name: &str) -> ChildSpec<Parcels, WithInit<Parcels>> {
    let spec = ChildSpec::<Parcels>::new(name, Program::sibling("bearer"));
    spec.init(Luggage::default()).on_message(|_, Mirror(blob)| async move { Ok(blob) })
}

/// Does the same with one child again and again.
async fn with_child(what: &str) -> Outcome<()> {
    let parent = Parent::new();
    let spec = bearer("bearer").limits(Limits::default().max_message(256 * 1024).blob_bytes(4 << 20));
    let child = parent.spawn(if what == "trusted" { spec.trusted() } else { spec }).await?;
    let mut events = child.events();
    let mut before = [(0, 0); 2];
    for round in 0..TIMES {
        if round == 5 {
            child.request(Number(0)).await?;
            before = held(&child)?;
        }
        once(what, &child, &mut events, round).await?;
    }
    let end = Instant::now() + PATIENCE;
    loop {
        // Answered behind everything that is given back.
        child.request(Number(0)).await?;
        let after = held(&child)?;
        let fits = |(before, after): (&(usize, usize), &(usize, usize))| {
            after.0 <= before.0 + SLACK && after.1 <= before.1 + SLACK
        };
        if before.iter().zip(&after).all(fits) {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(format!("descriptors and mappings here and there: {before:?}, in the end {after:?}").into());
        }
    }
}

fn held(child: &Child<Parcels>) -> Outcome<[(usize, usize); 2]> {
    Ok([holdings(std::process::id())?, holdings(child.pid())?])
}

fn sealed(length: usize) -> Outcome<Blob> {
    Ok(BlobBuilder::zeroed(length)?.finish()?)
}

fn blobs() -> Outcome<Vec<Blob>> {
    Ok(vec![pattern(1, 9_000), pattern(2, 100_000), sealed(300_000)?, pattern(3, 70_000)])
}

fn handle() -> Outcome<Handle<File>> {
    Ok(file("text")?.into())
}

/// One round, whose calls end as they are to.
async fn once(what: &str, child: &Child<Parcels>, events: &mut Events, round: u64) -> Outcome<()> {
    match what {
        "dropped" | "trusted" => {
            child.request(Echo(blobs()?)).await?;
            child.request(Make(300_000, 3, true)).await?;
            child.request(Files(20)).await?;
            child.request(ReadAll((0..20).map(|_| handle()).collect::<Outcome<_>>()?)).await?;
            child.request(Reflect(pattern(1, 100_000))).await?;
            child.stream(Spread(blobs()?, false)).collect::<Vec<_>>().await;
            failed(child.request(Plant(Tree::Many(blobs()?.into_iter().map(Tree::Leaf).collect()), false)).await)?;
        }
        "kept" => {
            child.request(Keep(pattern(round, 100_000))).await?;
            child.request(Keep(sealed(300_000)?)).await?;
            child.request(Forget()).await?;
        }
        "cancelled" => cancelled(child).await?,
        "late" => {
            for blob in blobs()? {
                let hang = child.request(Hang(blob, Some(handle()?)));
                failed(hang.deadline(Duration::from_millis(1)).await)?;
            }
        }
        "panics" => {
            for blob in blobs()? {
                failed(child.request(Panic(blob, Some(handle()?))).await)?;
            }
        }
        "refused" => refused(child).await?,
        "unread" => unread(child, events, round).await?,
        _ => return Err("no such thing".into()),
    }
    Ok(())
}

fn failed<T, E>(result: Result<T, E>) -> Outcome<()> {
    result.err().map(drop).ok_or_else(|| "it was to fail".into())
}

/// Given up before they leave, on their way, and at work.
async fn cancelled(child: &Child<Parcels>) -> Outcome<()> {
    let mut hanging = Vec::new();
    for length in [9_000, 40_000, 100_000, 2_000_000] {
        for blob in [pattern(1, length), sealed(300_000)?] {
            hanging.push(child.request(Hang(blob, Some(handle()?))).into_future());
        }
    }
    let never_polled = child.request(Hang(pattern(1, 100_000), Some(handle()?))).into_future();
    drop(never_polled);
    for (number, call) in hanging.iter_mut().enumerate() {
        if call.now_or_never().is_some() {
            return Err("it was never to be answered".into());
        }
        if number % 3 == 0 {
            child.request(Number(1)).await?;
        }
    }
    Ok(())
}

/// What fails to decode, has no handler, takes along too much, or is too long.
async fn refused(child: &Child<Parcels>) -> Outcome<()> {
    failed(child.request(KeepHandle(handle()?)).await)?;
    failed(child.request(KeepMore(pattern(1, 100_000), blobs()?, vec![handle()?])).await)?;
    failed(child.request(ReadSocket(std::net::UdpSocket::bind("127.0.0.1:0")?.into())).await)?;
    failed(child.request(PutAsCall(sealed(300_000)?, handle()?)).await)?;
    failed(child.request(Echo(vec![pattern(1, 70_000); 65])).await)?;
    failed(child.request(ReadAll((0..65).map(|_| handle()).collect::<Outcome<_>>()?)).await)?;
    // The reply is within the parent's limits only as far as it is lent.
    failed(child.request(Make(400_000, 20, true)).await)?;
    Ok(())
}

/// Messages that come as events: decoded never, once, or twice.
async fn unread(child: &Child<Parcels>, events: &mut Events, round: u64) -> Outcome<()> {
    child.send(Post(pattern(1, 100_000))).await?;
    child.send(Post(pattern(2, 30_000))).await?;
    child.send(Hand(round, handle()?)).await?;
    for _ in 0..3 {
        let message = loop {
            if let Some(ChildEvent::Message(message)) = events.next().await {
                break message;
            }
        };
        for _ in 0..round % 3 {
            message.decode::<Posted>().transpose()?;
            message.decode::<Handed>().transpose()?;
        }
    }
    Ok(())
}

/// Starts children, and ends each while it has, or sends, or is sent something.
async fn with_children(when: &str) -> Outcome<()> {
    let mut before = (0, 0);
    for round in 0..12 {
        if round == 2 {
            before = holdings(std::process::id())?;
        }
        let parent = Parent::new();
        let child = parent.spawn(bearer("bearer")).await?;
        let kept = with_one(when, &child, round).await?;
        if when == "dropped" {
            drop(parent);
        } else {
            child.kill().await;
        }
        drop((child, kept));
    }
    let end = Instant::now() + PATIENCE;
    while holdings(std::process::id())? != before {
        if Instant::now() > end {
            let after = holdings(std::process::id())?;
            return Err(format!("descriptors and mappings: {before:?}, in the end {after:?}").into());
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// What is done with a child before its end. What comes back is kept beyond it.
async fn with_one(when: &str, child: &Child<Parcels>, round: u64) -> Outcome<Vec<Blob>> {
    match when {
        "holding" | "dropped" => {
            for blob in blobs()? {
                child.request(Keep(blob)).await?;
            }
            let mut hang = child.request(Hang(pattern(1, 100_000), Some(handle()?))).into_future();
            let _ = (&mut hang).now_or_never();
            Ok(child.request(Make(300_000, 2, round % 2 == 0)).await?)
        }
        "full" => {
            while child.try_send(Clog(pattern(1, 70_000 + round as usize * 30_000))).is_ok() {}
            Ok(Vec::new())
        }
        // While everything flies in both directions.
        "any-time" => {
            child.send(Churn()).await?;
            let echo = |number: u64| child.request(Echo(vec![pattern(number, 9_000 << (number % 6))])).into_future();
            let mut first: Vec<_> = (0..40).map(|number| tokio::spawn(echo(number))).collect();
            let files: Vec<_> = (0..20).map(|_| tokio::spawn(child.request(Files(5)).into_future())).collect();
            let rest = first.split_off((round * 7 % 30) as usize);
            let answers = join_all(first).await;
            signal_kill(child)?;
            drop((join_all(rest).await, join_all(files).await));
            let answers = answers.into_iter().flatten().flatten().flatten();
            Ok(answers.collect())
        }
        _ => Err("no such thing".into()),
    }
}

/// Without a word to its handle.
fn signal_kill(child: &Child<Parcels>) -> Outcome<()> {
    let pid = rustix::process::Pid::from_raw(child.pid() as i32).ok_or("it has no number")?;
    Ok(rustix::process::kill_process(pid, rustix::process::Signal::KILL)?)
}
