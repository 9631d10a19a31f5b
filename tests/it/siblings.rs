//! Two processes with a direct link are to each other what a child and its parent are.
#![expect(clippy::disallowed_methods, reason = "a process that is no child is started here, and killed from outside")]

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child as Process, Command, Stdio};
use std::sync::{Arc, Mutex};

use futures::TryStreamExt;
use kinfolk::child::{self, Me};
use kinfolk::parent::{ChildSpec, Parent};
use kinfolk::port::{self, Closed, PeerHandle, Peering};
use kinfolk::{Delivery, Port, ToChild, ToParent};
use kinfolk_testing::in_process;
use kinfolk_tests::siblings::{Alone, Fed, Feed, Jot, Kin, Pipe, Produce, Sum};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::support::{bytes, within};

const SIBLING: &str = env!("CARGO_BIN_EXE_sibling");
/// Processes that are killed.
const KILLS: u64 = 30;
/// Calls under way at once: more than the other end lets in.
const CALLS: u64 = 60;

/// A process with one end of a port, and the other end.
async fn sibling(book: &Path, opening: impl FnOnce(Peering<ToChild<Kin>>) -> Peering<ToChild<Kin>>) -> Sibling {
    let (ours, theirs) = port::pair::<Kin>().unwrap();
    let stdin = Stdio::from(OwnedFd::from(theirs.into_stream()));
    // The command holds the other end's descriptor for as long as it lives.
    let process = Command::new(SIBLING).arg(book).stdin(stdin).spawn().unwrap();
    let peer = within(opening(Peering::new(ours)).open()).await.unwrap();
    Sibling { process, peer }
}

struct Sibling {
    process: Process,
    peer: PeerHandle<ToChild<Kin>>,
}

/// The numbers the process wrote down.
fn read(book: &Path) -> BTreeSet<u64> {
    let bytes = fs::read(book).unwrap();
    bytes.chunks_exact(8).map(|entry| u64::from_le_bytes(entry.try_into().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_sibling_has_done_nothing_that_is_reported_as_not_started() {
    let folder = tempfile::tempdir().unwrap();
    let mut kinds = BTreeSet::new();
    for kill in 0..KILLS {
        let book = folder.path().join(kill.to_string());
        fs::write(&book, []).unwrap();
        let Sibling { mut process, peer } = sibling(&book, |end| end).await;
        let mut calls = JoinSet::new();
        for number in 0..CALLS {
            let call = peer.request(Jot(number));
            calls.spawn(async move { (number, call.await) });
        }
        let mut ends = Vec::new();
        for _ in 0..kill {
            ends.push(within(calls.join_next()).await.unwrap().unwrap());
        }
        process.kill().unwrap();
        ends.extend(within(calls.join_all()).await);
        assert_eq!(within(peer.closed()).await, Closed::Lost);
        process.wait().unwrap();
        let book = read(&book);
        for (number, end) in ends {
            kinds.insert(end.as_ref().err().map(|error| error.delivery()));
            match end {
                Ok(answer) => assert!(answer == number && book.contains(&number)),
                Err(error) => {
                    assert!(error.is_lost(), "{error:?}");
                    assert!(!(error.is_undelivered() && book.contains(&number)), "{number} was begun: {error:?}");
                }
            }
        }
    }
    let all = [None, Some(Some(Delivery::Sent)), Some(Some(Delivery::Started))];
    assert!(all.iter().all(|kind| kinds.contains(kind)), "each end is seen in one of the kills: {kinds:?}");
}

#[tokio::test]
async fn a_flood_goes_to_a_sibling_and_back_in_order_and_the_close_loses_none_of_it() {
    const MESSAGES: usize = 400;
    let book = tempfile::NamedTempFile::new().unwrap();
    let (fed, mut received) = mpsc::channel(MESSAGES);
    let Sibling { mut process, peer } = sibling(book.path(), |end| {
        end.on_message(move |_, Fed(bytes)| {
            fed.try_send(bytes).unwrap();
            std::future::ready(())
        })
    })
    .await;
    for length in 0..MESSAGES {
        within(peer.send(Feed(bytes(length * 100)))).await.unwrap();
    }
    for length in 0..MESSAGES {
        assert_eq!(within(received.recv()).await.unwrap().len(), length * 100);
    }
    assert_eq!(within(peer.close()).await, Closed::ByUs);
    assert!(process.wait().unwrap().success(), "it has seen the link closed by its peer");
}

/// Produces numbers for its sibling.
async fn produce(me: Me<Pipe>, port: Port<ToChild<Kin>>) -> child::Result {
    let _peer = Peering::new(port)
        .on_message(|cx, Produce(count)| async move {
            for number in 0..count {
                cx.send(number).await;
            }
            Ok(())
        })
        .open()
        .await?;
    me.state(()).run().await
}

/// Adds up what its sibling produces.
async fn consume(me: Me<Pipe>, port: Port<ToParent<Kin>>) -> child::Result {
    let peer = Peering::new(port).open().await?;
    let (parent, watched) = (me.parent().clone(), peer.clone());
    tokio::spawn(async move { parent.send(Alone(watched.closed().await.to_string())).await });
    me.on_message(move |_, Sum(count)| {
        let numbers = peer.stream(Produce(count));
        async move { Ok(numbers.try_fold(0, |sum, number| async move { Ok(sum + number) }).await?) }
    })
    .run()
    .await
}

#[tokio::test]
async fn two_children_of_one_parent_work_together_until_one_of_them_is_killed() {
    let (produces, consumes) = port::pair::<Kin>().unwrap();
    let alone = Arc::new(Mutex::new(None));
    let (parent, told) = (Parent::new(), Arc::clone(&alone));
    let producer = ChildSpec::<Pipe>::new("producer", in_process(move |me| produce(me, produces)));
    let consumer = ChildSpec::<Pipe>::new("consumer", in_process(move |me| consume(me, consumes))).on_message(
        move |_, Alone(how)| {
            *told.lock().unwrap() = Some(how);
            std::future::ready(())
        },
    );
    // Each is ready once its sibling has opened its end.
    let (producer, consumer) =
        within(async { tokio::try_join!(parent.spawn(producer), parent.spawn(consumer)) }).await.unwrap();
    assert_eq!(within(consumer.request(Sum(1_000))).await.unwrap(), 499_500);
    assert!(alone.lock().unwrap().is_none());

    let endless = tokio::spawn(consumer.request(Sum(u64::MAX)).into_future());
    within(producer.kill()).await;
    let error = within(endless).await.unwrap().unwrap_err().into_app().unwrap();
    assert!(error.to_string().contains("call `Produce` to the other end of the `kin` port"), "{error}");
    crate::support::eventually("the other one is told", || alone.lock().unwrap().is_some()).await;
    assert!(alone.lock().unwrap().as_ref().unwrap().contains("gone without a word"));
    assert!(within(consumer.shutdown()).await.status.is_success());
}
