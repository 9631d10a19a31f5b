//! A pool has as many children as it needs, and replaces them before they are missed.

use std::collections::BTreeSet;
use std::time::Duration;

use kinfolk::parent::Parent;
use kinfolk::pool::Cause;
use kinfolk_tests::labour::Fate;
use rustix::process::Signal;

use crate::pools::{chore, gate, open, pool_of};
use crate::support::{eventually, signal, within};

#[tokio::test]
async fn a_pool_grows_while_calls_wait_and_shrinks_to_nothing_when_they_do_not() {
    let parent = Parent::new();
    let builder = pool_of(&parent).size(0..=3).grow_after(Duration::from_millis(5)).idle(Duration::from_millis(50));
    let pool = within(builder).await.unwrap();
    assert!(parent.children().is_empty());
    let (_dir, path) = gate();
    let calls: Vec<_> = (0..6)
        .map(|number| tokio::spawn(pool.submit(chore(number, Fate::Await(path.clone()))).into_future()))
        .collect();
    eventually("it has grown", || pool.stats().running == 3).await;
    assert_eq!(parent.children().len(), 3, "and no further");
    open(&path);
    for call in calls {
        within(call).await.unwrap().unwrap();
    }
    eventually("it has shrunk", || parent.children().is_empty()).await;
    assert!(pool.stats().replaced.is_empty(), "{:?}", pool.stats().replaced);
    assert_eq!(within(pool.submit(chore(9, Fate::Done))).await.unwrap().number, 9, "and grows again");
}

#[tokio::test]
async fn children_are_replaced_after_their_calls_and_none_of_those_notices() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(2).recycle_after_calls(10).recycle_jitter(0.0)).await.unwrap();
    let mut pids = BTreeSet::new();
    for round in 0..20 {
        let calls = (0..10).map(|number| pool.submit(chore(round * 10 + number, Fate::Done)).into_future());
        for receipt in within(futures::future::join_all(calls)).await {
            pids.insert(receipt.unwrap().pid);
        }
        let recycled = || pool.stats().replaced.get(&Cause::Calls).copied().unwrap_or_default();
        if round == 10 {
            eventually("some were replaced", || recycled() > 2).await;
        }
    }
    assert!(pids.len() > 4, "{pids:?}");
    let replaced = pool.stats().replaced;
    assert_eq!(replaced.keys().collect::<Vec<_>>(), [&Cause::Calls], "{replaced:?}");
    eventually("the old have left", || parent.children().len() == 2).await;
}

#[tokio::test]
async fn a_child_that_is_old_or_large_is_replaced_by_one_that_is_ready_first() {
    let parent = Parent::new();
    let builder = pool_of(&parent).size(1).recycle_after(Duration::from_millis(50)).recycle_jitter(0.0);
    let pool = within(builder).await.unwrap();
    let first = pool.children()[0].pid();
    eventually("it was replaced", || pool.children().iter().all(|child| child.pid() != first)).await;
    assert!(pool.stats().replaced.contains_key(&Cause::Age));
    within(pool.shutdown()).await;

    let pool = within(pool_of(&parent).size(1).recycle_above(64 << 20)).await.unwrap();
    let first = within(pool.submit(chore(1, Fate::Leaks(96 << 20)))).await.unwrap().pid;
    eventually("it was replaced", || pool.stats().replaced.contains_key(&Cause::Memory)).await;
    assert_ne!(within(pool.submit(chore(2, Fate::Done))).await.unwrap().pid, first);
}

#[tokio::test]
async fn a_spare_serves_at_once_when_a_child_dies() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1).spares(1)).await.unwrap();
    eventually("the spare is ready", || pool.stats().spare == 1).await;
    let serving = within(pool.submit(chore(1, Fate::Done))).await.unwrap();
    let spare = pool.children().into_iter().find(|child| child.pid() != serving.pid).unwrap().pid();
    signal(serving.pid, Signal::KILL);
    eventually("its end is known", || pool.stats().replaced.contains_key(&Cause::OomLikely)).await;
    assert_eq!(within(pool.submit(chore(2, Fate::Done))).await.unwrap().pid, spare);
    eventually("there is a spare again", || pool.stats().spare == 1).await;
}

#[tokio::test]
async fn stats_tell_times_and_numbers() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(2)).await.unwrap();
    let calls = (0..100).map(|number| pool.submit(chore(number, Fate::Done)).into_future());
    within(futures::future::try_join_all(calls)).await.unwrap();
    let stats = pool.stats();
    assert_eq!((stats.service_time.count, stats.queue_wait.count), (100, 100));
    let times = stats.service_time;
    assert!(times.p50 <= times.p99 && times.p99 <= times.p999 && times.p999 <= times.max, "{times}");
    assert!(stats.to_string().contains("100 submitted, 100 answered"), "{stats}");
}

#[tokio::test]
async fn a_start_that_a_shutdown_stops_is_no_failure() {
    let parent = Parent::new();
    for _ in 0..10 {
        let pool = within(pool_of(&parent).size(0..=1)).await.unwrap();
        let call = pool.try_submit(chore(1, Fate::Done)).unwrap();
        eventually("a child is being started", || !parent.children().is_empty()).await;
        drop(call);
        within(pool.shutdown()).await;
        assert!(parent.children().is_empty());
        assert!(pool.stats().replaced.is_empty(), "{}", pool.stats());
    }
}
