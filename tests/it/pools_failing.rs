//! What dies takes nothing with it: calls go to another child where that is safe, and end with the truth where not.

use std::time::{Duration, Instant};

use futures::StreamExt;
use kinfolk::Delivery;
use kinfolk::parent::{CallError, EndedBy, Parent, Program, Why};
use kinfolk::pool::{Cause, PoolError, PoolEvent, Trouble};
use kinfolk_tests::labour::{CountTo, Fate, Hire};
use rustix::process::Signal;

use crate::pools::{chore, deed, gate, hired, labourer, open, pool_of};
use crate::support::{eventually, exists, signal, within};

#[tokio::test]
async fn a_task_that_may_be_done_twice_survives_its_child() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1)).await.unwrap();
    let (_dir, path) = gate();
    let receipt = within(pool.submit(chore(1, Fate::AbortsOnce(path)))).await.unwrap();
    assert_eq!(receipt.begun, 1, "the first task of a new child");
    assert_eq!(pool.stats().retried, 1);
    eventually("its end is known", || pool.stats().replaced.get(&Cause::Ended) == Some(&1)).await;
}

#[tokio::test]
async fn a_task_that_must_not_be_done_twice_is_not_and_its_error_says_that_it_had_begun() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1)).await.unwrap();
    let (_dir, path) = gate();
    let error = within(pool.submit(deed(1, Fate::AbortsOnce(path.clone())))).await.unwrap_err();
    assert!(error.is_lost() && error.delivery() == Some(Delivery::Started), "{error:?}");
    assert!(!error.is_undelivered());
    assert!(std::fs::exists(path).unwrap(), "it was done once");
    assert_eq!(within(pool.submit(deed(2, Fate::Done))).await.unwrap().number, 2, "the pool goes on");
}

#[tokio::test]
async fn a_task_that_had_not_begun_is_done_by_another_child_though_it_must_not_be_done_twice() {
    let parent = Parent::new();
    let spec = |_| hired(Hire { at_once: 1, ..Hire::default() });
    let pool = within(parent.pool(spec).size(1).concurrency(4)).await.unwrap();
    let (_dir, path) = gate();
    let busy = pool.submit(deed(0, Fate::AbortsOnce(path))).into_future();
    let behind = (1..4).map(|number| pool.submit(deed(number, Fate::Done)).into_future());
    let (busy, behind) = within(futures::future::join(busy, futures::future::join_all(behind))).await;
    assert!(busy.unwrap_err().is_lost());
    for (number, receipt) in behind.into_iter().enumerate() {
        assert_eq!(receipt.unwrap().number, number as u64 + 1);
    }
}

#[tokio::test]
async fn an_idle_child_that_is_killed_is_replaced_and_nobody_notices() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(2)).await.unwrap();
    for number in 0..4 {
        within(pool.submit(deed(number, Fate::Done))).await.unwrap();
    }
    for round in 0..5 {
        let victim = pool.children()[0].pid();
        signal(victim, Signal::KILL);
        for number in 0..20 {
            assert_eq!(within(pool.submit(deed(number, Fate::Done))).await.unwrap().number, number, "round {round}");
        }
        eventually("it was replaced", || pool.stats().serving == 2 && !exists(victim)).await;
    }
    eventually("their ends are known", || pool.stats().replaced.get(&Cause::OomLikely) == Some(&5)).await;
}

#[tokio::test]
async fn calls_survive_any_number_of_kills_of_children_at_work() {
    let parent = Parent::new();
    let builder = pool_of(&parent).size(3).no_quarantine().attempts(1_000).retry_budget(1_000.0);
    let pool = within(builder.retry_pause(Duration::from_millis(1))).await.unwrap();
    let nemesis = pool.clone();
    let killer = tokio::spawn(async move {
        for round in 0..60 {
            let victim = nemesis.children().get(round % 3).map(kinfolk::parent::Child::pid);
            if let Some(pid) = victim.filter(|pid| exists(*pid)) {
                signal(pid, Signal::KILL);
            }
            let answered = nemesis.stats().answered;
            eventually("it goes on", || nemesis.stats().answered >= answered + 5).await;
        }
    });
    let mut number = 0;
    while !killer.is_finished() {
        let calls = (number..number + 50).map(|number| pool.submit(chore(number, Fate::Done)).into_future());
        for (at, receipt) in within(futures::future::join_all(calls)).await.into_iter().enumerate() {
            assert_eq!(receipt.unwrap().number, number + at as u64);
        }
        number += 50;
    }
    within(killer).await.unwrap();
}

#[tokio::test]
async fn poison_is_quarantined_after_two_kills_and_runs_again_when_it_is_released() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(2)).await.unwrap();
    let mut events = pool.events();
    let error = within(pool.submit(chore(13, Fate::Aborts))).await.unwrap_err();
    let PoolError::Quarantined { fingerprint, kills: 2, .. } = error else { panic!("{error:?}") };
    assert!(!error.is_undelivered());
    let told =
        within(events.by_ref().filter(|event| std::future::ready(matches!(event, PoolEvent::Quarantined(_)))).next())
            .await;
    assert!(matches!(told, Some(PoolEvent::Quarantined(entry)) if entry.fingerprint == fingerprint));
    let refused = within(pool.submit(chore(13, Fate::Aborts))).await.unwrap_err();
    assert!(refused.is_quarantined(), "{refused:?}");
    assert!(within(pool.submit(chore(14, Fate::Done))).await.is_ok(), "others are not touched");
    assert_eq!(pool.quarantined()[0].fingerprint, fingerprint);
    assert_eq!(pool.stats().quarantined, 1);
    eventually("their ends are known", || pool.stats().replaced.get(&Cause::Ended) == Some(&2)).await;
    assert!(pool.release(fingerprint) && !pool.release(fingerprint));
    assert!(within(pool.submit(chore(13, Fate::Aborts))).await.unwrap_err().is_quarantined(), "it kills as before");
    eventually("their ends are known", || pool.stats().replaced.get(&Cause::Ended) == Some(&4)).await;
}

#[tokio::test]
async fn among_many_at_once_the_right_task_is_found_and_all_others_are_done() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1).concurrency(8)).await.unwrap();
    let fate = |number| if number == 17 { Fate::Aborts } else { Fate::Done };
    let calls = (0..40).map(|number| pool.submit(chore(number, fate(number))).into_future());
    for (number, outcome) in within(futures::future::join_all(calls)).await.into_iter().enumerate() {
        match outcome {
            Ok(receipt) => assert_eq!(receipt.number, number as u64),
            Err(error) => assert!(number == 17 && error.is_quarantined(), "{number}: {error:?}"),
        }
    }
    let dead = || pool.stats().replaced.get(&Cause::Ended).copied().unwrap_or_default();
    eventually("the ends are known", || dead() >= 2).await;
    assert!(dead() <= 3, "{} died of it", dead());
}

#[tokio::test]
async fn a_handler_that_overruns_its_deadline_is_killed_with_its_child_which_is_replaced() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1).cancel_grace(Duration::from_millis(50))).await.unwrap();
    let limit = Duration::from_millis(100);
    let error = within(pool.submit(chore(1, Fate::Hangs)).deadline(limit)).await.unwrap_err();
    assert!(error.is_deadline() && error.delivery() == Some(Delivery::Started), "{error:?}");
    assert_eq!(within(pool.submit(chore(2, Fate::Done))).await.unwrap().begun, 1, "by a new child");
    eventually("its end is known", || pool.stats().replaced.get(&Cause::Overrun) == Some(&1)).await;
    let error = within(pool.submit(chore(1, Fate::Hangs)).deadline(limit)).await.unwrap_err();
    assert!(error.is_deadline(), "{error:?}");
    assert!(within(pool.submit(chore(3, Fate::Done))).await.is_ok());
    let refused = within(pool.submit(chore(1, Fate::Hangs)).deadline(limit)).await.unwrap_err();
    assert!(refused.is_quarantined(), "what has cost two children by hanging is poison: {refused:?}");
}

#[tokio::test]
async fn a_handler_that_ends_when_it_is_asked_costs_no_child() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1)).await.unwrap();
    let pid = pool.children()[0].pid();
    for number in 0..5 {
        let call = pool.submit(chore(number, Fate::Waits)).deadline(Duration::from_millis(20));
        assert!(within(call).await.unwrap_err().is_deadline());
        let receipt = within(pool.submit(chore(100 + number, Fate::Done))).await.unwrap();
        assert_eq!(receipt.pid, pid);
    }
}

#[tokio::test]
async fn a_frozen_child_is_replaced_and_what_it_had_is_done_by_another() {
    let parent = Parent::new();
    let builder = pool_of(&parent).size(1).concurrency(2).frozen_after(Some(Duration::from_millis(400)));
    let pool = within(builder).await.unwrap();
    let (_dir, path) = gate();
    let frozen = pool.children()[0].pid();
    let begun = pool.try_submit(chore(1, Fate::Await(path.clone()))).unwrap();
    let begun = tokio::spawn(begun.into_future());
    eventually("it has begun", || pool.stats().running == 1).await;
    signal(frozen, Signal::STOP);
    open(&path);
    let not_begun = tokio::spawn(pool.submit(deed(2, Fate::Done)).into_future());
    assert_ne!(within(not_begun).await.unwrap().unwrap().pid, frozen);
    let again = within(begun).await.unwrap();
    assert!(again.is_ok_and(|receipt| receipt.pid != frozen));
    eventually("its end is known", || pool.stats().replaced.get(&Cause::Frozen) == Some(&1)).await;
}

#[tokio::test]
async fn a_deadline_counts_while_a_call_waits() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1)).await.unwrap();
    let (_dir, path) = gate();
    let busy = pool.try_submit(chore(1, Fate::Await(path.clone()))).unwrap();
    let late = pool.submit(chore(2, Fate::Done)).deadline(Duration::from_millis(30));
    let (busy, ()) = within(async {
        tokio::join!(busy.into_future(), async {
            let error = late.await.unwrap_err();
            assert!(matches!(error, PoolError::Deadline { .. }) && error.is_undelivered(), "{error:?}");
            open(&path);
        })
    })
    .await;
    assert_eq!(busy.unwrap().number, 1);
}

#[tokio::test]
async fn a_stream_is_tried_again_until_something_has_come() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(1)).await.unwrap();
    let (_dir, path) = gate();
    let items: Vec<_> = within(pool.stream(CountTo { number: 0, fate: Fate::AbortsOnce(path) }).collect()).await;
    assert!(items.is_empty(), "{items:?}");
    let (_dir, path) = gate();
    // More than may be on the way unread: some have been read when it dies.
    let items: Vec<_> = within(pool.stream(CountTo { number: 500, fate: Fate::AbortsOnce(path) }).collect()).await;
    assert!(matches!(items.last(), Some(Err(PoolError::Call(CallError::Exited { .. })))), "{items:?}");
}

#[tokio::test]
async fn a_pool_whose_children_cannot_start_says_why_and_takes_calls_when_they_can() {
    let parent = Parent::new();
    let spec = |_| kinfolk::parent::ChildSpec::new("labour", Program::path("/no/such/program")).init(Hire::default());
    assert!(within(parent.pool::<kinfolk_tests::labour::Labour, _, _>(spec).size(1)).await.is_err());

    let (_dir, closed) = gate();
    let unless = Some(closed.clone());
    let spec = move |_| hired(Hire { unless: unless.clone(), ..Hire::default() });
    let pool = within(parent.pool(spec).size(1)).await.unwrap();
    open(&closed);
    signal(pool.children()[0].pid(), Signal::KILL);
    let refused = loop {
        match within(pool.submit(deed(1, Fate::Done))).await {
            Err(error @ PoolError::Unavailable { .. }) => break error,
            Err(error) => panic!("{error:?}"),
            Ok(_) => {}
        }
    };
    let told = refused.to_string();
    assert!(told.contains("there is no work today") && refused.is_undelivered(), "{told}");
    let PoolError::Unavailable { trouble, .. } = refused else { unreachable!() };
    assert!(matches!(&*trouble, Trouble::Start(_)));
    std::fs::remove_file(closed).unwrap();
    let end = Instant::now() + Duration::from_secs(90);
    while pool.submit(deed(2, Fate::Done)).await.is_err() {
        assert!(Instant::now() < end, "it never takes calls again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_call_that_had_begun_says_so_also_if_no_child_is_left_to_try_it_again() {
    let parent = Parent::new();
    let (_dir, path) = gate();
    let unless = Some(path.clone());
    // Whoever aborts leaves the file behind, and no child starts while it is there.
    let pool = within(parent.pool(move |_| hired(Hire { unless: unless.clone(), ..Hire::default() })).size(1)).await;
    let error = within(pool.unwrap().submit(chore(1, Fate::AbortsOnce(path)))).await.unwrap_err();
    assert!(error.delivery() == Some(Delivery::Started) && !error.is_undelivered(), "{error:?}");
}

#[tokio::test]
async fn a_spec_that_panics_is_the_panic_of_whoever_opens_the_pool() {
    let parent = Parent::new();
    let spec = |slot: kinfolk::pool::Slot| {
        assert!(slot.index < 1, "no second one");
        labourer(0)
    };
    let opened = within(tokio::spawn(parent.pool(spec).size(2).into_future())).await;
    assert!(opened.unwrap_err().is_panic());
    eventually("nothing is left", || parent.children().is_empty()).await;
}

#[tokio::test]
async fn a_pool_ends_with_its_parent() {
    let parent = Parent::new();
    let pool = within(pool_of(&parent).size(2)).await.unwrap();
    let call = tokio::spawn(pool.submit(chore(1, Fate::Hangs)).into_future());
    eventually("it runs", || pool.stats().running == 1).await;
    drop(parent);
    let error = within(call).await.unwrap().unwrap_err();
    match error {
        PoolError::Call(CallError::Exited { report, .. }) => {
            assert_eq!(report.ended_by, EndedBy::Us(Why::ParentDropped));
        }
        error => assert!(matches!(error, PoolError::ShuttingDown { .. }), "{error:?}"),
    }
    let error = within(pool.submit(chore(2, Fate::Done))).await.unwrap_err();
    assert!(matches!(error, PoolError::ShuttingDown { .. }), "{error:?}");
    within(pool.shutdown()).await;
}
