//! What the tests have in common.

use std::fmt::Debug;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use kinfolk::parent::{Child, ChildEvent, ChildSpec, Parent, Program, Request, StartError, Stdio, WithInit};
use kinfolk::{Answered, Delivery, ErrorOf, Message, Reply};
use kinfolk_tests::parcels::{Luggage, Parcels};
use kinfolk_tests::relay::{Count, Counters, Opening, Relay};
use kinfolk_tests::{Begin, Drill};
use rustix::process::{Pid, Signal};
use serde_bytes::ByteBuf;

pub(crate) const WORKER: &str = env!("CARGO_BIN_EXE_worker");
pub(crate) const RAW: &str = env!("CARGO_BIN_EXE_raw");
pub(crate) const ASKER: &str = env!("CARGO_BIN_EXE_asker");
pub(crate) const BEARER: &str = env!("CARGO_BIN_EXE_bearer");

pub(crate) const FORGER: &str = env!("CARGO_BIN_EXE_forger");
pub(crate) const HAULER: &str = env!("CARGO_BIN_EXE_hauler");
pub(crate) const LABOURER: &str = env!("CARGO_BIN_EXE_labourer");
pub(crate) const MUTE: &str = env!("CARGO_BIN_EXE_mute");
pub(crate) const NEST: &str = env!("CARGO_BIN_EXE_nest");

/// Far beyond what a busy machine needs: it only keeps a broken test from hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) type Bearer = ChildSpec<Parcels, WithInit<Parcels>>;
pub(crate) type Spec = ChildSpec<Drill, WithInit<Drill>>;

pub(crate) fn worker(name: &str, begin: Begin) -> Spec {
    ChildSpec::<Drill>::new(name, Program::path(WORKER)).init(begin).stderr(Stdio::lines())
}

pub(crate) fn raw(fault: &str) -> Spec {
    ChildSpec::<Drill>::new("raw", Program::path(RAW)).arg(fault).init(Begin::Well).grace(Duration::from_millis(200))
}

/// A spec of a child that carries blobs and handles.
pub(crate) fn bearing(name: &str) -> Bearer {
    ChildSpec::<Parcels>::new(name, Program::path(BEARER)).init(Luggage::default()).stderr(Stdio::lines())
}

/// A parent with one child that behaves.
pub(crate) async fn one() -> (Parent, Child<Drill>) {
    let parent = Parent::new();
    let child = within(parent.spawn(worker("one", Begin::Well))).await.unwrap();
    (parent, child)
}

/// A spec of a child that streams, reports and asks back.
pub(crate) fn asker(name: &str) -> ChildSpec<Relay, WithInit<Relay>> {
    opening_with(name, Opening::Plain)
}

/// A spec of such a child that begins in another way.
pub(crate) fn opening_with(name: &str, opening: Opening) -> ChildSpec<Relay, WithInit<Relay>> {
    ChildSpec::<Relay>::new(name, Program::path(ASKER)).init(opening).stderr(Stdio::lines())
}

/// What the child has counted, once that is as it should be.
pub(crate) async fn counted(child: &Child<Relay>, what: &str, holds: impl Fn(&Count) -> bool) -> Count {
    let end = Instant::now() + PATIENCE;
    loop {
        let count = within(child.request(Counters())).await.unwrap();
        if holds(&count) {
            return count;
        }
        assert!(Instant::now() < end, "never came true: {what}: {count:?}");
        tokio::task::yield_now().await;
    }
}

/// Sends a child a signal.
pub(crate) fn signal(pid: u32, signal: Signal) {
    rustix::process::kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

/// Numbered bytes.
pub(crate) fn bytes(length: usize) -> ByteBuf {
    ByteBuf::from((0..length).map(|n| n as u8).collect::<Vec<_>>())
}

/// A start that fails, with its error and what all of its causes say.
pub(crate) async fn failing(spec: Spec) -> (StartError, String) {
    let parent = Parent::new();
    let error = within(parent.spawn(spec)).await.expect_err("the start was to fail");
    assert!(parent.children().is_empty(), "nothing of it may be left");
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    (error, text)
}

/// Gives up calls made by `call` until one whose handler had begun: one that had not never does.
pub(crate) async fn give_up_begun<M>(mut call: impl FnMut() -> Request<'static, M>)
where
    M: Message<Contract: Answered>,
    Reply<M>: Debug,
    ErrorOf<M>: Debug,
{
    let end = Instant::now() + PATIENCE;
    loop {
        let error = within(call().deadline(Duration::from_millis(50))).await.unwrap_err();
        assert!(error.is_deadline(), "{error:?}");
        if error.delivery() == Some(Delivery::Started) {
            return;
        }
        assert!(Instant::now() < end, "no handler ever begins");
    }
}

/// The output of a future that may take a while, but not for ever.
pub(crate) async fn within<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future.into_future()).await.expect("it hangs")
}

/// Waits until a condition holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// All events up to the end of the child, as words; messages and output are left out.
pub(crate) async fn life(events: impl Stream<Item = ChildEvent>) -> Vec<&'static str> {
    let words = events.filter_map(|event| async move {
        match event {
            ChildEvent::Spawned { .. } => Some("Spawned"),
            ChildEvent::Ready => Some("Ready"),
            ChildEvent::Disconnected(_) => Some("Disconnected"),
            ChildEvent::Exited(_) => Some("Exited"),
            _ => None,
        }
    });
    within(words.collect()).await
}

/// True if the process exists, as a zombie at least.
pub(crate) fn exists(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap_or(false)
}

/// The children of a process.
pub(crate) fn grandchildren(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()).collect()
}

/// A parent program, and its first line: the numbers it prints.
#[expect(clippy::disallowed_methods, reason = "the parents are programs here, started and killed from outside")]
pub(crate) fn nest(args: &[&str]) -> (process::Child, BufReader<process::ChildStdout>, Vec<u32>) {
    let mut process = process::Command::new(NEST).args(args).stdout(process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    let numbers = line.split_whitespace().map(|word| word.parse().unwrap_or_else(|_| panic!("{line}"))).collect();
    (process, lines, numbers)
}
