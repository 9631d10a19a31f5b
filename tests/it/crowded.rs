//! The smallest limits on both sides, and more in both directions than fits: nothing waits for ever.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinfolk::Fault;
use kinfolk::parent::{CallError, Child, ChildSpec, Cx, Parent, Program, Stdio};
use kinfolk_tests::relay::{Haul, Hoist, TIGHT, Tell, Tight, Told};
use serde_bytes::ByteBuf;

use crate::support::{ASKER, bytes, eventually, within};

fn tight() -> ChildSpec<Tight> {
    let spec = ChildSpec::<Tight>::new("tight", Program::path(ASKER)).arg("--tight").limits(TIGHT);
    spec.grace(Duration::from_secs(600)).stderr(Stdio::lines()).on_message(|cx: Cx<Hoist>, Hoist(bytes)| async move {
        cx.send(bytes.clone()).await;
        Ok::<_, Fault>(bytes)
    })
}

async fn haul(child: Child<Tight>, load: ByteBuf) {
    let mut carried = Vec::new();
    let back = child.request(Haul(load.clone())).on_progress(|bytes| carried.push(bytes)).await.unwrap();
    assert!(back == load && carried == [load], "another load came back");
}

async fn haul_hundreds() {
    let parent = Parent::new();
    let child = within(parent.spawn(tight())).await.unwrap();
    let sizes = [100_000, 0, 10, 65_536, 300_000, 65_500];
    let loads = (0..300).map(|number| bytes(sizes[number % sizes.len()] + number));
    let calls = loads.map(|load| tokio::spawn(haul(child.clone(), load)));
    for call in within(futures::future::join_all(calls)).await {
        call.unwrap();
    }
}

#[tokio::test]
async fn hundreds_of_calls_that_ask_back_all_finish_within_the_smallest_limits() {
    haul_hundreds().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn hundreds_of_calls_that_ask_back_all_finish_on_several_threads() {
    haul_hundreds().await;
}

#[tokio::test]
async fn calls_and_one_way_messages_fill_both_directions_at_once_and_all_arrive() {
    let parent = Parent::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&told);
    let spec = tight().on_message(move |_, Told(bytes)| {
        let seen = Arc::clone(&seen);
        async move { seen.lock().unwrap().push(bytes.len()) }
    });
    let child = within(parent.spawn(spec)).await.unwrap();
    let calls = futures::future::join_all((0..60).map(|number| haul(child.clone(), bytes(100_000 + number))));
    let lengths: Vec<usize> = (0..200).map(|number| if number % 5 == 0 { 150_000 } else { number }).collect();
    let messages = async {
        for length in &lengths {
            child.send(Tell(bytes(*length))).await.unwrap();
        }
    };
    within(async { tokio::join!(calls, messages) }).await;
    eventually("all was told", || told.lock().unwrap().len() == lengths.len()).await;
    assert_eq!(*told.lock().unwrap(), lengths, "in order");
    assert!(within(child.shutdown()).await.status.is_success());
}

/// A call that is given up after `limit`, unless it comes to its end before. True if it was given up.
async fn haul_within(child: Child<Tight>, load: ByteBuf, limit: Duration) -> bool {
    match child.request(Haul(load.clone())).deadline(limit).await {
        Ok(back) => assert!(back == load),
        Err(CallError::Deadline { .. }) => return true,
        // The child's own call to us ended by that deadline, and it told so first.
        Err(CallError::App(fault)) => assert!(fault.to_string().contains("not answered within"), "{fault:#}"),
        Err(error) => panic!("{error:?}"),
    }
    false
}

async fn haul_and_give_up() {
    let parent = Parent::new();
    let child = within(parent.spawn(tight())).await.unwrap();
    let calls = (0..200_u64).map(|number| {
        let load = bytes(if number % 2 == 0 { 200_000 } else { 100 });
        // From at once to after most others.
        tokio::spawn(haul_within(child.clone(), load, Duration::from_micros(number * number % 40_000)))
    });
    let ends = within(futures::future::join_all(calls)).await;
    assert!(ends.into_iter().map(Result::unwrap).filter(|given_up| *given_up).count() > 0);
    within(futures::future::join_all((0..20).map(|_| haul(child.clone(), bytes(200_000))))).await;
}

#[tokio::test]
async fn calls_that_are_given_up_at_random_leave_no_room_taken() {
    haul_and_give_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn calls_that_are_given_up_at_random_on_several_threads_leave_no_room_taken() {
    haul_and_give_up().await;
}

#[tokio::test]
async fn a_message_as_long_as_may_be_travels_with_a_deadline_or_is_refused_here() {
    let parent = Parent::new();
    let child = within(parent.spawn(tight())).await.unwrap();
    // Each length about the limit, with what the codec and a deadline add.
    for less in 0..40 {
        let load = bytes((1 << 20) - less);
        for deadline in [None, Some(Duration::from_secs(600))] {
            let request = child.request(Haul(load.clone()));
            let request = match deadline {
                Some(limit) => request.deadline(limit),
                None => request,
            };
            match within(request).await {
                Ok(back) => assert!(back == load),
                Err(CallError::BadMessage { reason, .. }) => assert!(reason.contains("1048576"), "{reason}"),
                // There and not further: the way back to us adds to it.
                Err(CallError::App(fault)) => assert!(fault.to_string().contains("1048576"), "{fault:#}"),
                Err(error) => panic!("{less} less, {deadline:?}: {error:?}"),
            }
        }
    }
    within(haul(child, bytes(100))).await;
}
