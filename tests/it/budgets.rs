//! What may be lent at once is bounded; beyond it everything arrives all the same.

use kinfolk::parent::{Child, ChildSpec, Parent, Program};
use kinfolk::{Blob, Limits, Misbehaviour};
use kinfolk_tests::parcels::{
    Echo, Fetch, Forget, Keep, Make, Narrow, NarrowEcho, NarrowForget, NarrowKeep, Parcels, holdings, pattern,
};

use crate::support::{BEARER, bearing, within};

const LENGTHS: [usize; 5] = [64 * 1024, 90_000, 100 * 1024, 150_001, 1 << 20];

async fn narrow(parent: &Parent) -> Child<Narrow> {
    let spec = ChildSpec::<Narrow>::new("narrow", Program::path(BEARER)).arg("--narrow");
    within(parent.spawn(spec)).await.unwrap()
}

fn memory(pid: u32) -> usize {
    holdings(pid).unwrap().1
}

#[tokio::test]
async fn a_child_that_may_be_lent_little_gets_everything() {
    let parent = Parent::new();
    let child = narrow(&parent).await;
    for length in LENGTHS {
        let blobs = vec![pattern(1, length), pattern(2, length), pattern(3, 100)];
        assert!(within(child.request(NarrowEcho(blobs.clone()))).await.unwrap() == blobs, "{length}");
    }
}

#[tokio::test]
async fn a_parent_that_may_be_lent_nothing_gets_everything() {
    let parent = Parent::new();
    for (number, budget) in [0, 1, 100 * 1024].into_iter().enumerate() {
        let spec = bearing(&format!("budget-{number}")).limits(Limits::default().blob_bytes(budget));
        let child = within(parent.spawn(spec)).await.unwrap();
        for length in LENGTHS {
            for sealed in [false, true] {
                let made = within(child.request(Make(length as u64, 3, sealed))).await.unwrap();
                assert!((0..3).all(|at| made[at] == pattern(at as u64, length)), "{length} of {budget}");
            }
            // What was lent to the child in place of its own leaves it as it came.
            let blobs = vec![pattern(4, length), pattern(5, length)];
            assert!(within(child.request(Echo(blobs.clone()))).await.unwrap() == blobs, "{length} of {budget}");
        }
    }
}

#[tokio::test]
async fn a_child_that_keeps_what_it_is_lent_stops_nobody_and_what_it_drops_is_used_again() {
    let parent = Parent::new();
    let child = narrow(&parent).await;
    for round in 0..3 {
        for number in 1..=20 {
            assert_eq!(within(child.request(NarrowKeep(pattern(number, 70_000)))).await.unwrap(), number, "{round}");
        }
        assert_eq!(memory(child.pid()), 2, "one blob of 20 is lent, besides its board");
        within(child.request(NarrowForget())).await.unwrap();
        // The memory is given back before it is lent again, so the next round finds it free, and not twice.
    }
}

#[tokio::test]
async fn more_blobs_are_kept_than_there_are_regions() {
    let parent = Parent::new();
    let child = within(parent.spawn(bearing("keeper"))).await.unwrap();
    let mut kept = Vec::new();
    for number in 1..=150 {
        kept.push(pattern(number, 66_000));
        assert_eq!(within(child.request(Keep(kept[number as usize - 1].clone()))).await.unwrap(), number);
    }
    assert!(within(child.request(Fetch())).await.is_err(), "150 are more than one message takes along");
    within(child.request(Forget())).await.unwrap();
    assert!(within(child.request(Echo(kept[..60].to_vec()))).await.unwrap() == kept[..60]);
}

#[tokio::test]
async fn ten_thousand_blobs_take_the_memory_of_a_few() {
    let parent = Parent::new();
    let child = within(parent.spawn(bearing("one"))).await.unwrap();
    let blob = pattern(9, 80_000);
    for round in 0..1_000 {
        let calls = (0..10).map(|_| child.request(Echo(vec![blob.clone()])).into_future());
        for back in within(futures::future::join_all(calls)).await {
            assert!(back.unwrap()[0] == blob);
        }
        if round % 100 == 99 {
            assert!(memory(child.pid()) <= 41, "{} mappings", memory(child.pid()));
        }
    }
}

#[tokio::test]
async fn blobs_of_all_lengths_in_turn_retire_memory_and_announce_new() {
    let parent = Parent::new();
    let child = within(parent.spawn(bearing("one"))).await.unwrap();
    // Far more kinds of regions than there may be at once, and more bytes than are kept.
    let lengths = (0..8).flat_map(|round| [70_000 << (round % 8), 90_000 << (7 - round % 8), 5_000_000]);
    for length in lengths.collect::<Vec<_>>() {
        let calls = (0..9).map(|number| echoed(&child, pattern(number, length + number as usize)));
        within(futures::future::join_all(calls)).await;
    }
    assert!(child.is_connected());
}

async fn echoed(child: &Child<Parcels>, blob: Blob) {
    assert!(child.request(Echo(vec![blob.clone()])).await.unwrap() == [blob]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_lend_retire_and_announce_at_once() {
    let parent = Parent::new();
    let spec = bearing("many").arg("--multi-thread").limits(Limits::default().blob_bytes(256 << 20));
    let child = within(parent.spawn(spec)).await.unwrap();
    let tasks = (0..8_u64).map(|task| {
        let child = child.clone();
        tokio::spawn(async move {
            for round in 0..40_u64 {
                let length = 65_536 << ((task * 7 + round * 3) % 9);
                echoed(&child, pattern(task, length as usize + round as usize)).await;
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        within(task).await.unwrap();
    }
    assert!(child.is_connected(), "no {:?}", std::any::type_name::<Misbehaviour>());
}
