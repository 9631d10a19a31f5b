//! A call that is given up ends in the child too, by force if that is asked for, and nothing else does.

use std::time::Duration;

use kinfolk::parent::{CallError, Child, EndedBy, Parent, Why};
use kinfolk::{CancelMode, Delivery};
use kinfolk_tests::relay::{Counters, Grow, Relay, Toil, Wait};
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use crate::support::{asker, bytes, counted, signal, within};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(30);

async fn fresh() -> (Parent, Child<Relay>) {
    let parent = Parent::new();
    let child = within(parent.spawn(asker("given-up"))).await.unwrap();
    (parent, child)
}

/// A way to give a call up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Token,
    Deadline,
    Drop,
}

/// Starts a call and gives it up once its handler has begun. How it ended, unless it was dropped.
async fn give_up(child: &Child<Relay>, toil: Toil, mode: CancelMode, way: Way) -> Option<CallError<kinfolk::Fault>> {
    let before = within(child.request(Counters())).await.unwrap().begun;
    let token = CancellationToken::new();
    let mut request = child.request(toil).cancel_mode(mode).cancel_on(token.clone());
    if way == Way::Deadline {
        request = request.deadline(Duration::from_millis(300));
    }
    let call = tokio::spawn(request.into_future());
    if way != Way::Deadline {
        counted(child, "it has begun", |count| count.begun > before).await;
    }
    match way {
        Way::Token => token.cancel(),
        Way::Deadline => {}
        Way::Drop => call.abort(),
    }
    within(call).await.ok().map(Result::unwrap_err)
}

#[tokio::test]
async fn a_token_ends_a_call_at_once_and_its_handler_in_the_child() {
    let (_parent, child) = fresh().await;
    let error = give_up(&child, Toil { deaf: false }, CancelMode::Cooperative, Way::Token).await.unwrap();
    assert!(error.is_cancelled(), "{error:?}");
    assert_eq!(error.delivery(), Some(Delivery::Started));
    assert!(!error.is_undelivered());
    counted(&child, "it has left", |count| count.dropped == 1).await;

    let token = CancellationToken::new();
    token.cancel();
    let error = within(child.request(Wait()).cancel_on(token)).await.unwrap_err();
    assert!(error.is_cancelled(), "{error:?}");
    // A token that was cancelled before sends nothing, or cancels it in the child: either way nothing is left.
    counted(&child, "nothing is left", |count| count.begun == count.dropped).await;
}

#[tokio::test]
async fn a_computation_that_ignores_its_cancel_is_killed_with_its_child() {
    for way in [Way::Token, Way::Deadline, Way::Drop] {
        let (_parent, child) = fresh().await;
        let other = tokio::spawn(child.request(Wait()).into_future());
        counted(&child, "the other has begun", |count| count.begun == 1).await;
        let error = give_up(&child, Toil { deaf: true }, CancelMode::KillAfter(SHORT), way).await;
        match (way, &error) {
            (Way::Token, Some(CallError::Cancelled { .. })) => {}
            (Way::Deadline, Some(CallError::Deadline { .. })) => {}
            (Way::Drop, None) => {}
            _ => panic!("{way:?}: {error:?}"),
        }
        let report = within(child.wait()).await;
        assert_eq!(report.ended_by, EndedBy::Us(Why::CancelIgnored), "{way:?}: {report}");
        let lost = within(other).await.unwrap().unwrap_err();
        assert!(matches!(lost, CallError::Exited { delivery: Delivery::Started, .. }), "{way:?}: {lost:?}");
    }
}

#[tokio::test]
async fn a_computation_that_heeds_its_cancel_lives_on() {
    for way in [Way::Token, Way::Deadline, Way::Drop] {
        let (_parent, child) = fresh().await;
        give_up(&child, Toil { deaf: false }, CancelMode::KillAfter(LONG), way).await;
        counted(&child, "it has left", |count| count.dropped == 1).await;
        // A sentence that was not lifted would be carried out with the first of these.
        for _ in 0..3 {
            give_up(&child, Toil { deaf: false }, CancelMode::KillAfter(Duration::from_secs(20)), Way::Drop).await;
        }
        let count = counted(&child, "all have left", |count| count.dropped == 4).await;
        assert_eq!(count.begun, 4);
    }
}

/// Works for longer than `SHORT`, so that a sentence that stands is carried out meanwhile.
async fn outlives(child: &Child<Relay>, why: &str) {
    let error = within(child.request(Wait()).deadline(SHORT * 10)).await.unwrap_err();
    assert!(error.is_deadline(), "{why}: {error:?}");
    assert!(within(child.request(Counters())).await.is_ok(), "{why}");
}

#[tokio::test]
async fn a_forced_call_that_was_never_sent_kills_nobody() {
    let (_parent, child) = fresh().await;
    let mode = CancelMode::KillAfter(SHORT);
    drop(child.request(Wait()).cancel_mode(mode).into_future());
    let error = within(child.request(Wait()).cancel_mode(mode).deadline(Duration::ZERO)).await.unwrap_err();
    assert_eq!(error.delivery(), Some(Delivery::NotSent));
    outlives(&child, "never polled").await;

    // Beyond the child's limit: it waits here.
    let mut calls = Vec::new();
    for _ in 0..1_024 {
        let mut call = child.request(Wait()).into_future();
        assert!(futures::poll!(&mut call).is_pending());
        calls.push(call);
    }
    let error = within(child.request(Wait()).cancel_mode(mode).deadline(SHORT)).await.unwrap_err();
    assert_eq!(error.delivery(), Some(Delivery::NotSent));
    drop(calls);
    outlives(&child, "it waited for room").await;
}

#[tokio::test]
async fn a_forced_call_that_was_given_up_on_its_way_out_kills_nobody() {
    let (_parent, child) = fresh().await;
    // It reads nothing, so that long calls stay where they are: the first on its way, the last not begun.
    signal(child.pid(), Signal::STOP);
    let mut calls = Vec::new();
    for _ in 0..20 {
        let request = child.request(Grow(bytes(800_000), 0)).cancel_mode(CancelMode::KillAfter(SHORT));
        let mut call = request.into_future();
        assert!(futures::poll!(&mut call).is_pending());
        calls.push(call);
    }
    drop(calls);
    signal(child.pid(), Signal::CONT);
    outlives(&child, "half a call is none").await;
}

#[tokio::test]
async fn a_forced_call_that_is_dropped_with_its_answer_unread_kills_nobody() {
    let (_parent, child) = fresh().await;
    for _ in 0..5 {
        let request = child.request(Grow(bytes(10), 0)).cancel_mode(CancelMode::KillAfter(SHORT));
        let mut call = request.into_future();
        assert!(futures::poll!(&mut call).is_pending());
        // A later call is answered, so the one before it has been.
        within(child.request(Counters())).await.unwrap();
        drop(call);
    }
    outlives(&child, "it was answered").await;
}

#[tokio::test]
async fn a_call_that_is_given_up_while_others_wait_for_room_lets_them_in() {
    let (_parent, child) = fresh().await;
    signal(child.pid(), Signal::STOP);
    // Read in one go once it runs: the first answer fills the child's queue and is given up, the second waits for room.
    let mut first = child.request(Grow(bytes(10), 20 << 20)).into_future();
    let mut second = child.request(Grow(bytes(10), 1 << 20)).into_future();
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    signal(child.pid(), Signal::CONT);
    assert_eq!(within(second).await.unwrap().len(), (1 << 20) + 10);
}

#[tokio::test]
async fn a_call_that_is_given_up_does_not_take_the_wish_to_drain_with_it() {
    let parent = Parent::new();
    let child = within(parent.spawn(asker("draining").grace(LONG))).await.unwrap();
    signal(child.pid(), Signal::STOP);
    let mut call = child.request(Grow(bytes(8 << 20), 0)).into_future();
    assert!(futures::poll!(&mut call).is_pending());
    let ending = {
        let child = child.clone();
        tokio::spawn(async move { child.shutdown().await })
    };
    crate::support::eventually("it is draining", || !child.is_connected()).await;
    drop(call);
    signal(child.pid(), Signal::CONT);
    assert!(within(ending).await.unwrap().status.is_success());
}
