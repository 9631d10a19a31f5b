//! Every call ends exactly once, and says how.

use std::time::{Duration, Instant};

use kinfolk::parent::{CallError, ExitStatus, StartError};
use kinfolk::{CancelMode, Delivery, Limits};
use kinfolk_tests::{
    AskFragile, Begin, Cancellations, Deed, Denied, Do, Echo, Fragile, FragileCall, Grow, Nap, TripBlocking, Unknown,
    When,
};
use serde_bytes::ByteBuf;

use crate::support::{eventually, give_up_begun, one, raw, within, worker};

#[tokio::test]
async fn a_call_comes_back_with_its_reply() {
    let (_parent, child) = one().await;
    for number in [0, 1, 250, 251, u64::MAX] {
        assert_eq!(within(child.request(Echo(number))).await.unwrap(), number);
    }
}

#[tokio::test]
async fn payloads_of_every_size_come_back_whole() {
    let (_parent, child) = one().await;
    for size in [0, 1, 4_071, 32_767, 32_768, 65_536, 1 << 20, 30 << 20] {
        let bytes: Vec<u8> = (0..size).map(|n| n as u8).collect();
        let mut expected = bytes.clone();
        expected.push(7);
        assert!(within(child.request(Grow(ByteBuf::from(bytes), 1))).await.unwrap() == expected, "{size} bytes");
    }
}

#[tokio::test]
async fn a_handler_declines_in_the_messages_own_words() {
    let (_parent, child) = one().await;
    let error = within(child.request(Do(Deed::Decline))).await.unwrap_err();
    assert_eq!(error.into_app(), Some(Denied("not today".into())));
}

#[tokio::test]
async fn a_panic_fails_only_its_call_and_tells_text_and_place() {
    let (_parent, child) = one().await;
    let other = tokio::spawn(child.request(Nap(100)).into_future());
    let error = within(child.request(Do(Deed::Panic))).await.unwrap_err();
    let CallError::Panicked { panic, .. } = &error else { panic!("{error:?}") };
    assert_eq!(panic.message, "panicked on purpose");
    assert!(panic.location.contains("worker.rs:"), "{}", panic.location);
    within(other).await.unwrap().unwrap();
    assert_eq!(within(child.request(Echo(1))).await.unwrap(), 1);
}

#[tokio::test]
async fn a_panic_in_a_thread_of_the_childs_own_reaches_the_exit_report() {
    let (_parent, child) = one().await;
    within(child.request(Do(Deed::PanicElsewhere))).await.unwrap();
    let report = within(child.shutdown()).await;
    let panic = report.panic.as_ref().expect("it was told");
    assert_eq!((panic.message.as_str(), panic.thread.as_str()), ("panicked elsewhere", "elsewhere"));
    assert_eq!(report.status, ExitStatus::Code(0));
}

#[tokio::test]
async fn a_deadline_ends_a_call_whatever_the_child_does() {
    let (_parent, child) = one().await;
    let limit = Duration::from_millis(50);
    let error = within(child.request(Nap(600_000)).deadline(limit)).await.unwrap_err();
    assert!(error.is_deadline(), "{error:?}");
    assert!(error.to_string().starts_with("call `Nap` to child `one` was not answered within 50ms"), "{error}");
    // The child was told, and its handler dropped.
    give_up_begun(|| child.request(Nap(600_000))).await;
    let mut cancelled = 0;
    while cancelled == 0 {
        cancelled = within(child.request(Cancellations())).await.unwrap();
    }
    // A child that is stopped cannot hold a caller either.
    let pid = rustix::process::Pid::from_raw(child.pid() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let error = within(child.request(Echo(1)).deadline(limit)).await.unwrap_err();
    assert!(error.is_deadline(), "{error:?}");
}

#[tokio::test]
async fn dropping_a_call_cancels_it_in_the_child() {
    let (_parent, child) = one().await;
    let mut cancelled = 0;
    while cancelled == 0 {
        // Its handler may not have begun when it is dropped; then it never does, and the next one may.
        let call = tokio::spawn(child.request(Nap(600_000)).into_future());
        tokio::task::yield_now().await;
        within(child.request(Echo(1))).await.unwrap();
        call.abort();
        cancelled = within(child.request(Cancellations())).await.unwrap();
    }
    assert_eq!(cancelled, 1);
}

#[tokio::test]
async fn a_message_without_a_handler_is_unsupported_and_harms_nothing() {
    let (_parent, child) = one().await;
    let error = within(child.request(Unknown())).await.unwrap_err();
    assert!(matches!(error, CallError::Unsupported { .. }), "{error:?}");
    assert!(error.is_undelivered());
    assert_eq!(within(child.request(Echo(1))).await.unwrap(), 1);
}

#[tokio::test]
async fn messages_and_replies_beyond_the_limits_are_refused_where_they_are_made() {
    let parent = kinfolk::parent::Parent::new();
    let small = worker("small", Begin::Well).limits(Limits::default().max_message(65_536));
    let child = within(parent.spawn(small)).await.unwrap();
    let error = within(child.request(Grow(ByteBuf::new(), 70_000))).await.unwrap_err();
    let CallError::BadReply { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("`max_message` is 65536"), "{reason}");

    let huge = ByteBuf::from(vec![0; Limits::default().max_message as usize]);
    let error = within(child.request(Grow(huge, 0))).await.unwrap_err();
    let CallError::BadMessage { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("134217728"), "{reason}");
    assert_eq!(within(child.request(Echo(1))).await.unwrap(), 1);
}

#[tokio::test]
async fn a_child_killed_during_a_call_ends_it_with_the_report() {
    for (deed, number) in [(Deed::Abort, Some(6)), (Deed::Exit(7), None)] {
        let (_parent, child) = one().await;
        let waiting = tokio::spawn(child.request(Nap(600_000)).into_future());
        let error = within(child.request(Do(deed))).await.unwrap_err();
        let CallError::Exited { report, delivery, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*delivery, Delivery::Started);
        match number {
            Some(signal) => assert!(matches!(report.status, ExitStatus::Signal { number, .. } if number == signal)),
            None => assert_eq!(report.status, ExitStatus::Code(7)),
        }
        assert_eq!(report.calls_in_flight, 2);
        assert!(within(waiting).await.unwrap().unwrap_err().is_lost());
        // And so does every later one, at once.
        let later = within(child.request(Echo(1))).await.unwrap_err();
        assert!(later.is_undelivered(), "{later:?}");
        assert!(!child.is_connected());
    }
}

#[tokio::test]
async fn half_a_reply_is_no_reply() {
    let parent = kinfolk::parent::Parent::new();
    let child = within(parent.spawn(raw("half-reply"))).await.unwrap();
    let error = within(child.request(Echo(1))).await.unwrap_err();
    assert!(matches!(error, CallError::Exited { delivery: Delivery::Sent, .. }), "{error:?}");
}

#[tokio::test]
async fn a_reply_of_another_type_is_told_and_a_second_one_thrown_away() {
    let parent = kinfolk::parent::Parent::new();
    let child = within(parent.spawn(raw("wrong-reply"))).await.unwrap();
    let error = within(child.request(Echo(1))).await.unwrap_err();
    assert!(matches!(error, CallError::BadReply { .. }), "{error:?}");
    within(child.kill()).await;

    let child = within(parent.spawn(raw("two-replies"))).await.unwrap();
    assert_eq!(within(child.request(Echo(0))).await.unwrap(), 1);
    assert_eq!(within(child.request(Echo(0))).await.unwrap(), 3);
}

#[tokio::test]
async fn calls_beyond_the_childs_limit_wait_and_a_dropped_one_gives_up_its_turn() {
    let (_parent, child) = one().await;
    let calls: Vec<_> = (0..3_000).map(|_| tokio::spawn(child.request(Nap(600_000)).into_future())).collect();
    let started = Instant::now();
    let late = tokio::spawn(child.request(Echo(5)).into_future());
    tokio::task::yield_now().await;
    for call in calls {
        call.abort();
    }
    assert_eq!(within(late).await.unwrap().unwrap(), 5);
    assert!(started.elapsed() < crate::support::PATIENCE);
    eventually("all was forgotten", || child.is_connected()).await;
}

#[tokio::test]
async fn a_call_given_up_by_force_before_it_began_does_not_cost_the_childs_life() {
    let (_parent, child) = one().await;
    let pid = rustix::process::Pid::from_raw(child.pid() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    // More than the socket holds, so that the next long one does not leave at all.
    let long = || Grow(ByteBuf::from(vec![1; 4 << 20]), 0);
    let first = tokio::spawn(child.request(long()).into_future());
    tokio::task::yield_now().await;
    let mut small = child.request(Echo(1)).cancel_mode(CancelMode::KillAfter(Duration::ZERO)).into_future();
    let mut second = child.request(long()).cancel_mode(CancelMode::KillAfter(Duration::ZERO)).into_future();
    assert!(futures::poll!(&mut small).is_pending() && futures::poll!(&mut second).is_pending());
    drop((small, second));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert_eq!(within(first).await.unwrap().unwrap().len(), 4 << 20);
    assert_eq!(within(child.request(Echo(2))).await.unwrap(), 2);
}

#[test]
fn errors_can_be_sent_between_threads_and_boxed() {
    fn check<T: Send + Sync + 'static>() {}
    check::<CallError<kinfolk::Fault>>();
    check::<StartError>();
    fn boxed(error: CallError<kinfolk::Fault>) -> Box<dyn std::error::Error + Send + Sync> {
        error.into()
    }
    let _ = boxed;
}

#[tokio::test]
async fn a_panic_in_a_messages_own_code_fails_that_message_alone() {
    let (_parent, child) = one().await;
    let decoded = within(child.request(FragileCall(Fragile { when: When::Decoded }))).await.unwrap_err();
    let CallError::Panicked { panic, .. } = &decoded else { panic!("{decoded:?}") };
    assert_eq!(panic.message, "panicked while decoding");
    let encoded = within(child.request(AskFragile())).await.unwrap_err();
    let CallError::Panicked { panic, .. } = &encoded else { panic!("{encoded:?}") };
    assert_eq!(panic.message, "panicked while encoding");
    assert_eq!(within(child.request(Echo(1))).await.unwrap(), 1);
    assert_eq!(within(child.shutdown()).await.status, ExitStatus::Code(0));
}

#[tokio::test]
async fn a_panic_on_a_thread_of_its_own_is_told_with_its_own_text_and_place() {
    let (_parent, child) = one().await;
    // One before it, to be mistaken for.
    let _ = within(child.request(Do(Deed::Panic))).await;
    let error = within(child.request(TripBlocking())).await.unwrap_err();
    let CallError::Panicked { panic, .. } = &error else { panic!("{error:?}") };
    assert_eq!(panic.message, "tripped on a thread of its own");
    assert!(panic.location.contains("worker.rs:"), "{panic}");
}

#[test]
fn a_call_may_be_made_from_a_thread_without_a_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (_parent, child) = runtime.block_on(one());
    // Larger than the socket holds, so that the write blocks on this very thread.
    let bytes = ByteBuf::from(vec![1; 4 << 20]);
    assert_eq!(futures::executor::block_on(child.request(Grow(bytes, 0)).into_future()).unwrap().len(), 4 << 20);
    assert_eq!(futures::executor::block_on(child.request(Echo(1)).into_future()).unwrap(), 1);
    runtime.block_on(child.kill());
}
