//! A child that forges blobs and handles ends, or has one message refused, and nobody else notices.

use futures::StreamExt;
use kinfolk::parent::{Child, ChildEvent, ChildSpec, Disconnected, EndedBy, Parent, Program, Why, WithInit};
use kinfolk::{Limits, Misbehaviour};
use kinfolk_tests::parcels::{Luggage, Number, Parcels, Posted};

use crate::support::{FORGER, bearing, within};

fn forger(fault: &str) -> ChildSpec<Parcels, WithInit<Parcels>> {
    let limits = Limits::default().blob_bytes(100_000);
    ChildSpec::<Parcels>::new("forger", Program::path(FORGER)).arg(fault).init(Luggage::default()).limits(limits)
}

/// What a forger is caught at. One that behaves is beside it.
async fn caught(spec: ChildSpec<Parcels, WithInit<Parcels>>, fault: &str) -> Misbehaviour {
    let parent = Parent::new();
    let good = within(parent.spawn(bearing("good"))).await.unwrap();
    let child = within(parent.spawn(spec)).await.unwrap();
    let misbehaviour = misbehaviour(&child, fault).await;
    assert_eq!(within(child.wait()).await.ended_by, EndedBy::Us(Why::Misbehaved), "{fault}");
    assert_eq!(within(good.request(Number(5))).await.unwrap(), 5, "{fault}: nobody else notices");
    misbehaviour
}

async fn misbehaviour(child: &Child<Parcels>, fault: &str) -> Misbehaviour {
    let (mut events, mut kept) = (child.events(), Vec::new());
    loop {
        match within(events.next()).await.expect("it ends with `Exited`") {
            ChildEvent::Disconnected(Disconnected::Misbehaved(misbehaviour)) => return misbehaviour,
            ChildEvent::Disconnected(other) => panic!("{fault}: {other:?}"),
            // What it lends stays lent.
            event => kept.push(event),
        }
    }
}

async fn all_are_caught(faults: &[(&str, &str)]) {
    for trusted in [false, true] {
        for (fault, words) in faults {
            let spec = forger(fault);
            let text = caught(if trusted { spec.trusted() } else { spec }, fault).await.to_string();
            assert!(text.contains(words), "{fault}: {text}");
        }
    }
}

#[tokio::test]
async fn descriptors_that_are_not_as_announced_are_caught_and_named() {
    all_are_caught(&[
        ("announced-and-missing", "a Message frame without the descriptors it announces"),
        ("unannounced", "descriptors that belong to no frame"),
        ("one-too-many", "a Message frame with 2 descriptors, of which its table says 1"),
        ("two-hundred", "descriptors that belong to no frame"),
        ("strays-within-a-payload", "descriptors that belong to no frame"),
        ("flag-without-table", "a Message frame with 0 attachments"),
        ("on-credit", "a Credit frame with 1 attachments: it may have 0"),
        ("on-chunk", "a Chunk frame with 1 attachments: it may have 0"),
        ("on-ready", "a Ready frame with unknown flags"),
    ])
    .await;
}

#[tokio::test]
async fn tables_that_make_no_sense_are_caught_and_named() {
    all_are_caught(&[
        ("large-table", "a Message frame with 65 attachments: it may have 64"),
        ("table-beyond", "count"),
        ("unknown-entry", "kind"),
        ("data-beyond", "length"),
        ("board", "a region or a board in a message"),
        ("region-in-message", "a region or a board in a message"),
    ])
    .await;
}

#[tokio::test]
async fn memory_that_is_not_fit_to_be_read_is_caught_and_named() {
    all_are_caught(&[
        ("region:unsealed", "not sealed against shrinking, growing, new writers"),
        ("region:may-grow", "not sealed against growing"),
        ("region:writable", "not sealed against new writers"),
        ("region:shorter", "has 4096 bytes and not 65536"),
        ("region:longer", "has 131072 bytes and not 65536"),
        ("region:holes", "only 0 are allocated"),
        ("region:file", "not one of memory that can be shared"),
        ("region:folder", "not one of memory that can be shared"),
        ("region:pipe", "not one of memory that can be shared"),
        ("region:socket", "not one of memory that can be shared"),
        ("region:twice", "it named region 3, which it may not"),
        ("region:too-many", "it named region 64, which it may not"),
        ("region:retired-unknown", "it named region 9, which it may not"),
    ])
    .await;
}

#[tokio::test]
async fn loans_that_may_not_be_are_caught_and_named() {
    all_are_caught(&[
        ("loan:unknown-region", "it named region 7, which it may not"),
        ("loan:another-region", "it named region 7, which it may not"),
        ("loan:beyond", "it lent 65537 bytes of region 0, which has 65536"),
        ("loan:twice", "it lent blob 0, which it has lent already"),
        ("loan:after-retired", "it named region 0, which it may not"),
        ("loan:returned-unknown", "it gave blob 5 back, which it was not lent"),
        ("loan:returned-sealed-unknown", "it gave blob 2147483648 back, which it was not lent"),
        ("loan:returned-short", "Returned"),
        ("loan:over-budget", "it lent 200000 bytes beyond the 100000"),
    ])
    .await;
}

/// What comes of the first message of a forger.
async fn first(child: &Child<Parcels>) -> Result<Posted, String> {
    let mut events = child.events();
    loop {
        match within(events.next()).await.expect("it does not end") {
            ChildEvent::Message(message) => {
                return message.decode::<Posted>().unwrap().map_err(|error| error.to_string());
            }
            ChildEvent::Disconnected(other) => panic!("{other:?}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_sealed_blob_that_is_none_is_refused_alone() {
    let parent = Parent::new();
    for (fault, words) in [
        ("sealed:writable", "not sealed against writing"),
        ("sealed:may-shrink", "not sealed against shrinking"),
        ("sealed:shorter", "has 65535 bytes and not 65536"),
        ("sealed:longer", "has 65537 bytes and not 65536"),
        ("sealed:holes", "only 0 are allocated"),
        ("sealed:pipe", "not one of memory that can be shared"),
        ("sealed:file", "not one of memory that can be shared"),
        ("handle-for-blob", "attachment 0 is a handle, in place of a blob"),
        ("nothing-for-blob", "attachment 0 of 0 does not exist"),
    ] {
        let child = within(parent.spawn(forger(fault))).await.unwrap();
        let text = first(&child).await.unwrap_err();
        assert!(text.contains(words), "{fault}: {text}");
        assert!(child.is_connected(), "{fault}");
        within(child.kill()).await;
    }
}

#[tokio::test]
async fn what_was_sealed_or_lent_reads_as_some_bytes_whatever_its_sender_does() {
    let parent = Parent::new();
    for fault in ["sealed:changed-later", "region:kept-written"] {
        let spec = forger(fault).limits(Limits::default());
        let child = within(parent.spawn(spec)).await.unwrap();
        let Posted(blob) = first(&child).await.unwrap();
        assert!(blob.iter().all(|byte| *byte == blob[0]), "{fault}");
        assert!(child.is_connected(), "{fault}");
        within(child.kill()).await;
    }
}

#[tokio::test]
async fn what_is_lent_without_end_to_a_parent_that_cannot_give_it_back_is_caught() {
    let parent = Parent::new();
    let child = within(parent.spawn(forger("lends-and-never-reads"))).await.unwrap();
    let mut call = child.request(Number(1)).into_future();
    assert!(futures::poll!(&mut call).is_pending());
    drop(call);
    let text = misbehaviour(&child, "lends-and-never-reads").await.to_string();
    assert!(text.contains("it lent blob 2147483648, which it has lent already"), "{text}");
}

#[tokio::test]
async fn a_child_has_its_parent_hold_so_many_descriptors_and_what_is_beyond_is_refused_alone() {
    let parent = Parent::new();
    let spec = forger("sealed:without-end").limits(Limits::default().descriptors(5));
    let child = within(parent.spawn(spec)).await.unwrap();
    // Read, and so held, before any of them is decoded.
    let messages = child.events().filter_map(async |event| match event {
        ChildEvent::Message(message) => Some(message),
        _ => None,
    });
    let held = within(messages.take(8).collect::<Vec<_>>()).await;
    for message in &held[..5] {
        assert!(message.decode::<Posted>().unwrap().is_ok());
    }
    for message in &held[5..] {
        let text = message.decode::<Posted>().unwrap().unwrap_err().to_string();
        assert!(text.contains("messages not decoded yet hold as many descriptors as"), "{text}");
    }
    assert!(child.is_connected());
}
