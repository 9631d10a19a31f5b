//! A child that is frozen is told from one that is busy: the one is killed, the other never.

use std::fs;
use std::future::poll_fn;
use std::io::BufRead;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use kinfolk::Delivery;
use kinfolk::parent::{CallError, Child, ChildSpec, EndedBy, ExitStatus, Parent, Program, Why};
use kinfolk_tests::{Begin, Deed, Do, Drill, Echo, Nap};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use crate::support::{MUTE, PATIENCE, eventually, nest, signal, within, worker};

/// Short, so that the tests are.
const LIMIT: Duration = Duration::from_millis(600);
/// For a child that waits: so that no machine is too busy for it to answer.
const LONG: Duration = Duration::from_secs(4);

/// A parent with a child that is killed once it is frozen.
async fn judged(limit: Duration, shared_memory: bool) -> (Parent, Child<Drill>) {
    let parent = Parent::new();
    let spec = worker("judged", Begin::Well).frozen_after(Some(limit)).shared_memory(shared_memory);
    let child = within(parent.spawn(spec)).await.unwrap();
    (parent, child)
}

async fn stop(pid: u32) {
    signal(pid, Signal::STOP);
    eventually("it is stopped", || {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") T "))
    })
    .await;
}

/// True for a call that ended with a child that was killed because it was frozen.
fn is_frozen<T, E>(result: &Result<T, CallError<E>>, expected: Delivery) -> bool {
    let Err(CallError::Exited { delivery, report, .. }) = result else { return false };
    *delivery == expected && report.ended_by == EndedBy::Us(Why::Frozen)
}

#[tokio::test]
async fn a_stopped_child_is_killed_with_what_is_known_of_its_calls() {
    // Without shared memory there is no bell, and a stopped child is found all the same.
    for shared_memory in [true, false] {
        let (_parent, child) = judged(LIMIT, shared_memory).await;
        let mut begun = Box::pin(child.request(Nap(600_000)).into_future());
        assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut begun).poll(cx).is_pending())).await);
        within(child.request(Echo(1))).await.unwrap();
        stop(child.pid()).await;
        let sent = within(child.request(Echo(2))).await;
        assert!(is_frozen(&sent, Delivery::Sent), "{sent:?}");
        assert!(sent.unwrap_err().is_undelivered());
        let begun = within(begun).await;
        assert!(is_frozen(&begun, Delivery::Started), "{begun:?}");
        let report = within(child.wait()).await;
        assert!(report.uptime >= LIMIT && report.calls_in_flight == 2, "{report}");
        assert!(report.to_string().contains("it was frozen"), "{report}");
    }
}

#[tokio::test]
async fn a_child_that_does_not_answer_its_bell_is_killed_although_nothing_has_stopped_it() {
    let parent = Parent::new();
    let spec = ChildSpec::<Drill>::new("mute", Program::path(MUTE)).init(Begin::Well).frozen_after(Some(LIMIT));
    let child = within(parent.spawn(spec)).await.unwrap();
    let call = within(child.request(Echo(1))).await;
    assert!(is_frozen(&call, Delivery::Sent), "{call:?}");
}

#[tokio::test]
async fn a_child_that_computes_on_its_only_thread_is_not_touched() {
    for shared_memory in [true, false] {
        let (_parent, child) = judged(LIMIT, shared_memory).await;
        within(child.request(Do(Deed::Occupy(2_500)))).await.unwrap();
        assert_eq!(within(child.shutdown()).await.status, ExitStatus::Code(0));
    }
}

#[tokio::test]
async fn a_child_whose_handler_sleeps_is_not_touched() {
    let (one, two) = tokio::join!(judged(LONG, true), judged(LONG, false));
    let (nap, other) = tokio::join!(within(one.1.request(Nap(9_000))), within(two.1.request(Nap(9_000))));
    nap.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn an_idle_stopped_child_is_left_alone_until_it_is_called() {
    let (_parent, child) = judged(LIMIT, true).await;
    within(child.request(Echo(1))).await.unwrap();
    stop(child.pid()).await;
    assert!(timeout(4 * LIMIT, child.wait()).await.is_err(), "nobody called it");
    let called = within(child.request(Echo(2))).await;
    assert!(is_frozen(&called, Delivery::Sent), "{called:?}");
}

#[tokio::test]
async fn a_stopped_child_is_waited_for_unless_its_spec_says_otherwise() {
    let parent = Parent::new();
    let child = within(parent.spawn(worker("waited-for", Begin::Well))).await.unwrap();
    stop(child.pid()).await;
    let call = tokio::spawn(child.request(Echo(1)).into_future());
    assert!(timeout(4 * LIMIT, child.wait()).await.is_err());
    signal(child.pid(), Signal::CONT);
    assert_eq!(within(call).await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn a_child_that_answers_call_after_call_is_not_touched_until_it_stops() {
    let (_parent, child) = judged(LIMIT, true).await;
    let end = Instant::now() + 3 * LIMIT;
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        assert_eq!(within(child.request(Echo(number))).await.unwrap(), number);
    }
    stop(child.pid()).await;
    assert!(is_frozen(&within(child.request(Echo(0))).await, Delivery::Sent));
}

/// A parent that was stopped for longer than its limit finds its child as it left it.
#[tokio::test]
async fn a_stopped_parent_does_not_kill_its_busy_child() {
    let (mut parent, mut lines, _) = nest(&["judge", "600", "5000"]);
    stop(parent.id()).await;
    // Longer than the limit, which is what the test is about.
    sleep(4 * LIMIT).await;
    signal(parent.id(), Signal::CONT);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "answered\n");
    assert!(parent.wait().unwrap().success());
}

#[tokio::test]
async fn a_parent_that_was_stopped_with_its_child_does_not_judge_it() {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(outcome) = suspended().await {
            return assert_eq!(outcome, "answered\n");
        }
        assert!(Instant::now() < end, "this test is held up again and again");
    }
}

/// Stops parent and child, as when a container is suspended. The parent goes on first, and finds a child that is
/// stopped, and has not answered. What it makes of that; `None` if we were so late that it may have judged rightly.
async fn suspended() -> Option<String> {
    let (mut parent, mut lines, pids) = nest(&["judge", "4000", "10000"]);
    let called = Instant::now();
    stop(pids[0]).await;
    // It rings, and looks once more, before it is stopped itself.
    sleep(LONG * 5 / 8).await;
    stop(parent.id()).await;
    let mut in_time = called.elapsed() < LONG;
    sleep(LONG).await;
    let going_on = Instant::now();
    signal(parent.id(), Signal::CONT);
    // It has killed its child already, if it is wrong.
    let _ = kill_process(Pid::from_raw(pids[0] as i32).unwrap(), Signal::CONT);
    in_time &= going_on.elapsed() < LONG;
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    parent.wait().unwrap();
    in_time.then_some(line)
}
