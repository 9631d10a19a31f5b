//! Two sessions joined in memory, and the rules one by one.

mod joined;
mod random;

use super::*;
use crate::frame::{SHORT, WHOLE};

/// A one-way message is taken; the credit that is due.
fn taken<W, J>(session: &mut Session<W, J>, bytes: u64) -> Option<Grant> {
    session.taken(bytes);
    session.grant()
}

fn limits() -> Limits {
    Limits::default().max_in_flight(2).window(4, 100)
}

fn session() -> Session<&'static str, &'static str> {
    Session::new(&limits(), &limits())
}

#[test]
fn an_answer_goes_to_the_call_it_belongs_to_and_only_once() {
    let mut ours = session();
    let first = ours.call(1, "first");
    let second = ours.call(1, "second");
    assert_eq!(ours.answered(second), Ok(Settled::Waiter("second")));
    assert_eq!(ours.answered(first), Ok(Settled::Waiter("first")));
    assert_eq!(ours.answered(first), Ok(Settled::Late));
    assert_eq!(ours.in_flight(), 0);
}

#[test]
fn a_late_answer_never_reaches_a_later_call_of_the_same_slot() {
    let mut ours = session();
    let old = ours.call(1, "old");
    assert_eq!(ours.abandon(old), Some("old"));
    let new = ours.call(1, "new");
    assert_eq!(new.slot, old.slot);
    assert_eq!(ours.answered(old), Ok(Settled::Late));
    assert_eq!(ours.answered(new), Ok(Settled::Waiter("new")));
    assert_eq!(ours.abandon(new), None);
}

#[test]
fn an_answer_to_a_call_never_made_breaks_the_protocol() {
    let mut ours = session();
    let never = CallId { slot: 0, generation: 1 };
    assert_eq!(ours.answered(never), Err(Broken::UnknownCall { call: never }));
    let call = ours.call(1, "call");
    let future = CallId { generation: call.generation + 1, ..call };
    assert_eq!(ours.answered(future), Err(Broken::UnknownCall { call: future }));
    ours.abandon(call);
    assert_eq!(ours.answered(future), Err(Broken::UnknownCall { call: future }), "closed, not yet given out again");
}

#[test]
fn calls_are_bounded_in_number_and_in_bytes() {
    let mut ours = session();
    ours.call(1, "a");
    assert!(ours.may_call(1));
    let b = ours.call(1, "b");
    assert!(!ours.may_call(1), "two are the limit");
    ours.abandon(b);
    ours.call(1_000, "one may exceed the bytes");
    let mut other = session();
    let big = other.call(1_000, "big");
    assert!(!other.may_call(1), "the bytes are spent");
    other.abandon(big);
    assert!(other.may_call(1));
}

#[test]
fn a_peer_that_exceeds_its_calls_or_repeats_one_is_caught() {
    let mut ours = session();
    let call = CallId { slot: 1, generation: 5 };
    assert_eq!(ours.called(call, 1, "job"), Ok(()));
    assert_eq!(ours.called(call, 1, "job"), Err(Broken::DuplicateCall { call }));
    let beyond = CallId { slot: 2, generation: 1 };
    assert_eq!(ours.called(beyond, 1, "job"), Err(Broken::TooManyCalls { call: beyond, max: 2 }));
    assert_eq!(ours.running(), 1);
}

#[test]
fn a_cancelled_call_is_not_answered() {
    let mut ours = session();
    let call = CallId { slot: 0, generation: 1 };
    ours.called(call, 1, "job").unwrap();
    assert_eq!(ours.cancelled(call), Some("job"));
    assert!(!ours.finish(call));
    let again = CallId { slot: 0, generation: 2 };
    ours.called(again, 1, "other").unwrap();
    assert_eq!(ours.cancelled(call), None, "a cancel that crossed the answer harms nobody");
    assert!(ours.finish(again));
}

#[test]
fn a_sender_stops_at_the_window_and_goes_on_with_the_credit() {
    let (mut sender, mut receiver) = (session(), session());
    for _ in 0..4 {
        assert!(sender.may_send());
        sender.send("m", 1);
        receiver.received(1).unwrap();
    }
    assert!(!sender.may_send());
    assert_eq!(receiver.received(1), Err(Broken::NoCredit { window: 4, window_bytes: 100 }));
    assert_eq!(taken(&mut receiver, 1), None, "half a window is worth a frame, one message is not");
    let grant = taken(&mut receiver, 1).expect("half a window");
    sender.credited(grant).unwrap();
    assert!(sender.may_send());
    assert_eq!(sender.untaken(), [Untaken { message: "m", count: 2 }]);
}

#[test]
fn a_message_larger_than_the_window_passes_whatever_was_taken_before() {
    let (mut sender, mut receiver) = (session(), session());
    sender.send("small", 40);
    receiver.received(40).unwrap();
    assert_eq!(taken(&mut receiver, 40), None, "below half: the credit is still out");
    assert!(sender.may_send(), "and yet a large one may follow");
    sender.send("large", 5_000);
    receiver.received(5_000).unwrap();
    assert!(!sender.may_send());
    sender.credited(taken(&mut receiver, 5_000).expect("due by bytes")).unwrap();
    assert!(sender.untaken().is_empty());
}

#[test]
fn credit_for_what_was_not_sent_is_caught() {
    let mut ours = session();
    ours.send("m", 3);
    let grant = Grant { items: 2, bytes: 3 };
    assert_eq!(ours.credited(grant), Err(Broken::TooMuchCredit { items: 2, bytes: 3 }));
    assert!(ours.credited(Grant { items: 1, bytes: 4 }).is_err());
    let golden = *b"\x02\0\0\0\x03\0\0\0\0\0\0\0";
    assert_eq!((grant.encode(), Grant::decode(&golden)), (golden, Ok(grant)));
}

#[test]
fn closing_hands_out_everything_that_was_open_once() {
    let mut ours = session();
    let a = ours.call(1, "a");
    let b = ours.call(1, "b");
    ours.abandon(b);
    ours.called(CallId { slot: 0, generation: 9 }, 1, "job").unwrap();
    let closing = ours.close();
    assert_eq!((closing.waiters, closing.jobs), (vec![(a, "a")], vec!["job"]));
    assert!(ours.close().waiters.is_empty());
    assert_eq!(ours.answered(a), Ok(Settled::Late), "an answer under way is no offence");
    assert_eq!(ours.in_flight(), 0);
}

/// Any order of sends and takes: the two sides never disagree about the window, and nothing stays blocked once all
/// has been taken.
#[test]
fn windows_agree_under_any_interleaving() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    for _ in 0..500 {
        let (mut sender, mut receiver) = (session(), session());
        let mut held = Vec::new();
        for _ in 0..200 {
            if random(2) == 0 && sender.may_send() {
                let bytes = random(150);
                sender.send("m", bytes);
                receiver.received(bytes).expect("a sender that asks first never overruns");
                held.push(bytes);
            } else if !held.is_empty() {
                // Taken in any order: handlers and event subscribers take independently of each other.
                let bytes = held.swap_remove(random(held.len() as u64) as usize);
                if let Some(grant) = taken(&mut receiver, bytes) {
                    sender.credited(grant).expect("credit is only given for what was sent");
                }
            }
        }
        for bytes in held.drain(..) {
            if let Some(grant) = taken(&mut receiver, bytes) {
                sender.credited(grant).unwrap();
            }
        }
        assert!(sender.may_send(), "all was taken and still there is no room");
    }
}

#[test]
fn long_calls_do_not_take_the_room_of_short_ones() {
    let mut ours = Session::<_, ()>::new(&limits().max_in_flight(9), &limits().max_in_flight(9));
    let long = u64::from(SHORT) + 1;
    ours.call(long, "long");
    assert!(!ours.may_call(long) && ours.may_call(1));
    ours.call(100, "short");
    assert!(!ours.may_call(1), "short ones have a bound of their own");
}

#[test]
fn items_are_bounded_per_call_and_flow_again_with_credit() {
    let limits = limits().items(2, 100);
    let (mut caller, mut callee) = (Session::<_, ()>::new(&limits, &limits), Session::<(), _>::new(&limits, &limits));
    let call = caller.call(1, "caller");
    callee.called(call, 1, "job").unwrap();
    for _ in 0..2 {
        assert_eq!(callee.item_room(call), ItemRoom::Free);
        callee.send_item(call, 10);
        assert_eq!(caller.item(call, 10), Ok(Settled::Waiter(&mut "caller")));
    }
    assert_eq!(callee.item_room(call), ItemRoom::Full);
    let refused = caller.item(call, 10);
    assert_eq!(refused, Err(Broken::NoItemCredit { call, items: 2, bytes: 100 }), "the peer is held to it");
    let grant = {
        caller.item_taken(call, 10);
        caller.item_grant(call).unwrap()
    };
    assert_eq!(callee.item_credited(call, grant), Ok(Some(&mut "job")));
    assert_eq!(callee.item_room(call), ItemRoom::Free);
    assert!(callee.item_credited(call, Grant { items: 9, bytes: 0 }).is_err());

    callee.finish(call);
    assert_eq!(callee.item_room(call), ItemRoom::Over);
    assert_eq!(callee.item_credited(call, grant), Ok(None), "credit that was under way is no offence");
    caller.abandon(call);
    assert_eq!(caller.item(call, 10), Ok(Settled::Late), "nor is an item");
    let never = CallId { slot: 7, generation: 1 };
    assert_eq!(caller.item(never, 1), Err(Broken::UnknownCall { call: never }));
}

#[test]
fn a_caller_that_holds_too_many_bytes_breaks_the_protocol() {
    let mut callee = Session::<(), _>::new(&limits(), &limits());
    let [first, second] = [0, 1].map(|slot| CallId { slot, generation: 1 });
    callee.called(first, 1_000, "one may exceed").unwrap();
    assert_eq!(callee.called(second, 1, "job"), Err(Broken::TooManyBytes { call: second, max: 100 }));
    callee.finish(first);
    assert_eq!(callee.called(second, 1, "job"), Ok(()));
}
