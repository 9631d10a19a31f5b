//! A long payload delays nobody, loses no order, and can be given up half way.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{Either, select};
use futures::{FutureExt, StreamExt};
use kinfolk::parent::{CallError, Child, Parent};
use kinfolk::{Delivery, Limits};
use kinfolk_tests::relay::{Counters, Grow, Heard, Pieces, Relay, Say, Wait};
use rustix::process::Signal;
use serde_bytes::ByteBuf;

use crate::support::{asker, bytes, counted, eventually, signal, within};

const LONG: usize = 64 << 20;
/// Where it is not about how long it takes.
const LESS: usize = 24 << 20;

/// A child, and the numbers and lengths of what it has said.
async fn speaking() -> (Parent, Child<Relay>, Arc<Mutex<Vec<(u64, usize)>>>) {
    let parent = Parent::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heard);
    let spec =
        asker("speaking").limits(Limits::default().items(8, 128 << 20)).on_message(move |_, Heard(number, bytes)| {
            let seen = Arc::clone(&seen);
            async move { seen.lock().unwrap().push((number, bytes.len())) }
        });
    // No grace ends before a busy machine is done.
    let child = within(parent.spawn(spec.grace(Duration::from_secs(600)))).await.unwrap();
    (parent, child, heard)
}

/// How many small calls are answered before `long` comes to its end.
async fn small_calls_during<T>(child: &Child<Relay>, long: impl Future<Output = T>) -> (usize, T) {
    let mut long = pin!(long);
    // On its way before the first small one.
    assert!((&mut long).now_or_never().is_none());
    let mut answered = 0;
    loop {
        let small = child.request(Grow(ByteBuf::new(), 1)).into_future();
        match within(select(long.as_mut(), small)).await {
            Either::Left((result, _)) => return (answered, result),
            Either::Right((reply, _)) => assert_eq!(reply.unwrap().len(), 1),
        }
        answered += 1;
    }
}

#[tokio::test]
async fn small_calls_overtake_long_ones_in_both_directions() {
    let (_parent, child, _) = speaking().await;
    let there = child.request(Grow(ByteBuf::from(vec![1; LONG]), 0));
    let (answered, reply) = small_calls_during(&child, there.into_future()).await;
    assert_eq!(reply.unwrap().len(), LONG);
    assert!(answered >= 10, "{answered} small calls beside one to and fro");
    let back = child.request(Grow(ByteBuf::new(), LONG as u32));
    let (answered, reply) = small_calls_during(&child, back.into_future()).await;
    assert_eq!(reply.unwrap().len(), LONG);
    assert!(answered >= 5, "{answered} small calls beside a long reply");
}

#[tokio::test]
async fn small_calls_overtake_long_items_and_long_one_way_messages() {
    let (_parent, child, heard) = speaking().await;
    let mut stream = child.stream(Pieces { count: 2, sizes: vec![LONG as u32], blocking: false, decline: false });
    let (answered, items) = small_calls_during(&child, async {
        [stream.next().await.unwrap().unwrap(), stream.next().await.unwrap().unwrap()].map(|piece| piece.bytes.len())
    })
    .await;
    assert_eq!(items, [LONG; 2]);
    assert!(answered >= 5, "{answered} small calls beside long items");

    let (answered, ()) = small_calls_during(&child, async {
        child.send(Say(0, ByteBuf::from(vec![1; LONG]))).await.unwrap();
        eventually("it was said back", || heard.lock().unwrap().len() == 1).await;
    })
    .await;
    assert!(answered >= 5, "{answered} small calls beside a long message to and fro");
}

#[tokio::test]
async fn one_way_messages_keep_their_order_when_long_and_short_ones_mix() {
    let (_parent, child, heard) = speaking().await;
    let length = |number: u64| match number % 7 {
        0 => 3_000_000,
        3 => 65_536,
        5 => 200_000,
        _ => number as usize,
    };
    for number in 0..150 {
        within(child.send(Say(number, bytes(length(number))))).await.unwrap();
    }
    eventually("all was said back", || heard.lock().unwrap().len() == 150).await;
    assert_eq!(*heard.lock().unwrap(), (0..150).map(|number| (number, length(number))).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_given_up_half_way_frees_the_link_for_the_next() {
    let (_parent, child, _) = speaking().await;
    let before = within(child.request(Counters())).await.unwrap();
    for _ in 0..4 {
        let mut long = child.request(Grow(ByteBuf::from(vec![1; LESS]), 0)).into_future();
        // Some of it has left, since something that was sent after it is answered.
        let small = child.request(Grow(ByteBuf::new(), 1)).into_future();
        assert!((&mut long).now_or_never().is_none());
        assert_eq!(within(small).await.unwrap().len(), 1);
        drop(long);
        assert_eq!(within(child.request(Grow(bytes(100_000), 0))).await.unwrap(), bytes(100_000));
    }
    // The same for its reply.
    for _ in 0..4 {
        let mut long = child.request(Grow(ByteBuf::new(), LESS as u32)).into_future();
        assert!((&mut long).now_or_never().is_none());
        assert_eq!(within(child.request(Grow(ByteBuf::new(), 1))).await.unwrap().len(), 1);
        drop(long);
        assert_eq!(within(child.request(Grow(bytes(100_000), 0))).await.unwrap(), bytes(100_000));
    }
    assert_eq!(within(child.request(Counters())).await.unwrap(), before);
    assert!(within(child.shutdown()).await.status.is_success());
}

#[tokio::test]
async fn a_shutdown_waits_for_a_long_call_that_is_on_its_way() {
    let (_parent, child, heard) = speaking().await;
    let mut call = child.request(Grow(ByteBuf::from(vec![1; LESS]), 5)).into_future();
    assert!((&mut call).now_or_never().is_none());
    child.send(Say(1, bytes(2_000_000))).await.unwrap();
    let ending = {
        let child = child.clone();
        tokio::spawn(async move { child.shutdown().await })
    };
    assert_eq!(within(call).await.unwrap().len(), LESS + 5);
    let report = within(ending).await.unwrap();
    assert!(report.status.is_success(), "{report}");
    assert_eq!((report.untaken.len(), heard.lock().unwrap().clone()), (0, vec![(1, 2_000_000)]));
}

#[tokio::test]
async fn a_child_killed_while_chunks_are_under_way_ends_each_call_with_how_far_it_came() {
    for _ in 0..2 {
        let (_parent, child, _) = speaking().await;
        let begun = tokio::spawn(child.request(Wait()).into_future());
        counted(&child, "it has begun", |count| count.begun == 1).await;
        let mut back = child.request(Grow(ByteBuf::new(), LESS as u32)).into_future();
        assert!((&mut back).now_or_never().is_none());
        within(child.request(Grow(ByteBuf::new(), 1))).await.unwrap();
        signal(child.pid(), Signal::STOP);
        let mut there = child.request(Grow(ByteBuf::from(vec![1; LESS]), 0)).into_future();
        assert!((&mut there).now_or_never().is_none());
        signal(child.pid(), Signal::KILL);
        let lost = |result: Result<ByteBuf, CallError<kinfolk::Fault>>| match result.unwrap_err() {
            CallError::Exited { delivery, .. } => delivery,
            error => panic!("{error:?}"),
        };
        assert_eq!(lost(within(there).await), Delivery::NotSent);
        // It was answered, as far as the child knew.
        assert!(lost(within(back).await) >= Delivery::Sent);
        let error = within(begun).await.unwrap().unwrap_err();
        assert_eq!(error.delivery(), Some(Delivery::Started));
        let later = within(child.request(Counters()).deadline(Duration::from_secs(600))).await.unwrap_err();
        assert!(later.is_lost() && later.is_undelivered(), "{later:?}");
    }
}
