//! A deadline travels with its call, to whoever is asked on its behalf, and ends it here whatever happens there.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use kinfolk::parent::{CallError, Child, Cx, Parent};
use kinfolk::{Delivery, Fault};
use kinfolk_tests::relay::{Ask, Counters, Grow, Left, Pieces, Question, Relay, Wait};
use rustix::process::Signal;

use futures::StreamExt;

use crate::support::{asker, bytes, counted, signal, within};

const LIMIT: Duration = Duration::from_secs(500);

/// A child whose parent tells how much time its handler has, in microseconds.
async fn telling() -> (Parent, Child<Relay>) {
    let parent = Parent::new();
    let spec = asker("asking").on_message(|cx: Cx<Left>, Left()| async move {
        let left = cx.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        Ok::<_, Fault>(left.map(|left| left.as_micros() as u64))
    });
    let child = within(parent.spawn(spec)).await.unwrap();
    (parent, child)
}

fn check(words: &str, limit: Duration, whose: &str) {
    let left = words.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')'));
    let left = Duration::from_micros(left.unwrap_or_else(|| panic!("{whose}: {words}")).parse().unwrap());
    assert!(left <= limit, "{whose}: {left:?} is more than its caller has");
    assert!(left > limit.saturating_sub(crate::support::PATIENCE), "{whose}: {left:?} of {limit:?}");
}

#[tokio::test]
async fn a_deadline_reaches_the_handler_its_upcalls_and_its_own_children() {
    let (_parent, child) = telling().await;
    for question in [Question::OwnLeft, Question::Left, Question::GrandchildLeft] {
        let words = within(child.request(Ask(question)).deadline(LIMIT)).await.unwrap();
        check(&words, LIMIT, &format!("{question:?}"));
        let words = within(child.request(Ask(question))).await.unwrap();
        assert_eq!(words, "None", "{question:?}: without a deadline there is none");
    }
}

#[tokio::test]
async fn within_a_handler_the_earlier_deadline_holds() {
    let parent = Parent::new();
    let helper = within(parent.spawn(asker("helper"))).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (own, asked) = (helper.clone(), Arc::clone(&seen));
    // The parent's handler asks another child, with a deadline later, earlier, and none of its own.
    let spec = asker("asking").on_message(move |_, Left()| {
        let (helper, seen) = (own.clone(), Arc::clone(&asked));
        async move {
            for limit in [Some(LIMIT * 2), Some(LIMIT / 2), None] {
                let request = helper.request(Ask(Question::OwnLeft));
                let request = if let Some(limit) = limit { request.deadline(limit) } else { request };
                let words = request.await.map_err(|error| Fault::new(error.to_string()))?;
                seen.lock().unwrap().push(words);
            }
            Ok(None)
        }
    });
    let child = within(parent.spawn(spec)).await.unwrap();
    within(child.request(Ask(Question::Left)).deadline(LIMIT)).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    for (words, limit) in seen.iter().zip([LIMIT, LIMIT / 2, LIMIT]) {
        check(words, limit, "the helper");
    }
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn a_deadline_ends_a_call_to_a_stopped_child_and_says_how_far_it_came() {
    let (_parent, child) = telling().await;
    let limit = Duration::from_millis(50);
    // Begun, then stopped.
    let begun = tokio::spawn(child.request(Wait()).deadline(Duration::from_secs(2)).into_future());
    counted(&child, "it has begun", |count| count.begun == 1).await;
    signal(child.pid(), Signal::STOP);
    let error = within(begun).await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Deadline { delivery: Delivery::Started, .. }), "{error:?}");
    assert!(!error.is_undelivered());

    // Small enough to leave, although nobody reads.
    let error = within(child.request(Wait()).deadline(limit)).await.unwrap_err();
    assert!(matches!(error, CallError::Deadline { delivery: Delivery::Sent, .. }), "{error:?}");
    assert!(error.is_undelivered());
    let mut stream = child.stream(Pieces { count: 1, sizes: vec![], blocking: false, decline: false }).deadline(limit);
    let error = within(stream.next()).await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Deadline { delivery: Delivery::Sent, .. }), "{error:?}");
    assert!(within(stream.next()).await.is_none());

    // Too large for the socket.
    let error = within(child.request(Grow(bytes(8 << 20), 0)).deadline(limit)).await.unwrap_err();
    assert!(matches!(error, CallError::Deadline { delivery: Delivery::NotSent, .. }), "{error:?}");
    signal(child.pid(), Signal::CONT);
    let count = counted(&child, "what was begun is dropped", |count| count.dropped >= 1).await;
    assert_eq!(within(child.request(Counters())).await.unwrap().begun, count.begun);
    assert_eq!(within(child.request(Grow(bytes(100_000), 0))).await.unwrap(), bytes(100_000));
}

#[tokio::test]
async fn a_call_whose_deadline_passes_while_it_waits_for_room_is_never_sent() {
    let (_parent, child) = telling().await;
    let mut calls = Vec::new();
    for _ in 0..1_024 {
        let mut call = child.request(Wait()).into_future();
        assert!(futures::poll!(&mut call).is_pending());
        calls.push(call);
    }
    let error = within(child.request(Wait()).deadline(Duration::from_millis(50))).await.unwrap_err();
    assert_eq!(error.delivery(), Some(Delivery::NotSent), "{error:?}");
    drop(calls);
    counted(&child, "nothing is left", |count| count.begun == count.dropped).await;
}
