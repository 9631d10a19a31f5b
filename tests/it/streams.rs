//! Streams: every item in order, a bound on how many wait, and an end that is said once.

use std::time::{Duration, Instant};

use futures::stream::FusedStream;
use futures::{StreamExt, TryStreamExt};
use kinfolk::parent::{CallError, Child, Parent};
use kinfolk::{CancelMode, Limits};
use kinfolk_tests::Denied;
use kinfolk_tests::relay::{Counters, Grow, Piece, Pieces, Relay};
use rustix::process::Signal;

use crate::support::{asker, bytes, counted, eventually, signal, within};

async fn narrow(items: u32, bytes: u64) -> (Parent, Child<Relay>) {
    let parent = Parent::new();
    let spec = asker("narrow").limits(Limits::default().items(items, bytes));
    let child = within(parent.spawn(spec)).await.unwrap();
    (parent, child)
}

fn pieces(count: u64) -> Pieces {
    Pieces { count, sizes: vec![10], blocking: false, decline: false }
}

fn check(next: u64, piece: &Piece, size: u32) {
    assert_eq!((piece.number, piece.bytes.len()), (next, size as usize));
    assert!(piece.bytes.iter().all(|byte| *byte == next as u8), "item {next} holds other bytes");
}

#[tokio::test]
async fn all_items_come_and_then_the_end() {
    for (count, items, blocking) in
        [(0, 1, false), (1, 1, true), (2_000, 1, false), (2_000, 5, true), (5_000, 64, false)]
    {
        let (_parent, child) = narrow(items, 1 << 20).await;
        let mut stream = child.stream(Pieces { blocking, ..pieces(count) });
        for number in 0..count {
            check(number, &within(stream.next()).await.unwrap().unwrap(), 10);
            assert!(!stream.is_terminated());
        }
        for _ in 0..3 {
            assert!(within(stream.next()).await.is_none());
            assert!(stream.is_terminated());
        }
    }
}

#[tokio::test]
async fn an_error_after_the_items_is_the_last_item() {
    let (_parent, child) = narrow(3, 1 << 20).await;
    let mut stream = child.stream(Pieces { decline: true, ..pieces(50) });
    for number in 0..50 {
        check(number, &within(stream.next()).await.unwrap().unwrap(), 10);
    }
    let error = within(stream.next()).await.unwrap().unwrap_err();
    assert!(stream.is_terminated());
    assert_eq!(error.into_app(), Some(Denied("after 50".into())));
    assert!(within(stream.next()).await.is_none());
}

#[tokio::test]
async fn items_of_several_chunks_keep_their_order_among_small_ones() {
    let sizes = vec![0, 200_000, 1, 65_536, 65_500, 70_000, 300_000, 2];
    for item_bytes in [1, 150_000, 64 << 20] {
        let (_parent, child) = narrow(64, item_bytes).await;
        let mut stream = child.stream(Pieces { sizes: sizes.clone(), ..pieces(80) });
        let mut next = 0;
        while let Some(piece) = within(stream.next()).await {
            check(next, &piece.unwrap(), sizes[next as usize % sizes.len()]);
            next += 1;
        }
        assert_eq!(next, 80);
    }
}

#[tokio::test]
async fn a_slow_reader_holds_back_its_own_call_alone_and_little_is_held_for_it() {
    for (items, item_bytes, size, held) in [(8, 1 << 20, 10, 8), (64, 300_000, 100_000, 3), (1, 1, 200_000, 1)] {
        let (_parent, child) = narrow(items, item_bytes).await;
        let mut slow = child.stream(Pieces { sizes: vec![size], ..pieces(200) });
        check(0, &within(slow.next()).await.unwrap().unwrap(), size);
        // One was taken, whose credit may not have gone back.
        let count = counted(&child, "it has sent what it may", |count| count.sent >= held).await;
        assert!((held..=held + 1).contains(&count.sent), "{items} items of {size} bytes: {count:?}");
        // Others go on: another stream, and calls.
        let other: Vec<_> = within(child.stream(pieces(500)).try_collect()).await.unwrap();
        assert_eq!(other.len(), 500);
        assert_eq!(within(child.request(Grow(bytes(100_000), 1))).await.unwrap().len(), 100_001);
        let after = within(child.request(Counters())).await.unwrap();
        assert!((held..=held + 1).contains(&(after.sent - 500)), "it still waits: {after:?}");
        for number in 1..200 {
            check(number, &within(slow.next()).await.unwrap().unwrap(), size);
        }
        assert!(within(slow.next()).await.is_none());
    }
}

#[tokio::test]
async fn dropping_a_stream_drops_its_handler_also_one_that_waits_for_credit() {
    for (blocking, read) in [(false, 0), (false, 1), (true, 0), (true, 100)] {
        let (_parent, child) = narrow(2, 1 << 20).await;
        let mut stream = child.stream(Pieces { blocking, ..pieces(u64::MAX) });
        for number in 0..read {
            check(number, &within(stream.next()).await.unwrap().unwrap(), 10);
        }
        if read == 0 {
            assert!(futures::poll!(stream.next()).is_pending());
        }
        counted(&child, "it waits in `send`", |count| count.sent >= 2).await;
        drop(stream);
        let count = counted(&child, "the handler is gone", |count| count.dropped == 1).await;
        assert_eq!(count.begun, 1);
        assert_eq!(within(child.request(Grow(bytes(3), 0))).await.unwrap(), bytes(3));
    }
}

#[tokio::test]
async fn a_stream_that_is_never_polled_is_never_asked_for() {
    let (_parent, child) = narrow(2, 1 << 20).await;
    drop(child.stream(pieces(5)));
    assert_eq!(within(child.request(Counters())).await.unwrap().begun, 0);
}

#[tokio::test]
async fn a_child_that_dies_in_the_middle_leaves_what_had_arrived_and_its_end() {
    for size in [10, 100_000] {
        let (_parent, child) = narrow(64, 64 << 20).await;
        let mut stream = child.stream(Pieces { sizes: vec![size], ..pieces(u64::MAX) });
        check(0, &within(stream.next()).await.unwrap().unwrap(), size);
        counted(&child, "more have arrived", |count| count.sent >= 40).await;
        signal(child.pid(), Signal::KILL);
        within(child.wait()).await;
        let mut next = 1;
        let error = loop {
            match within(stream.next()).await.unwrap() {
                Ok(piece) => check(next, &piece, size),
                Err(error) => break error,
            }
            next += 1;
        };
        assert!(next > 1, "what had arrived is there");
        assert!(matches!(error, CallError::Exited { .. }), "{error:?}");
        assert!(within(stream.next()).await.is_none());
    }
}

#[tokio::test]
async fn many_streams_at_once_mix_nothing_up() {
    for multi_thread in [false, true] {
        let parent = Parent::new();
        let spec = asker("many").limits(Limits::default().items(3, 1 << 16));
        let spec = if multi_thread { spec.arg("--multi-thread") } else { spec };
        let child = within(parent.spawn(spec)).await.unwrap();
        let streams = (0..60_u32).map(|number| {
            let size = if number % 10 == 0 { 70_000 } else { number };
            let mut stream = child.stream(Pieces { sizes: vec![size], blocking: number % 7 == 0, ..pieces(40) });
            async move {
                let mut next = 0;
                while let Some(piece) = stream.next().await {
                    check(next, &piece.unwrap(), size);
                    next += 1;
                }
                assert_eq!(next, 40);
            }
        });
        within(futures::future::join_all(streams)).await;
    }
}

#[tokio::test]
async fn a_deadline_ends_a_stream_whose_items_never_pause() {
    let (_parent, child) = narrow(4_096, 1 << 20).await;
    let mut stream = child.stream(pieces(u64::MAX)).deadline(Duration::from_millis(100));
    let error = within(async {
        loop {
            match stream.next().await.unwrap() {
                // Slower than the handler, so that there is always one more.
                Ok(_) => std::thread::sleep(Duration::from_micros(200)),
                Err(error) => break error,
            }
        }
    })
    .await;
    assert!(error.is_deadline(), "{error:?}");
    assert!(stream.is_terminated());
    counted(&child, "the handler was dropped", |count| count.dropped == 1).await;
}

#[tokio::test]
async fn what_came_in_time_is_read_after_the_deadline_too() {
    let (_parent, child) = narrow(64, 1 << 20).await;
    // Doubled on a machine too busy for it.
    for limit in (0..8).map(|doubled| Duration::from_millis(100 << doubled)) {
        let deadline = Instant::now() + limit;
        let before = within(child.request(Counters())).await.unwrap().sent;
        let mut stream = child.stream(pieces(20)).deadline(limit);
        assert!(futures::poll!(stream.next()).is_pending());
        counted(&child, "all was sent", |count| count.sent == before + 20).await;
        // Answered behind the end of the stream, which has come by then.
        within(child.request(Counters())).await.unwrap();
        if Instant::now() < deadline {
            eventually("the deadline has passed", || Instant::now() > deadline + limit).await;
            let rest: Vec<_> = within(stream.try_collect()).await.unwrap();
            assert_eq!(rest.len(), 20);
            return;
        }
    }
    panic!("it takes more than ten seconds to send 20 items");
}

#[tokio::test]
async fn a_child_without_shared_memory_streams_as_well() {
    let parent = Parent::new();
    let child = within(parent.spawn(asker("plain").shared_memory(false))).await.unwrap();
    let all: Vec<_> = within(child.stream(pieces(500)).try_collect()).await.unwrap();
    assert_eq!(all.len(), 500);
    let mode = CancelMode::KillAfter(Duration::from_secs(600));
    let mut stream = child.stream(pieces(u64::MAX)).cancel_mode(mode);
    check(0, &within(stream.next()).await.unwrap().unwrap(), 10);
    drop(stream);
    counted(&child, "the handler is gone", |count| count.dropped == 1).await;
}
