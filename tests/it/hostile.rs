//! A child that breaks the protocol ends, and nobody else notices.

use kinfolk::Misbehaviour;
use kinfolk::parent::{ChildEvent, Disconnected, EndedBy, Parent, StartError, Why};
use kinfolk_tests::{Begin, Echo};

use crate::support::{failing, raw, within, worker};

use futures::StreamExt;

/// Starts a child that breaks the protocol once it is ready, beside one that behaves.
async fn caught(fault: &str) -> Misbehaviour {
    let parent = Parent::new();
    let good = within(parent.spawn(worker("good", Begin::Well))).await.unwrap();
    let child = within(parent.spawn(raw(fault))).await.unwrap();
    let mut events = child.events();
    let call = tokio::spawn(child.request(Echo(1)).into_future());
    let misbehaviour = loop {
        match within(events.next()).await.expect("it ends with `Exited`") {
            ChildEvent::Disconnected(Disconnected::Misbehaved(misbehaviour)) => break misbehaviour,
            ChildEvent::Disconnected(other) => panic!("{fault}: {other:?}"),
            _ => {}
        }
    };
    // Its call has ended by then, one way or the other.
    let _ = within(call).await.unwrap();
    assert_eq!(within(child.wait()).await.ended_by, EndedBy::Us(Why::Misbehaved), "{fault}");
    assert_eq!(within(good.request(Echo(5))).await.unwrap(), 5, "{fault}: nobody else notices");
    misbehaviour
}

#[tokio::test]
async fn a_child_that_was_refused_or_has_failed_cannot_become_ready() {
    let (error, text) = failing(raw("refused-and-ready")).await;
    assert!(matches!(error, StartError::Refused { .. }), "{text}");
    let (error, text) = failing(raw("failed-and-ready")).await;
    assert!(matches!(error, StartError::InitFailed { .. }), "{text}");
}

#[tokio::test]
async fn every_breach_is_caught_and_named() {
    for (fault, words) in [
        ("flood", "beyond the 1024 messages"),
        ("garbage-later", "unknown kind 0xff"),
        ("oversize", "the limit `max_message` is 134217728"),
        ("unknown-call", "answered call 77.0, which was never made"),
        ("credit", "credit for 9 messages"),
        ("ready-twice", "a Ready frame twice"),
        ("drain-parent", "a Drain frame although"),
        ("unknown-item", "answered call 77.0, which was never made"),
        ("unknown-chunk", "a chunk of a long payload 5, which was not announced"),
        ("chunk-beyond", "a chunk of 11 bytes of a payload that lacks only 10"),
        ("chunk-after-end", "a chunk of 2 bytes of a payload that lacks only 1"),
        ("abandoned-with-bytes", "a chunk of 1 bytes that gives its payload up"),
        ("many-long", "more than 16 long payloads at once"),
        ("long-credit", "a Credit frame with unknown flags"),
        ("long-oversize", "the limit `max_message` is 134217728"),
        ("not-cut", "65537 bytes in one piece"),
        ("call-beyond", "it made call 1024.1, beyond the 1024"),
        ("call-twice", "it made call 3.1 twice"),
        ("definition-twice", "a Definition frame twice for a type"),
        ("bad-context", "Call"),
        ("item-credit", "credit for"),
    ] {
        let text = caught(fault).await.to_string();
        assert!(text.contains(words), "{fault}: {text}");
    }
}

#[tokio::test]
async fn a_child_that_answers_without_end_holds_up_nobody() {
    let parent = Parent::new();
    let good = within(parent.spawn(worker("good", Begin::Well))).await.unwrap();
    let child = within(parent.spawn(raw("late-answers"))).await.unwrap();
    assert_eq!(within(child.request(Echo(1))).await.unwrap(), 1);
    for number in 0..100 {
        assert_eq!(within(good.request(Echo(number))).await.unwrap(), number);
    }
    assert_eq!(within(child.kill()).await.ended_by, EndedBy::Us(Why::Killed));
}

#[tokio::test]
async fn a_child_that_never_reads_fills_its_own_queue_only() {
    let parent = Parent::new();
    let good = within(parent.spawn(worker("good", Begin::Well))).await.unwrap();
    let child = within(parent.spawn(raw("never-read"))).await.unwrap();
    let calls: Vec<_> = (0..2_000).map(|_| tokio::spawn(child.request(Echo(1)).into_future())).collect();
    let mut sent = 0;
    while child.try_send(kinfolk_tests::Count(1)).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 1_024, "the window, and no more");
    assert_eq!(within(good.request(Echo(7))).await.unwrap(), 7);
    let report = within(child.shutdown()).await;
    assert_eq!(report.ended_by, EndedBy::Us(Why::Shutdown), "{report}");
    for call in calls {
        assert!(within(call).await.unwrap().unwrap_err().is_lost());
    }
}

#[tokio::test]
async fn a_child_that_sends_items_without_credit_ends() {
    let parent = Parent::new();
    let child = within(parent.spawn(raw("items-without-credit"))).await.unwrap();
    let mut call = child.request(Echo(1)).on_progress(|never| match never {}).into_future();
    // Sent, and then not read from.
    assert!(futures::poll!(&mut call).is_pending());
    assert_eq!(within(child.wait()).await.ended_by, EndedBy::Us(Why::Misbehaved));
    let said = within(
        child
            .events()
            .filter_map(|event| async move {
                match event {
                    ChildEvent::Disconnected(Disconnected::Misbehaved(misbehaviour)) => Some(misbehaviour.to_string()),
                    _ => None,
                }
            })
            .collect::<Vec<_>>(),
    )
    .await;
    assert!(said[0].contains("beyond the 64 items or 1048576 bytes it has credit for"), "{said:?}");
}

#[tokio::test]
async fn what_means_nothing_harms_nothing() {
    let parent = Parent::new();
    let child = within(parent.spawn(raw("meaningless"))).await.unwrap();
    assert_eq!(within(child.request(Echo(0))).await.unwrap(), 1);
    for _ in 0..20 {
        assert_eq!(within(child.request(Echo(0))).await.unwrap(), 3);
    }
    assert!(child.is_connected());
}

#[tokio::test]
async fn a_long_payload_that_never_gets_further_holds_up_nobody() {
    let parent = Parent::new();
    let good = within(parent.spawn(worker("good", Begin::Well))).await.unwrap();
    let child = within(parent.spawn(raw("empty-chunks"))).await.unwrap();
    let call = tokio::spawn(child.request(Echo(1)).into_future());
    for number in 0..100 {
        assert_eq!(within(good.request(Echo(number))).await.unwrap(), number);
    }
    assert_eq!(within(child.kill()).await.ended_by, EndedBy::Us(Why::Killed));
    assert!(within(call).await.unwrap().unwrap_err().is_lost());
}
