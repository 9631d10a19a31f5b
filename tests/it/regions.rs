//! Atomics that several processes have: no addition is lost, and nobody can take them away.

use std::sync::atomic::{AtomicU64, Ordering};

use kinfolk::parent::{CallError, Parent};
use kinfolk::{Handle, Region};
use kinfolk_tests::parcels::{Lay, LayWide, Number, Tally, TallyFile, file};

use crate::support::{bearing, eventually, within};

#[tokio::test]
async fn no_addition_of_several_processes_is_lost() {
    const TIMES: u64 = 200_000;
    let parent = Parent::new();
    let region = Region::<AtomicU64>::new(3).unwrap();
    let one = within(parent.spawn(bearing("one"))).await.unwrap();
    let other = within(parent.spawn(bearing("other"))).await.unwrap();
    let ours = region.clone();
    let adding = tokio::task::spawn_blocking(move || {
        for _ in 0..TIMES {
            ours[2].fetch_add(1, Ordering::Relaxed);
        }
    });
    let theirs = [&one, &other].map(|child| child.request(Tally(region.clone(), 2, TIMES)).into_future());
    for counted in within(futures::future::join_all(theirs)).await {
        assert!(counted.unwrap() >= TIMES);
    }
    adding.await.unwrap();
    let mut values = [9; 3];
    region.load(0, &mut values);
    assert_eq!(values, [0, 0, 3 * TIMES]);
}

#[tokio::test]
async fn a_region_outlives_the_process_that_made_it() {
    let parent = Parent::new();
    let child = within(parent.spawn(bearing("one"))).await.unwrap();
    let region = within(child.request(Lay(3_000))).await.unwrap();
    within(child.kill()).await;
    let mut values = vec![0; 3_000];
    region.load(0, &mut values);
    assert!(values.iter().copied().eq(0..3_000));
    region.store(2_999, &[7]);
    assert_eq!(region[2_999].load(Ordering::Relaxed), 7);
}

#[tokio::test]
async fn what_a_killed_process_had_counted_stays_counted() {
    let parent = Parent::new();
    let region = Region::<AtomicU64>::new(1).unwrap();
    let child = within(parent.spawn(bearing("one"))).await.unwrap();
    let counting = tokio::spawn(child.request(Tally(region.clone(), 0, u64::MAX)).into_future());
    eventually("it counts", || region[0].load(Ordering::Relaxed) > 1_000).await;
    within(child.kill()).await;
    assert!(within(counting).await.unwrap().is_err());
    let counted = region[0].load(Ordering::Relaxed);
    assert!(counted > 1_000 && counted == region[0].load(Ordering::Relaxed));
}

#[tokio::test]
async fn other_atomics_and_other_files_are_refused_in_words() {
    let parent = Parent::new();
    let child = within(parent.spawn(bearing("one"))).await.unwrap();
    let error = within(child.request(LayWide(5))).await.unwrap_err();
    let sentence = "a region of 4-byte atomics, in place of `AtomicU64` of 8";
    assert!(matches!(&error, CallError::BadReply { reason, .. } if reason.contains(sentence)), "{error}");
    let forged = |count, size| TallyFile(count, size, Handle::new(file("no region").unwrap()), 0, 1);
    for (count, size) in [(1, 8), (0, 8), (u64::MAX, 8), (1, 4)] {
        let error = within(child.request(forged(count, size))).await.unwrap_err();
        assert!(matches!(&error, CallError::BadMessage { .. }), "{error}");
    }
    assert_eq!(within(child.request(Number(4))).await.unwrap(), 4, "and nothing else happens");
}
