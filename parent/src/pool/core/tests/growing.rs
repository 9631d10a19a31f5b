//! How many children there are, and when one takes another's place.

use super::*;

fn range(min: usize, max: usize) -> Rules {
    Rules { size: PoolSize::from(min..=max), ..Rules::default() }
}

#[test]
fn a_pool_grows_only_when_somebody_has_waited_too_long_and_only_to_its_largest_size() {
    let rules = range(1, 3);
    let grow_after = rules.grow_after;
    let mut bench = Bench::open(rules);
    bench.submit_many(6);
    bench.pass(grow_after - MS);
    assert!(bench.starting.is_empty());
    assert_eq!(bench.core.next_deadline(bench.now), Some(bench.now + MS));
    bench.pass(MS);
    assert_eq!(bench.starting.len(), 1);
    bench.all_ready();
    for _ in 0..5 {
        bench.pass(grow_after);
        bench.all_ready();
    }
    assert_eq!(bench.ready.len(), 3);
    assert_eq!(bench.running.len(), 3);
}

#[test]
fn a_pool_from_zero_on_starts_with_the_first_call_and_ends_idle() {
    let rules = range(0, 2);
    let idle = rules.idle;
    let mut bench = Bench::new(rules);
    assert!(bench.starting.is_empty() && bench.core.next_deadline(bench.now).is_none());
    let call = bench.submit();
    bench.all_ready();
    bench.answer(call);
    assert_eq!(bench.core.next_deadline(bench.now), Some(bench.now + idle));
    bench.pass(idle);
    assert_eq!((bench.ready.len(), bench.leaving.len()), (0, 1));
    let again = bench.submit();
    bench.all_ready();
    assert!(bench.running.contains_key(&again));
}

#[test]
fn idle_children_are_let_go_down_to_the_smallest_size() {
    let rules = range(1, 3);
    let (grow_after, idle) = (rules.grow_after, rules.idle);
    let mut bench = Bench::open(rules);
    let calls: Vec<_> = (0..3).map(|_| bench.submit()).collect();
    for _ in 0..2 {
        bench.pass(grow_after);
        bench.all_ready();
    }
    calls.into_iter().for_each(|call| bench.answer(call));
    (0..4).for_each(|_| bench.pass(idle));
    assert_eq!((bench.ready.len(), bench.leaving.len()), (1, 2));
}

#[test]
fn a_spare_takes_the_place_of_a_child_at_the_moment_it_dies() {
    let mut bench = Bench::open(Rules { spares: 1, ..fixed(2) });
    assert_eq!((bench.core.count(Stage::Serving), bench.core.count(Stage::Spare)), (2, 1));
    let dead = *bench.ready.keys().next().unwrap();
    bench.die(dead);
    assert_eq!((bench.core.count(Stage::Serving), bench.core.count(Stage::Spare)), (2, 0));
    bench.pass(200 * MS);
    bench.all_ready();
    assert_eq!(bench.core.count(Stage::Spare), 1);
}

#[test]
fn a_child_that_is_due_is_let_go_once_its_successor_is_ready_and_its_calls_are_done() {
    let recycle = Recycle { calls: Some(3), age: None, memory: None, jitter: 0.0 };
    let mut bench = Bench::open(Rules { recycle, credits: 2, ..fixed(1) });
    let long = bench.submit();
    for _ in 0..3 {
        let call = bench.submit();
        bench.answer(call);
    }
    let old = bench.running[&long];
    assert_eq!(bench.starting.len(), 1, "its successor is on the way");
    let beside = bench.submit();
    assert_eq!(bench.running[&beside], old, "it serves until then");
    let new = bench.ready_one();
    assert_eq!(bench.ready[&new], bench.ready[&old], "in the same slot");
    let next = bench.submit();
    assert_eq!(bench.running[&next], new);
    bench.answer(long);
    assert!(bench.leaving.is_empty());
    bench.answer(beside);
    assert_eq!(bench.leaving, [old]);
}

#[test]
fn a_child_is_recycled_by_age_and_by_memory() {
    let recycle = Recycle { calls: None, age: Some(Duration::from_secs(60)), memory: Some(1_000), jitter: 0.0 };
    let mut bench = Bench::open(Rules { recycle, ..fixed(1) });
    assert_eq!(bench.core.next_deadline(bench.now), Some(bench.now + Duration::from_secs(60)));
    bench.pass(Duration::from_secs(60));
    bench.all_ready();
    assert_eq!(bench.leaving.len(), 1);
    let young = *bench.ready.keys().next().unwrap();
    bench.core.weighed(young, 1_000, bench.now);
    bench.follow();
    assert!(bench.starting.is_empty());
    bench.core.weighed(young, 1_001, bench.now);
    bench.follow();
    bench.all_ready();
    assert_eq!(bench.leaving.len(), 2);
}

#[test]
fn an_old_child_serves_on_if_its_successor_does_not_become_ready() {
    let recycle = Recycle { calls: Some(1), age: None, memory: None, jitter: 0.0 };
    let mut bench = Bench::open(Rules { recycle, ..fixed(1) });
    let call = bench.submit();
    bench.answer(call);
    let (successor, _) = bench.starting.remove(0);
    bench.core.start_failed(successor, Cure::None, bench.now);
    bench.follow();
    let call = bench.submit();
    assert!(bench.running.contains_key(&call));
}

#[test]
fn a_closed_pool_finishes_what_it_has_and_lets_all_go() {
    let mut bench = Bench::open(fixed(2));
    let calls: Vec<_> = (0..3).map(|_| bench.submit()).collect();
    bench.core.close(bench.now);
    bench.follow();
    assert_eq!(bench.enter(&bench.ask()), Err(Refusal::ShuttingDown));
    assert!(bench.leaving.is_empty() && !bench.core.is_done());
    for call in calls {
        bench.answer(call);
    }
    assert_eq!(bench.leaving.len(), 2);
    assert!(bench.core.is_done());
}
