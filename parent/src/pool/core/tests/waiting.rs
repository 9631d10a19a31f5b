//! Who gets a child, who waits, and who is refused.

use super::*;

#[test]
fn calls_run_at_once_while_there_is_room_and_then_one_by_one() {
    let mut bench = Bench::open(fixed(2));
    let calls: Vec<_> = (0..5).map(|_| bench.submit()).collect();
    assert_eq!((bench.running.len(), bench.waiting.len()), (2, 3));
    bench.answer(calls[0]);
    assert!(bench.running.contains_key(&calls[2]), "whoever came first goes first");
    assert_eq!((bench.running.len(), bench.waiting.len()), (2, 2));
}

#[test]
fn a_full_queue_makes_patient_calls_wait_and_refuses_the_others() {
    let mut bench = Bench::open(Rules { queue: Some(2), ..fixed(1) });
    let first = bench.submit();
    bench.submit_many(2);
    let now = Ask { patience: Patience::Now, ..bench.ask() };
    assert_eq!(bench.enter(&now), Err(Refusal::Overloaded { waiting: 2 }));
    let in_line = bench.submit();
    assert!(bench.waiting.contains(&in_line));
    bench.answer(first);
    assert_eq!(bench.enter(&now), Err(Refusal::Overloaded { waiting: 2 }), "the line moved up");
}

#[test]
fn a_pool_that_refuses_when_full_never_has_a_line() {
    let mut bench = Bench::open(Rules { queue: Some(1), when_full: WhenFull::Refuse, ..fixed(1) });
    bench.submit_many(2);
    assert_eq!(bench.enter(&bench.ask()), Err(Refusal::Overloaded { waiting: 1 }));
}

#[test]
fn a_queue_that_does_not_get_shorter_sheds_the_lowest_class() {
    let mut bench = Bench::open(Rules { when_full: WhenFull::ShedAfter(100 * MS), ..fixed(1) });
    bench.submit_many(2);
    bench.pass(100 * MS);
    bench.submit();
    bench.pass(MS);
    assert_eq!(bench.enter(&bench.ask()), Err(Refusal::Overloaded { waiting: 2 }));
    let high = Ask { priority: Priority::High, ..bench.ask() };
    assert!(bench.enter(&high).is_ok());
}

#[test]
fn a_call_that_leaves_makes_room_for_the_next() {
    let mut bench = Bench::open(Rules { queue: Some(1), ..fixed(1) });
    let calls: Vec<_> = (0..4).map(|_| bench.submit()).collect();
    bench.waiting.remove(&calls[1]);
    bench.core.leave(calls[1], bench.now);
    bench.answer(calls[0]);
    assert!(bench.running.contains_key(&calls[2]));
}

#[test]
fn a_handler_that_works_for_nobody_keeps_its_place_until_it_has_ended() {
    let mut bench = Bench::open(fixed(1));
    let (first, second) = (bench.submit(), bench.submit());
    let worker = bench.running[&first];
    bench.end(first, End::GivenUp, 1);
    assert!(bench.waiting.contains(&second), "the child is busy");
    bench.core.owes(worker, 0, bench.now);
    bench.follow();
    assert!(bench.running.contains_key(&second));
}

#[test]
fn a_call_that_is_to_run_alone_gets_a_child_that_is_cleared_for_it() {
    let mut bench = Bench::open(Rules { credits: 4, ..fixed(1) });
    let busy: Vec<_> = (0..3).map(|_| bench.submit()).collect();
    let loner = Ask { alone: true, ..bench.ask() };
    let loner = bench.enter(&loner).unwrap();
    let other = bench.submit();
    busy.into_iter().for_each(|call| bench.answer(call));
    assert!(bench.running.contains_key(&loner) && bench.waiting.contains(&other));
    bench.answer(loner);
    assert!(bench.running.contains_key(&other));
}

#[test]
fn a_child_that_was_being_cleared_goes_on_when_nobody_is_to_run_alone_any_more() {
    let mut bench = Bench::open(Rules { credits: 2, ..fixed(1) });
    let busy = bench.submit();
    let loner = Ask { alone: true, ..bench.ask() };
    let loner = bench.enter(&loner).unwrap();
    let other = bench.submit();
    assert!(bench.waiting.contains(&other));
    bench.waiting.remove(&loner);
    bench.core.leave(loner, bench.now);
    bench.follow();
    assert!(bench.running.contains_key(&other) && bench.running.contains_key(&busy));
}
