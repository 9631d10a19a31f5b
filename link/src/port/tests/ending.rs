//! Every link over a port ends within a bound, and both ends learn how.

use std::fs;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use kinfolk_protocol::Direction;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::*;
use crate::conn::{Delivery, SendCause};

/// The one end asks; the other one answers `Double` once there is a permit.
async fn gated(grace: Duration) -> (AsksHandle, AnswersHandle, Arc<Semaphore>, Arc<Semaphore>) {
    let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (begins, waits) = (Arc::clone(&begun), Arc::clone(&gate));
    let (asks, answers) = linked(
        |end| end,
        |end| {
            end.grace(grace).on_message(move |_, Double(number)| {
                let (begun, gate) = (Arc::clone(&begins), Arc::clone(&waits));
                async move {
                    begun.add_permits(1);
                    gate.acquire().await?.forget();
                    Ok(2 * number)
                }
            })
        },
    )
    .await;
    (asks, answers, begun, gate)
}

#[tokio::test]
async fn an_end_that_closes_finishes_what_it_has_begun_and_lets_nothing_new_in() {
    let (asks, answers, begun, gate) = gated(PATIENCE).await;
    let running = tokio::spawn(asks.request(Double(4)).into_future());
    within(begun.acquire()).await.unwrap().forget();
    let closing = tokio::spawn(async move { answers.close().await });
    eventually("the other end knows", || !asks.is_connected()).await;
    let late = within(asks.request(Double(5))).await.unwrap_err();
    assert_eq!((late.is_lost(), late.delivery()), (true, Some(Delivery::NotSent)));
    gate.add_permits(1);
    assert_eq!(within(running).await.unwrap().unwrap(), 8);
    assert_eq!(within(closing).await.unwrap(), Closed::ByUs);
    assert_eq!(within(asks.closed()).await, Closed::ByPeer);
    let refused = asks.send(Blob(vec![1])).await.unwrap_err();
    assert!(matches!(refused.cause, SendCause::Unsupported | SendCause::Disconnected), "{refused}");
}

#[tokio::test]
async fn all_that_was_accepted_is_handled_before_the_other_end_sees_the_close() {
    let handled = Arc::new(Semaphore::new(0));
    let counted = Arc::clone(&handled);
    let (asks, answers) = linked(
        |end| end,
        |end| {
            end.on_message(move |_, Blob(_)| {
                let handled = Arc::clone(&counted);
                async move {
                    tokio::task::yield_now().await;
                    handled.add_permits(1);
                }
            })
        },
    )
    .await;
    for _ in 0..500 {
        within(asks.send(Blob(vec![0; 3_000]))).await.unwrap();
    }
    assert_eq!(within(asks.close()).await, Closed::ByUs);
    assert_eq!(within(answers.closed()).await, Closed::ByPeer);
    assert_eq!(handled.available_permits(), 500);
}

#[tokio::test]
async fn a_handler_that_does_not_end_is_cut_off_at_the_end_of_the_grace() {
    let (asks, answers, begun, _gate) = gated(Duration::from_millis(20)).await;
    let running = tokio::spawn(asks.request(Double(4)).into_future());
    within(begun.acquire()).await.unwrap().forget();
    assert_eq!(within(answers.close()).await, Closed::Cut);
    let error = within(running).await.unwrap().unwrap_err();
    assert_eq!((error.is_lost(), error.delivery()), (true, Some(Delivery::Started)));
    assert_eq!(within(asks.closed()).await, Closed::Lost, "it is not told to be whole");
}

#[tokio::test]
async fn the_last_handle_of_an_end_without_handlers_closes_it_and_a_call_holds_it_open() {
    let (asks, answers, begun, gate) = gated(PATIENCE).await;
    let running = tokio::spawn(asks.request(Double(4)).into_future());
    drop(asks);
    within(begun.acquire()).await.unwrap().forget();
    assert!(answers.is_connected());
    gate.add_permits(1);
    assert_eq!(within(running).await.unwrap().unwrap(), 8);
    assert_eq!(within(answers.closed()).await, Closed::ByPeer);
}

#[tokio::test]
async fn an_end_with_handlers_serves_on_without_a_handle() {
    let (asks, answers, _begun, gate) = gated(PATIENCE).await;
    drop(answers);
    gate.add_permits(1);
    assert_eq!(within(asks.request(Double(4))).await.unwrap(), 8);
    assert_eq!(within(asks.close()).await, Closed::ByUs);
}

#[tokio::test]
async fn both_ends_may_close_at_once() {
    for _ in 0..50 {
        let (asks, answers, _begun, _gate) = gated(PATIENCE).await;
        let both = within(async { tokio::join!(asks.close(), answers.close()) }).await;
        assert!(matches!(both, (Closed::ByUs | Closed::ByPeer, Closed::ByUs | Closed::ByPeer)), "{both:?}");
    }
}

#[tokio::test]
async fn the_death_of_one_end_is_seen_by_calls_streams_and_messages_of_the_other() {
    let (asks, answers) = pair::<Chain>().unwrap();
    let (die, dies) = tokio::sync::oneshot::channel::<()>();
    // A runtime that is dropped takes everything on it along, as a process does.
    let death = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let end = Peering::new(answers)
                .concurrency(1)
                .on_message(|_, Double(_)| std::future::pending())
                .on_message(|cx, Count(_)| async move {
                    cx.send(1).await;
                    std::future::pending().await
                })
                .on_message(|_, Blob(_)| std::future::pending());
            let _handle = end.open().await.unwrap();
            // Also if the test has failed.
            let _ = dies.await;
        });
    });
    let asks = within(Peering::new(asks).open()).await.unwrap();
    let mut items = asks.stream(Count(2));
    assert_eq!(within(items.next()).await.unwrap().unwrap(), 1);
    // There is one permit, and the stream has it.
    let waiting = tokio::spawn(asks.request(Double(1)).into_future());
    asks.send(Blob(vec![1])).await.unwrap();
    tokio::task::yield_now().await;
    die.send(()).unwrap();
    let begun = within(items.next()).await.unwrap().unwrap_err();
    let not_begun = within(waiting).await.unwrap().unwrap_err();
    assert_eq!((begun.is_lost(), begun.delivery()), (true, Some(Delivery::Started)));
    assert!(not_begun.is_lost() && not_begun.is_undelivered(), "{not_begun:?}");
    assert_eq!(within(asks.closed()).await, Closed::Lost);
    assert_eq!(asks.send(Blob(vec![1])).await.unwrap_err().cause, SendCause::Disconnected);
    death.join().unwrap();
}

#[tokio::test]
async fn an_end_that_reads_no_more_and_does_not_leave_is_given_up_at_the_end_of_the_grace() {
    let (asks, other) = pair::<Chain>().unwrap();
    let mut other = other.into_stream();
    greet(&mut other);
    let asks = within(Peering::new(asks).grace(Duration::from_millis(20)).open()).await.unwrap();
    other.shutdown(Shutdown::Read).unwrap();
    let error = within(asks.request(Double(1))).await.unwrap_err();
    assert_eq!((error.is_lost(), error.delivery()), (true, Some(Delivery::NotSent)));
    assert_eq!(within(asks.closed()).await, Closed::Lost);
}

/// What `/proc` calls a port's socket, which no other one is called as long as it is open.
fn socket_name<D: Direction>(port: Port<D>) -> (Port<D>, PathBuf) {
    let stream = port.into_stream();
    let name = fs::read_link(format!("/proc/self/fd/{}", stream.as_raw_fd())).unwrap();
    (Port::from_stream(stream), name)
}

fn is_open(name: &Path) -> bool {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().flatten();
    descriptors.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|found| found == name)
}

#[tokio::test]
async fn a_port_that_is_closed_leaves_no_descriptor_and_no_task() {
    let before = Handle::current().metrics().num_alive_tasks();
    let (asks, answers) = pair::<Chain>().unwrap();
    let ((asks, one), (answers, other)) = (socket_name(asks), socket_name(answers));
    let answers = Peering::new(answers).on_message(|_, Double(_)| std::future::pending());
    let opened = within(async { tokio::try_join!(Peering::new(asks).open(), answers.open()) });
    let (asks, answers) = opened.await.unwrap();
    assert!(is_open(&one) && is_open(&other));
    let running = tokio::spawn(asks.request(Double(4)).into_future());
    eventually("it has a call", || asks.shared.conn.in_flight() == 1).await;
    let conns = [Arc::downgrade(&asks.shared.conn), Arc::downgrade(&answers.shared.conn)];
    within(asks.close()).await;
    within(answers.closed()).await;
    within(running).await.unwrap().unwrap_err();
    assert!(!is_open(&one) && !is_open(&other), "although there are handles");
    eventually("no task is left", || Handle::current().metrics().num_alive_tasks() == before).await;
    drop((asks, answers));
    assert!(conns.iter().all(|conn| conn.strong_count() == 0));
}
