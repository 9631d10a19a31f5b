//! Two children of one parent work together over a port that came to them in a message.

use std::io::Write;
use std::os::fd::AsRawFd;

use kinfolk::parent::{Child, ChildSpec, Parent, Program};
use kinfolk::port::{self, OpenError, Peering};
use kinfolk::{Fault, Port, ToChild, ToParent};
use kinfolk_tests::cousins::{
    Answer, Answers, Ask, AskLater, Asks, Begun, Cousins, Descriptors, Do, Errand, Ply, Refuse, Start,
};
use kinfolk_tests::siblings::Kin;
use rustix::process::Signal;

use crate::support::{PATIENCE, eventually, signal, within};

type Cousin = Child<Cousins>;

async fn cousin(parent: &Parent, name: &str, start: Start) -> Cousin {
    let program = Program::path(env!("CARGO_BIN_EXE_cousin"));
    within(parent.spawn(ChildSpec::<Cousins>::new(name, program).init(start))).await.unwrap()
}

async fn two(parent: &Parent) -> (Cousin, Cousin) {
    (cousin(parent, "asks", Start::default()).await, cousin(parent, "answers", Start::default()).await)
}

/// Gives both their ends; returns when both are open.
async fn join(asks: &Cousin, answers: &Cousin) {
    let (ours, theirs) = port::pair().unwrap();
    let both = async { tokio::try_join!(asks.request(Ask(ours)).into_future(), answers.request(Answer(theirs))) };
    within(both).await.unwrap();
}

async fn run(child: &Cousin, errand: Errand) -> String {
    within(child.request(Do(errand))).await.unwrap()
}

/// The words of an error of the child's handler.
fn words<T: std::fmt::Debug>(result: Result<T, kinfolk::parent::CallError<Fault>>) -> String {
    result.unwrap_err().into_app().expect("it is the handler's").to_string()
}

#[tokio::test]
async fn a_port_in_a_call_a_one_way_message_or_an_init_value_joins_two_children_both_ways() {
    let parent = Parent::new();
    let (asks, answers) = two(&parent).await;
    join(&asks, &answers).await;
    assert_eq!(run(&asks, Errand::Twice(42)).await, "84");

    let later = cousin(&parent, "later", Start::default()).await;
    let (ours, theirs) = port::pair().unwrap();
    within(later.send(AskLater(ours))).await.unwrap();
    within(answers.request(Answer(theirs))).await.unwrap();
    // Its sibling's end may be open before its own handler goes on.
    within(async { while later.request(Do(Errand::Twice(4))).await.is_err() {} }).await;
    assert_eq!(run(&later, Errand::Twice(4)).await, "8");

    let (ours, theirs) = port::pair().unwrap();
    let start = Start { port: Some(theirs), trusting: false };
    let (third, joined) = tokio::join!(cousin(&parent, "third", start), within(asks.request(Ask(ours))));
    joined.unwrap();
    assert_eq!(run(&asks, Errand::Twice(6)).await, "12");
    within(third.kill()).await;
    let error = words(within(asks.request(Do(Errand::Twice(8)))).await);
    assert!(error.contains("to the other end of the `ply` port"), "{error}");
}

#[tokio::test]
async fn a_sibling_that_is_killed_is_lost_to_the_other_which_knows_what_had_begun() {
    let parent = Parent::new();
    let (asks, answers) = two(&parent).await;
    join(&asks, &answers).await;
    let pending = tokio::spawn(asks.request(Do(Errand::Ponder(2))).into_future());
    while within(answers.request(Begun)).await.unwrap() == 0 {}
    within(answers.kill()).await;
    let told = within(pending).await.unwrap().unwrap();
    // The second waits for the first: it need not have left by then.
    let second = ["Sent", "NotSent"].map(|sent| format!("true Some(Started), true Some({sent}); Lost"));
    assert!(second.contains(&told), "{told}");

    // Another one takes its place.
    let next = cousin(&parent, "next", Start::default()).await;
    join(&asks, &next).await;
    assert_eq!(run(&asks, Errand::Twice(2)).await, "4");
    assert_eq!(run(&asks, Errand::Close).await, "ByUs");
}

#[tokio::test]
async fn a_port_that_nobody_opens_is_gone_for_the_child_at_the_other_end() {
    let parent = Parent::new();
    let (asks, answers) = two(&parent).await;
    let (ours, theirs) = port::pair().unwrap();
    within(answers.request(Refuse(theirs))).await.unwrap();
    assert_eq!(words(within(asks.request(Ask(ours))).await), "Gone", "it was dropped");

    // In the socket of a child that reads no more, and is killed.
    let (ours, theirs) = port::pair().unwrap();
    let (theirs, other) = socket(theirs);
    signal(answers.pid(), Signal::STOP);
    let unread = tokio::spawn(answers.request(Answer(theirs)).into_future());
    let waiting = tokio::spawn(asks.request(Ask(ours)).into_future());
    eventually("the port has left this process", || !is_open(&other)).await;
    within(answers.kill()).await;
    assert!(within(unread).await.unwrap().is_err());
    assert_eq!(words(within(waiting).await.unwrap()), "Gone", "it was never read");

    // In a message that did not leave.
    let (ours, theirs) = port::pair().unwrap();
    assert!(within(answers.request(Answer(theirs))).await.unwrap_err().is_undelivered());
    assert_eq!(words(within(asks.request(Ask(ours))).await), "Gone", "it was never sent");
    let (ours, theirs) = port::pair().unwrap();
    let unsent = answers.send(AskLater(theirs_as_ours(theirs)));
    assert!(within(unsent).await.is_err());
    assert_eq!(words(within(asks.request(Ask(ours))).await), "Gone", "it came back, and was dropped");
}

fn theirs_as_ours(port: Answers) -> Asks {
    Asks::from_stream(port.into_stream())
}

#[tokio::test]
async fn ends_that_do_not_go_together_are_a_mismatch_for_both_children() {
    let parent = Parent::new();
    let (asks, other) = two(&parent).await;
    let (ours, theirs) = port::pair::<Ply>().unwrap();
    let (one, two) =
        within(async { tokio::join!(asks.request(Ask(ours)), other.request(Ask(theirs_as_ours(theirs)))) }).await;
    let (one, two) = (words(one), words(two));
    assert!(one.starts_with("Mismatch") && two.starts_with("Mismatch"), "{one}; {two}");

    let (ours, theirs) = port::pair::<Kin>().unwrap();
    let theirs = Port::<ToParent<Ply>>::from_stream(theirs.into_stream());
    let here = Peering::<ToChild<Kin>>::new(ours).open();
    let (here, there) = within(async { tokio::join!(here, other.request(Answer(theirs))) }).await;
    assert!(matches!(here, Err(OpenError::Mismatch(_))), "{here:?}");
    assert!(words(there).starts_with("Mismatch"));
}

#[tokio::test]
async fn large_blobs_between_siblings_are_copied_unless_trusted_or_sealed() {
    const LARGE: usize = 3 << 20;
    let parent = Parent::new();
    let (asks, answers) = two(&parent).await;
    let trusting = cousin(&parent, "trusting", Start { port: None, trusting: true }).await;
    for (answers, lent) in [(&answers, "true copied"), (&trusting, "true in place")] {
        join(&asks, answers).await;
        for length in [LARGE, 64 << 10] {
            assert_eq!(run(&asks, Errand::See { length, sealed: false }).await, lent);
        }
        assert_eq!(run(&asks, Errand::See { length: LARGE, sealed: true }).await, "true in place");
        assert_eq!(run(&asks, Errand::See { length: 100, sealed: false }).await, "true copied");
    }
}

#[tokio::test]
async fn an_open_file_goes_from_one_sibling_to_the_other() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"from one to the other").unwrap();
    let parent = Parent::new();
    let (asks, answers) = two(&parent).await;
    join(&asks, &answers).await;
    let path = file.path().to_str().unwrap().to_owned();
    assert_eq!(run(&asks, Errand::Read(path)).await, "from one to the other");
}

/// What an end's descriptor leads to: no other socket is ever called the same.
fn socket<D: kinfolk::Direction>(port: Port<D>) -> (Port<D>, String) {
    let stream = port.into_stream();
    let target = std::fs::read_link(format!("/proc/self/fd/{}", stream.as_raw_fd())).unwrap();
    (Port::from_stream(stream), target.display().to_string())
}

/// True if this process has the socket open.
fn is_open(socket: &str) -> bool {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    entries.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|target| target.to_str() == Some(socket))
}

async fn descriptors(child: &Cousin) -> Vec<String> {
    within(child.request(Descriptors)).await.unwrap()
}

/// The descriptors of a child, once there are no more than at first.
async fn settles(child: &Cousin, first: &[String]) {
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let now = descriptors(child).await;
        if now.len() <= first.len() {
            return;
        }
        assert!(std::time::Instant::now() < end, "left open: {now:?}, at first: {first:?}");
    }
}

#[tokio::test]
async fn a_link_that_is_over_leaves_no_descriptor_in_either_child_or_their_parent() {
    let parent = Parent::new();
    let (asks, answers) = two(&parent).await;
    let (first_of_asks, first_of_answers) = (descriptors(&asks).await, descriptors(&answers).await);
    for _ in 0..10 {
        let (ours, theirs) = port::pair().unwrap();
        let ((ours, one), (theirs, other)) = (socket(ours), socket(theirs));
        let both = async { tokio::try_join!(asks.request(Ask(ours)).into_future(), answers.request(Answer(theirs))) };
        within(both).await.unwrap();
        assert!(!is_open(&one) && !is_open(&other), "the parent keeps nothing of what it handed out");
        let there = (descriptors(&asks).await, descriptors(&answers).await);
        assert!(there.0.contains(&one) && there.1.contains(&other) && !there.0.contains(&other));
        for sealed in [false, true] {
            assert!(run(&asks, Errand::See { length: 1 << 20, sealed }).await.starts_with("true"));
        }
        assert_eq!(run(&asks, Errand::Close).await, "ByUs");
        settles(&asks, &first_of_asks).await;
        settles(&answers, &first_of_answers).await;
    }
    // A port that its reader drops, and one that is given back unsent.
    let (ours, theirs) = port::pair::<Ply>().unwrap();
    let ((ours, one), (theirs, other)) = (socket(ours), socket(theirs));
    within(answers.request(Refuse(theirs))).await.unwrap();
    within(asks.kill()).await;
    assert!(within(asks.request(Ask(ours))).await.is_err());
    assert!(!is_open(&one) && !is_open(&other));
    settles(&answers, &first_of_answers).await;
}
