//! Calls from a child to its parent: on whose behalf, in both directions at once, and however they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kinfolk::Fault;
use kinfolk::parent::{CallError, Child, ChildSpec, Cx, Parent, StartError, WithInit};
use kinfolk_tests::Denied;
use kinfolk_tests::relay::{Ask, Bounce, BounceBack, Feed, Grow, Hang, Opening, Question, Refuse, Relay, Stumble, Who};
use tokio_util::sync::CancellationToken;

use crate::support::{bytes, counted, eventually, opening_with, within};

type Spec = ChildSpec<Relay, WithInit<Relay>>;

/// What has become of the handlers of [`Hang`].
#[derive(Debug, Default)]
struct Hanging {
    begun: AtomicU64,
    dropped: AtomicU64,
}

struct CountDrop(Arc<Hanging>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

async fn who(cx: Cx<Who>, _: Who) -> Result<String, Fault> {
    Ok(cx.cause().map_or("nobody".into(), |cause| format!("{} {}", cause.message, cause.tag)))
}

async fn bounce_back(cx: Cx<BounceBack>, BounceBack(depth): BounceBack) -> Result<u64, Fault> {
    match depth.checked_sub(1) {
        Some(next) => Ok(cx.child().request(Bounce(next)).await? + 1),
        None => Ok(0),
    }
}

async fn feed(cx: Cx<Feed>, Feed(count): Feed) -> Result<(), Fault> {
    for number in 0..count {
        cx.send(number).await;
    }
    Ok(())
}

/// A spec whose parent answers, or does not.
fn answering(opening: Opening) -> (Spec, Arc<Hanging>) {
    let hanging = Arc::new(Hanging::default());
    let shared = Arc::clone(&hanging);
    let spec = opening_with("asker", opening)
        .grace(Duration::from_secs(600))
        .on_message(who)
        .on_message(bounce_back)
        .on_message(feed);
    let spec = spec.on_message(|_, Refuse()| async move { Err(Denied("not for you".into())) });
    let spec = spec.on_message(move |_, Hang()| {
        let guard = CountDrop(Arc::clone(&shared));
        shared.begun.fetch_add(1, Ordering::SeqCst);
        async move {
            let _guard = guard;
            std::future::pending().await
        }
    });
    (spec, hanging)
}

async fn started(opening: Opening) -> (Parent, Child<Relay>, Arc<Hanging>) {
    let parent = Parent::new();
    let (spec, hanging) = answering(opening);
    let child = within(parent.spawn(spec)).await.unwrap();
    (parent, child, hanging)
}

async fn asked(child: &Child<Relay>, question: Question) -> String {
    within(child.request(Ask(question)).tag(7)).await.unwrap()
}

#[tokio::test]
async fn an_upcall_names_the_call_it_is_made_for() {
    let (_parent, child, _) = started(Opening::Plain).await;
    assert_eq!(asked(&child, Question::Who).await, "Ask 7");
    assert_eq!(asked(&child, Question::WhoBlocking).await, "Ask 7");
    assert_eq!(asked(&child, Question::WhoUnasked).await, "nobody");
    let untagged = within(child.request(Ask(Question::Who))).await.unwrap();
    assert_eq!(untagged, "Ask 0");
    // Many of one type at once.
    let calls = (0..200).map(|tag| {
        let question = if tag % 3 == 0 { Question::WhoBlocking } else { Question::Who };
        let request = child.request(Ask(question)).tag(tag);
        async move { assert_eq!(request.await.unwrap(), format!("Ask {tag}")) }
    });
    within(futures::future::join_all(calls)).await;
}

#[tokio::test]
async fn an_upcall_is_answered_during_the_initialization() {
    let (_parent, child, _) = started(Opening::Asking).await;
    assert_eq!(asked(&child, Question::Before).await, "nobody");
}

#[tokio::test]
async fn an_initialization_that_is_declined_its_upcall_fails() {
    let parent = Parent::new();
    let error = within(parent.spawn(answering(Opening::Needing).0)).await.unwrap_err();
    let StartError::InitFailed { fault, .. } = &error else { panic!("{error:?}") };
    assert_eq!(format!("{fault:#}"), "asking: not for you");

    // And one that has nobody to ask: the specs without handlers.
    let error = within(parent.spawn(opening_with("alone", Opening::Asking))).await.unwrap_err();
    let StartError::InitFailed { fault, .. } = &error else { panic!("{error:?}") };
    assert!(fault.to_string().contains("call `Who` to the parent has no handler there"), "{fault}");
}

#[tokio::test]
async fn an_upcall_ends_in_the_messages_own_words_or_the_runtimes() {
    let (_parent, child, _) = started(Opening::Plain).await;
    assert_eq!(asked(&child, Question::Refuse).await, "declined: not for you");
    assert_eq!(asked(&child, Question::Stumble).await, "unsupported");
    assert_eq!(asked(&child, Question::Who).await, "Ask 7");
}

#[tokio::test]
async fn a_panicking_upcall_handler_fails_its_call_alone() {
    let parent = Parent::new();
    let (spec, _) = answering(Opening::Plain);
    let spec = spec.on_message(|_, Stumble()| async move { panic!("stumbled on purpose") });
    let child = within(parent.spawn(spec)).await.unwrap();
    let others: Vec<_> = (0..20).map(|tag| child.request(Ask(Question::Who)).tag(tag).into_future()).collect();
    assert_eq!(asked(&child, Question::Stumble).await, "panicked: stumbled on purpose");
    for answer in within(futures::future::join_all(others)).await {
        assert!(answer.unwrap().starts_with("Ask "));
    }
}

#[tokio::test]
async fn calls_to_and_fro_nest_ten_deep_and_many_at_once() {
    let (_parent, child, _) = started(Opening::Plain).await;
    assert_eq!(within(child.request(Bounce(10))).await.unwrap(), 10);
    let calls = (0..30).map(|depth| child.request(Bounce(depth % 11)).into_future());
    for (depth, answer) in within(futures::future::join_all(calls)).await.into_iter().enumerate() {
        assert_eq!(answer.unwrap(), depth as u64 % 11);
    }
}

#[tokio::test]
async fn a_parents_handler_streams_to_its_child() {
    let (_parent, child, _) = started(Opening::Plain).await;
    for count in [0, 1, 3_000] {
        assert_eq!(asked(&child, Question::Feed(count)).await, (0..count).sum::<u64>().to_string());
    }
}

#[tokio::test]
async fn cancelling_a_call_drops_the_handlers_of_both_sides() {
    let (_parent, child, hanging) = started(Opening::Plain).await;
    let token = CancellationToken::new();
    let call = tokio::spawn(child.request(Ask(Question::Hang)).cancel_on(token.clone()).into_future());
    eventually("the upcall has come", || hanging.begun.load(Ordering::SeqCst) == 1).await;
    assert_eq!(hanging.dropped.load(Ordering::SeqCst), 0);
    token.cancel();
    assert!(within(call).await.unwrap().unwrap_err().is_cancelled());
    counted(&child, "the child's handler is gone", |count| count.dropped == 1).await;
    eventually("and the parent's", || hanging.dropped.load(Ordering::SeqCst) == 1).await;
    assert_eq!(asked(&child, Question::Who).await, "Ask 7");
}

#[tokio::test]
async fn a_deadline_of_a_call_ends_the_upcall_it_waits_for() {
    let (_parent, child, hanging) = started(Opening::Plain).await;
    let request = child.request(Ask(Question::Hang)).deadline(Duration::from_millis(200));
    // Either end may come first: the child's own, which it tells, or the parent's.
    match within(request).await {
        Ok(words) => assert_eq!(words, "deadline"),
        Err(error) => assert!(error.is_deadline(), "{error:?}"),
    }
    eventually("the parent's handler, if it had begun, is gone", || {
        hanging.begun.load(Ordering::SeqCst) == hanging.dropped.load(Ordering::SeqCst)
    })
    .await;
}

#[tokio::test]
async fn a_child_that_ends_drops_the_handlers_of_its_upcalls() {
    let (_parent, child, hanging) = started(Opening::Plain).await;
    let calls: Vec<_> = (0..5).map(|_| tokio::spawn(child.request(Ask(Question::Hang)).into_future())).collect();
    eventually("the upcalls have come", || hanging.begun.load(Ordering::SeqCst) == 5).await;
    within(child.kill()).await;
    for call in calls {
        let error = within(call).await.unwrap().unwrap_err();
        assert!(matches!(error, CallError::Exited { .. }), "{error:?}");
    }
    eventually("their handlers are gone", || hanging.dropped.load(Ordering::SeqCst) == 5).await;
}

#[tokio::test]
async fn a_shutdown_waits_for_upcalls_that_come_to_an_end_and_not_for_ever_for_others() {
    let (parent, child, _) = started(Opening::Plain).await;
    let calls: Vec<_> = (0..50)
        .map(|number| {
            let question = if number % 2 == 0 { Question::Feed(200) } else { Question::Who };
            tokio::spawn(child.request(Ask(question)).into_future())
        })
        .collect();
    within(child.request(Grow(bytes(10), 0))).await.unwrap();
    within(parent.shutdown()).await;
    // What the child had got is finished; what had not been let in was refused.
    for call in calls {
        match within(call).await.unwrap() {
            Ok(answer) => assert!(answer == "19900" || answer == "Ask 0", "{answer}"),
            Err(error) => assert!(error.is_undelivered(), "{error:?}"),
        }
    }
    assert!(within(child.wait()).await.status.is_success());

    let parent = Parent::new();
    let (spec, hanging) = answering(Opening::Plain);
    let child = within(parent.spawn(spec.grace(Duration::from_millis(200)))).await.unwrap();
    let call = tokio::spawn(child.request(Ask(Question::Hang)).into_future());
    eventually("the upcall has come", || hanging.begun.load(Ordering::SeqCst) == 1).await;
    within(parent.shutdown()).await;
    assert!(within(call).await.unwrap().unwrap_err().is_lost());
    eventually("its handler is gone", || hanging.dropped.load(Ordering::SeqCst) == 1).await;
}
