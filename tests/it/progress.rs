//! Progress comes in order, before the reply, and harms nothing but its own call.

use std::time::Duration;

use kinfolk::Limits;
use kinfolk::parent::{CallError, Child, Parent};
use kinfolk_tests::relay::{Counters, Flaw, Relay, Report, Step};

use crate::support::{asker, counted, within};

/// A child whose calls may have a few progress values on their way.
async fn narrow(items: u32) -> (Parent, Child<Relay>) {
    let parent = Parent::new();
    let spec = asker("narrow").limits(Limits::default().items(items, 1 << 20).max_message(1 << 20));
    let child = within(parent.spawn(spec)).await.unwrap();
    (parent, child)
}

fn report(steps: u64) -> Report {
    Report { steps, blocking: false, flaw: None }
}

#[tokio::test]
async fn thousands_of_progress_values_come_in_order_before_the_reply() {
    for (items, blocking) in [(1, false), (3, false), (3, true), (64, false), (64, true)] {
        let (_parent, child) = narrow(items).await;
        let mut seen = Vec::new();
        let request = child.request(Report { blocking, ..report(2_000) }).on_progress(|Step { number, .. }| {
            seen.push(number);
        });
        assert_eq!(within(request).await.unwrap(), 2_000);
        assert!(seen == (0..2_000).collect::<Vec<_>>(), "{items} at once, blocking: {blocking}: {seen:?}");
    }
}

#[tokio::test]
async fn many_calls_report_at_once_each_in_its_own_order() {
    let (_parent, child) = narrow(2).await;
    let calls = (0..50_u64).map(|call| {
        let child = child.clone();
        async move {
            let mut next = 0;
            let request = child.request(Report { blocking: call % 10 == 0, ..report(100 + call) });
            let reply = request
                .on_progress(|step| {
                    assert_eq!(step.number, next);
                    next += 1;
                })
                .await;
            assert_eq!((reply.unwrap(), next), (100 + call, 100 + call));
        }
    });
    within(futures::future::join_all(calls)).await;
}

#[tokio::test]
async fn a_handler_is_not_held_up_by_a_caller_that_wants_no_progress() {
    let (_parent, child) = narrow(2).await;
    for blocking in [false, true] {
        assert_eq!(within(child.request(Report { blocking, ..report(3_000) })).await.unwrap(), 3_000);
    }
}

#[tokio::test]
async fn a_caller_that_is_not_polled_holds_up_its_own_handler_alone() {
    let (_parent, child) = narrow(4).await;
    let mut seen = 0;
    let mut slow = child.request(report(1_000)).on_progress(|_| seen += 1).into_future();
    assert!(futures::poll!(&mut slow).is_pending());
    let count = counted(&child, "the handler has sent what it may", |count| count.sent >= 4).await;
    assert_eq!(within(child.request(report(500))).await.unwrap(), 500);
    assert_eq!(within(child.request(Counters())).await.unwrap().sent, count.sent + 500, "it waits");
    assert_eq!(count.sent, 4);
    assert_eq!(within(slow).await.unwrap(), 1_000);
    assert_eq!(seen, 1_000);
}

#[tokio::test]
async fn progress_that_cannot_be_sent_or_read_ends_its_call_and_harms_nothing_else() {
    for (flaw, words) in [
        (Flaw::Unwritable, "no words for it"),
        (Flaw::TooLong, "`max_message` is 1048576"),
        (Flaw::Unreadable, "no sense in it"),
    ] {
        for blocking in [false, true] {
            let (_parent, child) = narrow(4).await;
            let other = tokio::spawn(child.request(report(1_000)).on_progress(|_| {}).into_future());
            let mut seen = 0;
            let request = child.request(Report { steps: 10, blocking, flaw: Some(flaw) }).on_progress(|_| seen += 1);
            let error = within(request).await.unwrap_err();
            let CallError::BadReply { reason, .. } = &error else { panic!("{flaw:?}: {error:?}") };
            assert!(reason.contains(words), "{flaw:?}: {reason}");
            assert_eq!(seen, 9, "{flaw:?}: those before it are good");
            assert_eq!(within(other).await.unwrap().unwrap(), 1_000);
            assert_eq!(within(child.request(report(5))).await.unwrap(), 5);
        }
    }
}

#[tokio::test]
async fn a_deadline_ends_a_call_whose_progress_never_pauses() {
    let (_parent, child) = narrow(4_096).await;
    let mut seen = 0_u64;
    // Slower than the handler, so that there is always one more.
    let slow = |_: Step| {
        seen += 1;
        std::thread::sleep(Duration::from_micros(200));
    };
    let request = child.request(report(u64::MAX)).deadline(Duration::from_millis(100)).on_progress(slow);
    let error = within(request).await.unwrap_err();
    assert!(error.is_deadline(), "{error:?}");
    counted(&child, "the handler was dropped", |count| count.dropped == 1).await;
}
