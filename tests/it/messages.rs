//! One-way messages: none is lost, all are in order, and every queue is bounded.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kinfolk::parent::{ChildEvent, ExitStatus, Parent};
use kinfolk::{Failure, Limits, SendCause};
use kinfolk_tests::{
    Begin, Count, Deed, Do, Drill, Echo, End, Farewell, Fragile, FragileNote, FragileTick, Ignored, Slow, Tick, Trip,
    When,
};

use crate::support::{Spec, eventually, one, within, worker};

/// A spec that collects ticks.
fn collecting(name: &str, begin: Begin) -> (Spec, Arc<Mutex<Vec<u64>>>) {
    let ticks = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&ticks);
    let spec = worker(name, begin).on_message(move |_, Tick(number)| {
        let seen = Arc::clone(&seen);
        async move { seen.lock().unwrap().push(number) }
    });
    (spec, ticks)
}

fn in_order(number: u64) -> Vec<u64> {
    (0..number).collect()
}

#[tokio::test]
async fn messages_arrive_in_order_also_those_of_the_initialization() {
    let parent = Parent::new();
    let (spec, ticks) = collecting("ticking", Begin::Ticking(3_000));
    let child = within(parent.spawn(spec)).await.unwrap();
    eventually("all ticks of the initialization", || ticks.lock().unwrap().len() == 3_000).await;
    child.send(Count(2_000)).await.unwrap();
    eventually("all ticks", || ticks.lock().unwrap().len() == 5_000).await;
    let seen = ticks.lock().unwrap().clone();
    assert_eq!((&seen[..3_000], &seen[3_000..]), (&in_order(3_000)[..], &in_order(2_000)[..]));
}

#[tokio::test]
async fn a_thousand_messages_arrive_however_the_child_ends() {
    for end in [End::Return, End::Exit, End::Panic] {
        let parent = Parent::new();
        let (spec, ticks) = collecting("ending", Begin::Well);
        let child = within(parent.spawn(spec)).await.unwrap();
        let _ = within(child.request(Do(Deed::TickThen(1_000, end)))).await;
        let report = within(child.wait()).await;
        assert_eq!(*ticks.lock().unwrap(), in_order(1_000), "{end:?}: {report}");
        let code = if end == End::Panic { 101 } else { 0 };
        assert_eq!(report.status, ExitStatus::Code(code), "{end:?}");
        assert_eq!(report.panic.is_some(), end == End::Panic);
    }
}

#[tokio::test]
async fn what_is_sent_while_leaving_comes_before_the_end_of_the_link() {
    let (_parent, child) = one().await;
    let events = child.events();
    let _ = within(child.request(Do(Deed::TickThen(0, End::Return)))).await;
    let words: Vec<String> = within(
        events
            .filter_map(|event| async move {
                match event {
                    ChildEvent::Message(message) => Some(message.decode::<Farewell>()?.ok()?.0),
                    ChildEvent::Disconnected(_) => Some("disconnected".into()),
                    ChildEvent::Exited(_) => Some("exited".into()),
                    _ => None,
                }
            })
            .collect(),
    )
    .await;
    assert_eq!(words, ["returning", "disconnected", "exited"]);
}

#[tokio::test]
async fn messages_without_a_handler_wait_for_a_reader_within_the_credits() {
    let (_parent, child) = one().await;
    // Many more than the window: the child waits until somebody reads.
    child.send(Count(5_000)).await.unwrap();
    let mut events = child.events();
    let mut next = 0;
    while next < 5_000 {
        if let ChildEvent::Message(message) = within(events.next()).await.unwrap() {
            assert_eq!(message.decode::<Tick>().unwrap().unwrap(), Tick(next));
            next += 1;
        }
    }
}

#[tokio::test]
async fn a_child_that_takes_nothing_makes_its_sender_wait_and_try_send_gives_back() {
    let (_parent, child) = one().await;
    child.send(Slow(600_000)).await.unwrap();
    let mut sent = 1;
    let refused = loop {
        match child.try_send(Count(0)) {
            Ok(()) => sent += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!((refused.cause, refused.message), (SendCause::Full, Count(0)));
    assert_eq!(sent, Limits::default().window);
    let waiting = tokio::spawn(child.send(Count(0)));
    // Calls are not held up by messages.
    assert_eq!(within(child.request(Echo(1))).await.unwrap(), 1);
    assert!(!waiting.is_finished());
    let report = within(child.kill()).await;
    let untaken: usize = report.untaken.iter().map(|untaken| untaken.count).sum();
    assert_eq!(untaken as u32, sent, "what was accepted and not confirmed is counted: {:?}", report.untaken);
    let refused = within(waiting).await.unwrap().unwrap_err();
    assert_eq!(refused.cause, SendCause::Disconnected);
}

#[tokio::test]
async fn a_panicking_one_way_handler_is_told_and_the_next_message_handled() {
    let parent = Parent::new();
    let (spec, ticks) = collecting("tripping", Begin::Well);
    let child = within(parent.spawn(spec)).await.unwrap();
    child.send(Trip()).await.unwrap();
    child.send(Count(1)).await.unwrap();
    eventually("the next message is handled", || ticks.lock().unwrap().len() == 1).await;
    let mut events = child.events();
    loop {
        if let ChildEvent::Rejected { message, failure } = within(events.next()).await.unwrap() {
            assert_eq!((message.to_string().as_str(), message.is::<Trip>()), ("`Trip`", true));
            assert!(matches!(failure, Failure::Panicked(panic) if panic.message == "tripped on purpose"));
            break;
        }
    }
}

#[tokio::test]
async fn a_panicking_handler_of_the_parent_is_told_and_the_next_message_handled() {
    let parent = Parent::new();
    let handled = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&handled);
    let spec = worker("w", Begin::Well).on_message(move |_, Tick(number)| {
        let count = Arc::clone(&count);
        async move {
            assert_ne!(number, 1, "not this one");
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let child = within(parent.spawn(spec)).await.unwrap();
    child.send(Count(3)).await.unwrap();
    eventually("the others are handled", || handled.load(Ordering::SeqCst) == 2).await;
    let mut events = child.events();
    loop {
        if let ChildEvent::Failed { failure: Failure::Panicked(panic), .. } = within(events.next()).await.unwrap() {
            assert!(panic.message.contains("not this one"), "{panic}");
            break;
        }
    }
}

#[tokio::test]
async fn a_handler_may_talk_to_its_child_also_before_it_is_ready() {
    let parent = Parent::new();
    let answers = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&answers);
    let spec = worker("w", Begin::Ticking(1)).on_message(move |cx, Tick(_)| {
        let seen = Arc::clone(&seen);
        async move {
            let child: kinfolk::parent::Child<Drill> = cx.child();
            seen.store(child.request(Echo(77)).await.unwrap(), Ordering::SeqCst);
        }
    });
    let _child = within(parent.spawn(spec)).await.unwrap();
    eventually("the child answered its handler", || answers.load(Ordering::SeqCst) == 77).await;
}

#[tokio::test]
async fn a_message_the_child_has_no_handler_for_is_refused_at_once() {
    let (_parent, child) = one().await;
    let refused = within(child.send(Ignored())).await.unwrap_err();
    assert_eq!(refused.cause, SendCause::Unsupported);
    assert!(refused.to_string().contains("`Ignored` to child `one`"), "{refused}");
}

#[tokio::test]
async fn a_panic_in_a_messages_own_code_does_not_stop_those_behind_it() {
    let parent = Parent::new();
    let (spec, ticks) = collecting("fragile", Begin::Well);
    let spec = spec.on_message(|_, FragileTick(_)| async move {});
    let child = within(parent.spawn(spec)).await.unwrap();
    child.send(FragileNote(Fragile { when: When::Decoded })).await.unwrap();
    within(child.request(Do(Deed::SendFragile))).await.unwrap();
    child.send(Count(1)).await.unwrap();
    eventually("both ticks behind are handled", || ticks.lock().unwrap().len() == 2).await;
    let mut events = child.events();
    let (mut rejected, mut failed) = (false, false);
    while !(rejected && failed) {
        match within(events.next()).await.unwrap() {
            ChildEvent::Rejected { message, .. } => rejected = message.name() == Some("FragileNote"),
            ChildEvent::Failed { message, .. } => failed = message.name() == Some("FragileTick"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_handler_of_the_parent_that_hangs_does_not_keep_the_end_from_being_told() {
    let parent = Parent::new();
    let spec = worker("w", Begin::Well).grace(std::time::Duration::from_millis(200));
    let spec = spec.on_message(|_, Tick(_)| std::future::pending::<()>());
    let child = within(parent.spawn(spec)).await.unwrap();
    child.send(Count(3)).await.unwrap();
    within(child.request(Echo(1))).await.unwrap();
    let events = child.events();
    within(child.kill()).await;
    let last = within(events.collect::<Vec<_>>()).await.pop().unwrap();
    assert!(matches!(last, ChildEvent::Exited(_)), "{last:?}");
}
