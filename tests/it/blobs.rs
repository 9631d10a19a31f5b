//! A blob arrives as it was sent: of any length, at any place of any message, over any link.
#![expect(clippy::disallowed_methods, reason = "one program is started by hand, to attach itself")]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use kinfolk::Blob;
use kinfolk::BlobBuilder;
use kinfolk::parent::{CallError, Child, ChildEvent, ChildSpec, Invitation, Parent, Program};
use kinfolk::testing::{Fault, FaultPlan, in_process};
use kinfolk_tests::bearer::bearer;
use kinfolk_tests::parcels::{
    Echo, Fetch, Forget, Keep, Luggage, Make, Mirror, Parcels, Plant, Post, Posted, Reflect, Sealed, Spread, Tree,
    Unload, Unpack, inode, pattern,
};

use crate::support::{BEARER, Bearer, bearing, eventually, within};

/// Where something changes: inline, behind the message, in chunks, in shared memory.
const LENGTHS: [usize; 10] =
    [0, 1, 8 * 1024, 8 * 1024 + 1, 20_000, 32 * 1024 - 1, 32 * 1024, 64 * 1024 + 1, 1 << 20, 3 * (1 << 20) + 7];

fn all() -> Vec<Blob> {
    LENGTHS.iter().enumerate().map(|(number, length)| pattern(number as u64, *length)).collect()
}

fn sealed(number: u64, length: usize) -> Blob {
    let mut builder = BlobBuilder::zeroed(length).unwrap();
    builder.as_mut().copy_from_slice(&pattern(number, length));
    builder.finish().unwrap()
}

/// Everything a message can be, with blobs in it.
async fn try_everything(parent: &Parent, spec: Bearer) {
    let spec = spec.on_message(|_, Mirror(blob)| async move { Ok(blob) });
    let child = within(parent.spawn(spec)).await.unwrap();
    in_calls(&child).await;
    in_errors_items_and_progress(&child).await;
    in_messages_and_upcalls(&child).await;
    within(child.shutdown()).await;
}

async fn in_calls(child: &Child<Parcels>) {
    for (number, length) in LENGTHS.into_iter().enumerate() {
        let blob = pattern(number as u64, length);
        let back = within(child.request(Echo(vec![blob.clone()]))).await.unwrap();
        assert!(back == [blob], "{length}");
        for in_place in [false, true] {
            let made = within(child.request(Make(length as u64, 3, in_place))).await.unwrap();
            assert!((0..3).all(|number| made[number] == pattern(number as u64, length)), "{length} {in_place}");
        }
    }
    assert!(within(child.request(Echo(all()))).await.unwrap() == all(), "all in one message");
    assert!(
        within(child.request(Echo(vec![sealed(5, 300_001), Blob::default()]))).await.unwrap()[0] == sealed(5, 300_001)
    );
}

async fn in_errors_items_and_progress(child: &Child<Parcels>) {
    let declined = within(child.request(Plant(tree(), false))).await.unwrap_err();
    assert!(matches!(declined, CallError::App(back) if back == tree()));
    assert!(within(child.request(Plant(tree(), true))).await.unwrap() == tree());

    let mut items = child.stream(Spread(all(), false));
    for blob in all() {
        assert!(within(items.next()).await.unwrap().unwrap() == blob, "{} bytes", blob.len());
    }
    let last = within(items.next()).await.unwrap().unwrap_err();
    assert!(matches!(last, CallError::App(blobs) if blobs == all()));

    let (sender, mut progress) = tokio::sync::mpsc::channel(100);
    let unload = child.request(Unload(all())).on_progress(move |blob| drop(sender.try_send(blob)));
    assert_eq!(within(unload).await.unwrap(), LENGTHS.len() as u64);
    for blob in all() {
        assert!(within(progress.recv()).await.unwrap() == blob, "{} bytes", blob.len());
    }
}

async fn in_messages_and_upcalls(child: &Child<Parcels>) {
    let mut events = child.events();
    for blob in all() {
        within(child.send(Post(blob.clone()))).await.unwrap();
        let posted = loop {
            if let ChildEvent::Message(message) = within(events.next()).await.unwrap() {
                // Twice, as two readers of the events would.
                let twice = [(); 2].map(|()| message.decode::<Posted>().unwrap().unwrap().0);
                assert!(twice[0] == twice[1]);
                break twice[0].clone();
            }
        };
        assert!(posted == blob, "{} bytes", blob.len());
        assert!(within(child.request(Reflect(blob.clone()))).await.unwrap() == blob, "{} bytes", blob.len());
    }
}

fn tree() -> Tree {
    let leaf = |number: usize| Tree::Leaf(pattern(number as u64, LENGTHS[number]));
    let named: BTreeMap<String, Tree> = (0..LENGTHS.len()).map(|number| (format!("{number}"), leaf(number))).collect();
    let pair = |left| Tree::Pair { left, right: (7, pattern(99, 70_000)) };
    let deep = (0..30).fold(leaf(9), |inner, _| Tree::Many(vec![inner, Tree::Leaf(pattern(1, 3))]));
    pair(Some(Box::new(Tree::Many(vec![Tree::Named(named), pair(None), deep]))))
}

#[tokio::test]
async fn blobs_of_every_length_arrive_in_every_kind_of_message() {
    try_everything(&Parent::new(), bearing("one")).await;
    try_everything(&Parent::new(), bearing("many").arg("--multi-thread")).await;
}

#[tokio::test]
async fn a_trusted_childs_blobs_arrive_the_same() {
    try_everything(&Parent::new(), bearing("trusted").trusted()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_of_several_threads_sees_the_same() {
    try_everything(&Parent::new(), bearing("threads").trusted()).await;
}

#[tokio::test]
async fn an_attached_child_sends_and_gets_the_same() {
    let invitation = Invitation::new().unwrap();
    let variable = invitation.to_string();
    let (name, value) = variable.split_once('=').unwrap();
    let mut program = std::process::Command::new(BEARER).env(name, value).spawn().unwrap();
    let spec = ChildSpec::<Parcels>::new("by-hand", Program::attach(invitation)).init(Luggage::default());
    try_everything(&Parent::new(), spec).await;
    assert!(program.wait().unwrap().success());
}

#[tokio::test]
async fn a_child_within_the_process_sends_and_gets_the_same() {
    let spec = ChildSpec::<Parcels>::new("hosted", in_process(bearer)).init(Luggage::default());
    try_everything(&Parent::new(), spec).await;
}

#[tokio::test]
async fn over_a_link_that_stumbles_everything_arrives_the_same() {
    let (pause, frames) = (Fault::Delay(Duration::from_millis(1)), (3..400).step_by(7));
    let plan = frames.fold(FaultPlan::new(), |plan, frame| plan.from_child(frame, pause).to_child(frame + 1, pause));
    try_everything(&Parent::new(), plan.apply(bearing("stumbling"))).await;
}

#[tokio::test]
async fn a_blob_of_the_init_value_arrives_however_long() {
    let parent = Parent::new();
    for (number, length) in LENGTHS.into_iter().enumerate() {
        let blob = pattern(number as u64, length);
        let spec = ChildSpec::<Parcels>::new(format!("init-{length}"), Program::path(BEARER));
        let child = within(parent.spawn(spec.init(Luggage { blob: blob.clone(), files: Vec::new() }))).await.unwrap();
        assert!(within(child.request(Unpack())).await.unwrap().0 == blob, "{length}");
        within(child.kill()).await;
    }
}

#[tokio::test]
async fn a_blob_outlives_whoever_sent_it_and_whoever_it_was_sent_to() {
    let parent = Parent::new();
    let mut kept = Vec::new();
    for trusted in [false, true] {
        let spec = bearing(if trusted { "trusted" } else { "other" });
        let child = within(parent.spawn(if trusted { spec.trusted() } else { spec })).await.unwrap();
        for sealed in [false, true] {
            kept.extend(within(child.request(Make(400_000, 2, sealed))).await.unwrap());
        }
        within(child.kill()).await;
    }
    drop(parent);
    for (at, blob) in kept.iter().enumerate() {
        assert!(*blob == pattern(at as u64 % 2, 400_000));
    }
    // On a thread that has no runtime.
    std::thread::spawn(move || drop(kept)).join().unwrap();
}

#[tokio::test]
async fn a_part_of_a_blob_that_was_lent_is_sent_on() {
    let parent = Parent::new();
    let child = within(parent.spawn(bearing("one").trusted())).await.unwrap();
    for part in [8_200..20_000, 3..70_000] {
        let mut blobs = within(child.request(Make(400_000, 1, false))).await.unwrap();
        let bytes = Bytes::from(blobs.remove(0)).slice(part.clone());
        let back = within(child.request(Echo(vec![Blob::from(bytes)]))).await.unwrap();
        assert!(back[0] == Blob::from(&pattern(0, 400_000)[part]));
    }
}

#[tokio::test]
async fn a_sealed_blob_is_handed_on_without_a_copy() {
    let parent = Parent::new();
    let first = within(parent.spawn(bearing("first"))).await.unwrap();
    let second = within(parent.spawn(bearing("second"))).await.unwrap();
    let blob = within(first.request(Make(1 << 20, 1, true))).await.unwrap().remove(0);
    within(second.request(Keep(blob.clone()))).await.unwrap();
    let there = within(second.request(Sealed())).await.unwrap();
    assert_eq!(there.len(), 1);
    let here = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let here = here.filter_map(|entry| std::fs::File::open(entry.path()).ok()).map(inode);
    assert!(here.into_iter().any(|found| found == there[0]), "one memory in both processes");
    // And back to where it came from.
    within(first.request(Keep(blob.clone()))).await.unwrap();
    assert_eq!(within(first.request(Sealed())).await.unwrap(), there);
    assert!(within(second.request(Fetch())).await.unwrap() == [blob.clone()]);
    drop(blob);
    within(second.request(Forget())).await.unwrap();
    let second = &second;
    eventually("the descriptor is gone", || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", second.pid())).unwrap().flatten();
        !fds.filter_map(|entry| std::fs::read_link(entry.path()).ok())
            .any(|to| to.display().to_string().contains("kinfolk-frozen"))
    })
    .await;
}
