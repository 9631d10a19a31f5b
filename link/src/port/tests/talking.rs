//! What travels over a port arrives as it does between a parent and a child.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use futures::{StreamExt, TryStreamExt};
use kinfolk_protocol::Failure;
use tokio::sync::Semaphore;

use super::*;
use crate::conn::SendCause;

#[tokio::test]
async fn calls_go_both_ways_and_a_handler_asks_back() {
    let (asks, answers) = linked(
        |end| end.on_message(|_, Ask(number)| async move { Ok(number + 1) }),
        |end| {
            end.on_message(|cx, Double(number)| async move {
                cx.send(50).await;
                Ok(2 * cx.peer().request(Ask(number)).await?)
            })
        },
    )
    .await;
    let mut progress = Vec::new();
    let doubled = within(asks.request(Double(1)).on_progress(|value| progress.push(value))).await.unwrap();
    assert_eq!((doubled, progress), (4, vec![50]));
    assert_eq!(within(answers.request(Ask(8))).await.unwrap(), 9);
}

#[tokio::test]
async fn one_way_messages_are_handled_in_order_and_a_sender_without_credit_waits() {
    let (gate, taken) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (held, seen) = (Arc::clone(&gate), Arc::clone(&taken));
    let (asks, _answers) = linked(
        |end| end,
        |end| {
            end.limits(Limits::default().window(2, 1 << 20)).on_message(move |_, Blob(bytes)| {
                let (gate, taken) = (Arc::clone(&held), Arc::clone(&seen));
                async move {
                    gate.acquire().await.unwrap().forget();
                    taken.lock().unwrap().push(bytes[0]);
                }
            })
        },
    )
    .await;
    asks.send(Blob(vec![0])).await.unwrap();
    asks.try_send(Blob(vec![1])).unwrap();
    assert_eq!(asks.try_send(Blob(vec![9])).unwrap_err().cause, SendCause::Full);
    let waiting = asks.clone();
    let waiting = tokio::spawn(async move { waiting.send(Blob(vec![2])).await.unwrap() });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    gate.add_permits(3);
    within(waiting).await.unwrap();
    eventually("all are handled", || taken.lock().unwrap().len() == 3).await;
    assert_eq!(*taken.lock().unwrap(), [0, 1, 2]);
}

#[tokio::test]
async fn a_message_that_is_not_handled_is_told_to_its_sender_and_gives_its_credit_back() {
    let rejected = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&rejected);
    let (asks, _answers) = linked(
        |end| {
            end.on_rejected(move |message, failure| {
                told.lock().unwrap().push((message, failure));
                panic!("its own business");
            })
        },
        |end| {
            end.limits(Limits::default().window(1, 1)).on_message(|_, Blob(bytes)| async move {
                assert!(bytes.is_empty(), "too much");
            })
        },
    )
    .await;
    for bytes in [vec![1], vec![], vec![2]] {
        within(asks.send(Blob(bytes))).await.unwrap();
    }
    eventually("two are rejected", || rejected.lock().unwrap().len() == 2).await;
    for (message, failure) in rejected.lock().unwrap().drain(..) {
        assert_eq!((message.name(), message.is::<Blob>()), (Some("Blob"), true));
        assert!(matches!(failure, Failure::Panicked(panic) if panic.message == "too much"));
    }
}

#[tokio::test]
async fn both_directions_full_at_once_do_not_stop_each_other() {
    const MESSAGES: u64 = 300;
    let limits = Limits::default().window(1, 1).max_in_flight(1);
    let (there, back) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted_there, counted_back) = (Arc::clone(&there), Arc::clone(&back));
    let (asks, answers) = linked(
        |end| {
            end.limits(limits).on_message(|_, Ask(number)| async move { Ok(number) }).on_message(move |_, Back(_)| {
                counted_back.fetch_add(1, Ordering::SeqCst);
                std::future::ready(())
            })
        },
        |end| {
            end.limits(limits).on_message(|_, Double(number)| async move { Ok(2 * number) }).on_message(
                move |_, Blob(_)| {
                    counted_there.fetch_add(1, Ordering::SeqCst);
                    std::future::ready(())
                },
            )
        },
    )
    .await;
    let one = async {
        for number in 0..MESSAGES {
            asks.send(Blob(vec![0; 20_000])).await.unwrap();
            assert_eq!(asks.request(Double(number)).await.unwrap(), 2 * number);
        }
    };
    let other = async {
        for number in 0..MESSAGES {
            answers.send(Back(vec![0; 20_000])).await.unwrap();
            assert_eq!(answers.request(Ask(number)).await.unwrap(), number);
        }
    };
    within(async { tokio::join!(one, other) }).await;
    let all = || (there.load(Ordering::SeqCst), back.load(Ordering::SeqCst)) == (MESSAGES, MESSAGES);
    eventually("all are handled", all).await;
}

#[tokio::test]
async fn a_slow_reader_holds_up_its_own_stream_and_nothing_else() {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let (asks, _answers) = linked(
        |end| end.limits(Limits::default().items(2, 1 << 20)),
        |end| {
            end.on_message(|_, Double(number)| async move { Ok(2 * number) }).on_message(move |cx, Count(to)| {
                let sent = Arc::clone(&counted);
                async move {
                    for number in 0..to {
                        cx.send(number).await;
                        sent.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(())
                }
            })
        },
    )
    .await;
    let mut items = asks.stream(Count(100));
    assert_eq!(within(items.next()).await.unwrap().unwrap(), 0);
    for number in 0..100 {
        assert_eq!(within(asks.request(Double(number))).await.unwrap(), 2 * number);
    }
    assert!(sent.load(Ordering::SeqCst) <= 4, "two are unread, and credit for one or two more is on its way");
    let rest: Vec<_> = within(items.try_collect()).await.unwrap();
    assert_eq!(rest, (1..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn cancel_and_deadline_cross_the_port() {
    let (begun, dropped) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (begins, drops) = (Arc::clone(&begun), Arc::clone(&dropped));
    let (asks, _answers) = linked(
        |end| end,
        |end| {
            end.on_message(move |cx, Double(seconds)| {
                let (begun, dropped) = (Arc::clone(&begins), Arc::clone(&drops));
                let left = cx.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
                assert_eq!(left.is_some(), seconds > 0);
                assert!(left.is_none_or(|left| left <= Duration::from_secs(seconds)));
                async move {
                    let _dropped = AddOnDrop(dropped);
                    begun.add_permits(1);
                    std::future::pending().await
                }
            })
        },
    )
    .await;
    let given_up = tokio::spawn(asks.request(Double(0)).into_future());
    within(begun.acquire()).await.unwrap().forget();
    given_up.abort();
    within(dropped.acquire()).await.unwrap().forget();

    let mut pending = asks.request(Double(1)).deadline(Duration::from_secs(1)).into_future();
    let error = within(&mut pending).await.unwrap_err();
    assert!(error.is_deadline(), "{error:?}");
    within(dropped.acquire()).await.unwrap().forget();
}

struct AddOnDrop(Arc<Semaphore>);
impl Drop for AddOnDrop {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

#[tokio::test]
async fn what_the_other_end_cannot_do_fails_its_own_call_and_says_why() {
    let (asks, _answers) = linked(
        |end| end,
        |end| {
            end.on_message(|_, Slim(number)| async move { Ok(number) })
                .on_message(|_, Double(number)| async move { if number > 0 { Ok(number) } else { panic!("oh no") } })
        },
    )
    .await;
    let says = |error: CallError<Fault>| error.to_string();
    let panicked = says(within(asks.request(Double(0))).await.unwrap_err());
    assert_eq!(panicked, "the handler of call `Double` to the other end of the `chain` port panicked: \"oh no\"");
    let mismatch = within(asks.request(Wide(1, 2))).await.unwrap_err();
    assert!(matches!(mismatch, CallError::ShapeMismatch { .. }) && mismatch.is_undelivered(), "{mismatch:?}");
    let mismatch = says(mismatch);
    assert!(mismatch.contains("`(u64, u64)` in this program and `(u64,)` in the other"), "{mismatch}");
    let unsupported = asks.stream(Count(1)).next().await.unwrap().unwrap_err();
    assert!(matches!(unsupported, CallError::Unsupported { .. }), "{unsupported:?}");
    let refused = asks.send(Blob(vec![1])).await.unwrap_err();
    assert_eq!((refused.cause, refused.message), (SendCause::Unsupported, Blob(vec![1])));
    assert_eq!(within(asks.request(Double(3))).await.unwrap(), 3, "the rest goes on");
}
