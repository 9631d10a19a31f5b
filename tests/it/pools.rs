//! A pool runs each call once, on whichever child has room.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::time::Duration;

use futures::{StreamExt, stream};
use kinfolk::Delivery;
use kinfolk::parent::{ChildSpec, Parent, Program, StartError, Stdio, WithInit};
use kinfolk::pool::{Pool, PoolBuilder, PoolError, PoolEvent, Priority, Routing, Slot, WhenFull};
use kinfolk_tests::labour::{Chore, CountTo, Declined, Deed, Fate, Hire, Labour};
use tokio_util::sync::CancellationToken;
use tower_service::Service;

use crate::support::{LABOURER, eventually, within};

/// A spec of a pool's children.
pub(crate) fn labourer(slot: u64) -> ChildSpec<Labour, WithInit<Labour>> {
    hired(Hire { slot, ..Hire::default() })
}

/// A spec of a child that begins in another way.
pub(crate) fn hired(hire: Hire) -> ChildSpec<Labour, WithInit<Labour>> {
    ChildSpec::<Labour>::new("labour", Program::path(LABOURER)).init(hire).stderr(Stdio::lines())
}

pub(crate) fn pool_of(parent: &Parent) -> PoolBuilder<Labour> {
    parent.pool(|slot| labourer(slot.index as u64))
}

pub(crate) fn chore(number: u64, fate: Fate) -> Chore {
    Chore { number, fate }
}

pub(crate) fn deed(number: u64, fate: Fate) -> Deed {
    Deed { number, fate }
}

/// A file that is not there yet.
pub(crate) fn gate() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gate").to_str().unwrap().to_owned();
    (dir, path)
}

pub(crate) fn open(gate: &str) {
    std::fs::write(gate, "").unwrap();
}

async fn pool(parent: &Parent, size: usize) -> Pool<Labour> {
    within(pool_of(parent).size(size)).await.unwrap()
}

#[tokio::test]
async fn every_call_is_answered_by_some_child_of_the_pool() {
    let parent = Parent::new();
    let pool = pool(&parent, 3).await;
    let calls = (0..200).map(|number| pool.submit(chore(number, Fate::Done)).into_future());
    let receipts = within(futures::future::try_join_all(calls)).await.unwrap();
    for (number, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt.number, number as u64);
    }
    let pids: BTreeSet<_> = receipts.iter().map(|receipt| receipt.pid).collect();
    assert_eq!(pids, pool.children().iter().map(|child| child.pid()).collect());
    let stats = pool.stats();
    assert_eq!((stats.serving, stats.submitted, stats.answered, stats.running), (3, 200, 200, 0));
    within(pool.shutdown()).await;
    assert!(parent.children().is_empty());
}

#[tokio::test]
async fn outcomes_come_in_order_or_as_they_come() {
    let parent = Parent::new();
    let pool = pool(&parent, 2).await;
    let (_dir, path) = gate();
    let numbers = || stream::iter(0..20);
    let late = path.clone();
    let tasks = move |number| chore(number, if number == 0 { Fate::Await(late.clone()) } else { Fate::Done });
    let mut unordered = pool.map_unordered(numbers().map(tasks.clone())).boxed();
    let first = within(unordered.next()).await.unwrap().unwrap();
    assert_ne!(first.number, 0, "the others do not wait for it");
    open(&path);
    assert_eq!(within(unordered.count()).await, 19);
    let ordered: Vec<_> = within(pool.map(numbers().map(tasks)).map(|done| done.unwrap().number).collect()).await;
    assert_eq!(ordered, (0..20).collect::<Vec<_>>());
}

#[tokio::test]
async fn each_call_ends_as_it_would_with_a_child_of_its_own() {
    let parent = Parent::new();
    let pool = pool(&parent, 1).await;
    let declined = within(pool.submit(deed(1, Fate::Declined))).await.unwrap_err();
    assert_eq!(declined.into_app(), Some(Declined));
    let panicked = within(pool.submit(deed(2, Fate::Panics))).await.unwrap_err();
    assert!(panicked.to_string().contains("as it was told"), "{panicked}");
    let deadline = pool.submit(deed(3, Fate::Waits)).deadline(Duration::from_millis(100));
    let deadline = within(deadline).await.unwrap_err();
    assert!(deadline.is_deadline() && deadline.delivery() == Some(Delivery::Started), "{deadline:?}");
    let token = CancellationToken::new();
    token.cancel();
    let cancelled = within(pool.submit(deed(4, Fate::Done)).cancel_on(token)).await.unwrap_err();
    assert!(cancelled.is_cancelled() && cancelled.is_undelivered(), "{cancelled:?}");
    assert_eq!(within(pool.submit(deed(5, Fate::Done))).await.unwrap().number, 5);
}

#[tokio::test]
async fn progress_and_streams_come_through() {
    let parent = Parent::new();
    let pool = pool(&parent, 2).await;
    let mut seen = Vec::new();
    within(pool.submit(chore(7, Fate::Done)).on_progress(|number| seen.push(number))).await.unwrap();
    assert_eq!(seen, [7]);
    let items: Vec<_> = within(pool.stream(CountTo { number: 500, fate: Fate::Done }).collect()).await;
    let items: Vec<_> = items.into_iter().map(Result::unwrap).collect();
    assert_eq!(items, (0..500).collect::<Vec<_>>());
    let items: Vec<_> = within(pool.stream(CountTo { number: 3, fate: Fate::Declined }).collect()).await;
    assert_eq!(items.len(), 4);
    assert!(matches!(items.last(), Some(Err(PoolError::Call(_)))), "{items:?}");
    eventually("both are over", || pool.stats().running == 0).await;
}

#[tokio::test]
async fn a_full_queue_gives_the_message_back_or_refuses_it_or_makes_it_wait() {
    let parent = Parent::new();
    let (_dir, path) = gate();
    let pool = within(pool_of(&parent).size(1).queue(1).when_full(WhenFull::Refuse)).await.unwrap();
    let running = pool.try_submit(chore(1, Fate::Await(path.clone()))).unwrap();
    let queued = pool.try_submit(chore(2, Fate::Done)).unwrap();
    let refused = pool.try_submit(chore(3, Fate::Done)).unwrap_err();
    assert_eq!(refused.message, chore(3, Fate::Done));
    assert!(refused.cause.is_overloaded(), "{refused}");
    let refused = within(pool.submit(chore(4, Fate::Done))).await.unwrap_err();
    assert!(refused.is_overloaded() && refused.is_undelivered(), "{refused}");
    assert_eq!(pool.stats().overloaded, 2);
    open(&path);
    assert_eq!(within(running).await.unwrap().number, 1);
    assert_eq!(within(queued).await.unwrap().number, 2);

    let patient = within(pool_of(&parent).size(1).queue(1)).await;
    // The names of the first pool's children are taken.
    assert!(patient.is_err());
    within(pool.shutdown()).await;
    let patient = within(pool_of(&parent).size(1).queue(1)).await.unwrap();
    let calls = (0..50).map(|number| patient.submit(deed(number, Fate::Done)).into_future());
    assert_eq!(within(futures::future::try_join_all(calls)).await.unwrap().len(), 50);
}

#[tokio::test]
async fn what_is_dropped_frees_its_place_wherever_it_is() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1).queue(2)).await.unwrap();
    let running = pool.try_submit(deed(1, Fate::Waits)).unwrap();
    let queued = pool.try_submit(deed(2, Fate::Done)).unwrap();
    drop(queued);
    let queued = pool.try_submit(deed(3, Fate::Done)).unwrap();
    let mut running = running.into_future();
    assert!(futures::poll!(&mut running).is_pending());
    drop(running);
    assert_eq!(within(queued).await.unwrap().number, 3);
    eventually("nothing is left of them", || pool.stats().running + pool.stats().waiting == 0).await;
    let map = pool.map(stream::iter((0..10).map(|number| deed(number, Fate::Waits))));
    let mut map = Box::pin(map);
    assert!(futures::poll!(map.next()).is_pending());
    drop(map);
    assert_eq!(within(pool.submit(deed(4, Fate::Done))).await.unwrap().number, 4);
}

#[tokio::test]
async fn higher_classes_go_first_and_keys_stay_with_their_child() {
    let parent = Parent::new();
    let (_dir, path) = gate();
    let pool = within(pool_of(&parent).size(1)).await.unwrap();
    let running = pool.try_submit(chore(0, Fate::Await(path.clone()))).unwrap().into_future();
    let order = std::sync::Mutex::new(Vec::new());
    let note = |number, priority| {
        let call = pool.submit(chore(number, Fate::Done)).priority(priority).enter().unwrap().into_future();
        let order = &order;
        async move {
            call.await.unwrap();
            order.lock().unwrap().push(number);
        }
    };
    let (low, normal, high) = (note(1, Priority::Low), note(2, Priority::Normal), note(3, Priority::High));
    open(&path);
    let (first, (), (), ()) = within(async { tokio::join!(running, low, normal, high) }).await;
    first.unwrap();
    assert_eq!(*order.lock().unwrap(), [3, 2, 1]);
    within(pool.shutdown()).await;

    let pool = within(pool_of(&parent).size(3).routing(Routing::RoundRobin)).await.unwrap();
    for key in 0..10_u64 {
        let mut pids = BTreeSet::new();
        for number in 0..5 {
            pids.insert(within(pool.submit(chore(number, Fate::Done)).key(&key)).await.unwrap().pid);
        }
        assert_eq!(pids.len(), 1, "key {key}");
    }
    let mut pids = BTreeSet::new();
    for number in 0..3 {
        pids.insert(within(pool.submit(chore(number, Fate::Done))).await.unwrap().pid);
    }
    assert_eq!(pids.len(), 3, "one after the other");
}

#[tokio::test]
async fn each_slot_has_an_init_value_of_its_own() {
    let parent = Parent::new();
    let pool = pool(&parent, 3).await;
    let calls = (0..60).map(|number| pool.submit(chore(number, Fate::Done)).into_future());
    let receipts = within(futures::future::try_join_all(calls)).await.unwrap();
    let slots: BTreeSet<_> = receipts.iter().map(|receipt| (receipt.slot, receipt.pid)).collect();
    assert!(slots.len() <= 3, "{slots:?}");
    let names: Vec<_> = pool.children().iter().map(|child| child.name().to_string()).collect();
    assert_eq!(names, ["labour-0.1", "labour-1.1", "labour-2.1"]);
}

#[tokio::test]
async fn a_pool_whose_handles_are_gone_finishes_what_it_has_and_leaves_nothing() {
    let parent = Parent::new();
    let pool = pool(&parent, 1).await;
    let calls: Vec<_> = (0..5).map(|number| pool.try_submit(deed(number, Fate::Done)).unwrap()).collect();
    drop(pool);
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(within(call).await.unwrap().number, number as u64);
    }
    eventually("its children have left", || parent.children().is_empty()).await;
}

#[tokio::test]
async fn a_pool_that_is_killed_ends_every_call_and_every_child() {
    let parent = Parent::new();
    let pool = pool(&parent, 2).await;
    let calls: Vec<_> =
        (0..4).map(|number| tokio::spawn(pool.submit(chore(number, Fate::Hangs)).into_future())).collect();
    eventually("both are busy", || pool.stats().running == 2).await;
    within(pool.kill()).await;
    assert!(parent.children().is_empty());
    for call in calls {
        let error = within(call).await.unwrap().unwrap_err();
        assert!(error.is_lost() || matches!(error, PoolError::ShuttingDown { .. }), "{error:?}");
    }
    assert!(matches!(within(pool.submit(chore(9, Fate::Done))).await, Err(PoolError::ShuttingDown { .. })));
}

#[tokio::test]
async fn a_shutdown_waits_for_what_runs_and_refuses_what_is_new() {
    let parent = Parent::new();
    let (_dir, path) = gate();
    let pool = pool(&parent, 1).await;
    let running = tokio::spawn(pool.submit(chore(1, Fate::Await(path.clone()))).into_future());
    let queued = tokio::spawn(pool.submit(chore(2, Fate::Done)).into_future());
    eventually("one waits", || pool.stats().waiting == 1).await;
    let mut ending = Box::pin(pool.shutdown());
    assert!(futures::poll!(&mut ending).is_pending());
    assert!(matches!(within(pool.submit(chore(3, Fate::Done))).await, Err(PoolError::ShuttingDown { .. })));
    open(&path);
    assert_eq!(within(running).await.unwrap().unwrap().number, 1);
    assert_eq!(within(queued).await.unwrap().unwrap().number, 2);
    within(ending).await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_ever() {
    let parent = Parent::new();
    let spec = |slot: Slot| labourer(slot.index as u64).grace(Duration::from_millis(100));
    let pool = within(parent.pool(spec).size(1).drain(Duration::from_millis(100))).await.unwrap();
    let running = tokio::spawn(pool.submit(chore(1, Fate::Hangs)).into_future());
    let queued = tokio::spawn(pool.submit(chore(2, Fate::Done)).into_future());
    eventually("one waits", || pool.stats().waiting == 1).await;
    within(pool.shutdown()).await;
    assert!(within(running).await.unwrap().unwrap_err().is_lost());
    assert!(within(queued).await.unwrap().unwrap_err().is_undelivered());
}

#[tokio::test]
async fn a_pool_and_a_child_are_services_of_tower() {
    let parent = Parent::new();
    let mut pool = within(pool_of(&parent).size(1).queue(1)).await.unwrap();
    let (_dir, path) = gate();
    let mut calls = Vec::new();
    for number in 0..2 {
        within(poll_fn(|cx| Service::<Chore>::poll_ready(&mut pool, cx))).await.unwrap();
        calls.push(tokio::spawn(pool.call(chore(number, Fate::Await(path.clone())))));
        eventually("it has a place", || pool.stats().submitted == number + 1).await;
    }
    let mut ready = Box::pin(poll_fn(|cx| Service::<Chore>::poll_ready(&mut pool, cx)));
    assert!(futures::poll!(&mut ready).is_pending());
    open(&path);
    within(ready).await.unwrap();
    for call in calls {
        within(call).await.unwrap().unwrap();
    }
    let mut child = pool.children().remove(0);
    within(poll_fn(|cx| Service::<Chore>::poll_ready(&mut child, cx))).await.unwrap();
    assert_eq!(within(child.call(chore(7, Fate::Done))).await.unwrap().number, 7);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_calls_that_nobody_polls() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1).drain(Duration::from_millis(50))).await.unwrap();
    let held = pool.try_submit(deed(1, Fate::Done)).unwrap();
    let mut hits = pool.stream(CountTo { number: 10_000, fate: Fate::Done });
    assert!(futures::poll!(hits.next()).is_pending());
    within(pool.shutdown()).await;
    assert!(parent.children().is_empty(), "and nothing was started instead");
    assert!(within(held).await.is_err());
    assert!(within(hits.next()).await.is_some_and(|item| item.is_err()));

    let pool = within(pool_of(&parent).size(1)).await.unwrap();
    let held = pool.try_submit(deed(1, Fate::Done)).unwrap();
    within(pool.kill()).await;
    assert!(parent.children().is_empty());
    drop(held);
}

#[tokio::test]
async fn a_pool_of_a_parent_that_is_shutting_down_is_an_error() {
    let parent = Parent::new();
    within(parent.shutdown()).await;
    let error = within(pool_of(&parent).size(2)).await.unwrap_err();
    assert!(matches!(error, StartError::ShuttingDown { .. }), "{error:?}");
}

#[tokio::test]
async fn a_pool_that_was_not_opened_has_left_nothing_and_its_names_are_free() {
    let parent = Parent::new();
    let spec = |slot: Slot| match slot.index {
        0 => ChildSpec::<Labour>::new("labour", Program::path("/no/such/program")).init(Hire::default()),
        index => labourer(index as u64),
    };
    for _ in 0..5 {
        assert!(within(parent.pool(spec).size(4)).await.is_err());
        assert!(parent.children().is_empty());
        let pool = within(pool_of(&parent).size(4)).await.unwrap();
        within(pool.shutdown()).await;
    }
}

#[tokio::test]
async fn limits_that_are_for_ever_are_no_mistake() {
    let parent = Parent::new();
    let builder = pool_of(&parent).size(1..=2).grow_after(Duration::MAX).idle(Duration::MAX).aging(Duration::MAX);
    let builder = builder.recycle_after(Duration::MAX).drain(Duration::MAX).cancel_grace(Duration::MAX);
    let pool = within(builder.quarantine(2, Duration::MAX).retry_pause(Duration::MAX)).await.unwrap();
    let calls = (0..20).map(|number| pool.submit(deed(number, Fate::Done)).deadline(Duration::MAX).into_future());
    assert!(within(futures::future::join_all(calls)).await.iter().all(Result::is_ok));
    assert_eq!(pool.stats().serving, 1, "it never grows");
    within(pool.shutdown()).await;
}

#[tokio::test]
async fn the_last_event_says_that_nothing_is_left() {
    let parent = Parent::new();
    let pool = pool(&parent, 1).await;
    let events = pool.events();
    within(pool.shutdown()).await;
    let events: Vec<_> = within(events.collect()).await;
    assert!(matches!(events[..], [PoolEvent::Ended { cause: None, .. }, PoolEvent::Closed]), "{events:?}");
}
