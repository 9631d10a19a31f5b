//! Two connections joined in memory.

mod parcels;
mod shapes;

use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use kinfolk_protocol::{
    Bincode, Call, Failure, Flags, Header, Kind, Message, MessageId, OneWay, Protocol, ToChild, Version, Welcomed,
};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::*;
use crate::error::LinkError;
use crate::memory::Memory;
use crate::reader::{Frame, Reader};
use crate::transport::Passed;

enum Pair {}
impl Protocol for Pair {
    const NAME: &'static str = "pair";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

#[derive(Serialize, Deserialize)]
struct Ask(u32);
impl Message for Ask {
    type To = ToChild<Pair>;
    type Contract = Call<u32>;
    const NAME: &'static str = "Ask";
}

#[derive(Serialize, Deserialize)]
struct Note(Vec<u8>);
impl Message for Note {
    type To = ToChild<Pair>;
    type Contract = OneWay;
    const NAME: &'static str = "Note";
}

struct End {
    conn: Arc<Conn>,
    reader: Reader,
}

impl End {
    async fn next(&mut self) -> Result<Option<Received>, LinkError> {
        match self.reader.next().await? {
            Some(frame) => Ok(Some(self.conn.receive(frame)?)),
            None => Ok(None),
        }
    }

    async fn expect_call(&mut self) -> Asked {
        match self.next().await.unwrap() {
            Some(Received::Call(asked)) => asked,
            other => panic!("{other:?}"),
        }
    }
}

fn pair(limits: Limits, capacity: usize) -> (End, End) {
    let (ours, theirs) = Memory::pair(capacity);
    let end = |transport: Memory, peer| {
        let transport: Arc<dyn Transport> = Arc::new(transport);
        let reader = Reader::new(Arc::clone(&transport), limits.max_message);
        let conn = Arc::new(Conn::new(transport, peer, Trust::Untrusted, &limits, &limits));
        let writing = Arc::clone(&conn);
        tokio::spawn(async move { writing.write().await });
        End { conn, reader }
    };
    (end(ours, Peer::Child(ChildName::new("c").unwrap())), end(theirs, Peer::Parent))
}

fn call(end: &End, payload: &[u8]) -> tokio::task::JoinHandle<CallOutcome> {
    tokio::spawn(end.conn.call(MessageId::of("Ask"), payload.to_vec().into(), Manner::default()))
}

/// Lets everything that can run do so.
async fn settle_down() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_call_is_answered_over_a_link_of_any_width() {
    for capacity in [1, 7, 64, 1 << 20] {
        let (mut parent, mut child) = pair(Limits::default(), capacity);
        let waiting = call(&parent, &[42]);
        let asked = child.expect_call().await;
        assert_eq!(asked.payload.message()[..], [42]);
        Answering::new(Arc::clone(&child.conn), asked.call).settle::<Ask>(Ok(7)).await;
        assert!(matches!(parent.next().await, Ok(Some(Received::Handled))));
        assert!(matches!(waiting.await.unwrap(), CallOutcome::Answer(bytes) if bytes.message()[..] == [7]));
    }
}

#[tokio::test]
async fn a_dropped_call_is_cancelled_at_the_other_end() {
    let (parent, mut child) = pair(Limits::default(), 1 << 20);
    let waiting = call(&parent, &[1]);
    let asked = child.expect_call().await;
    let running = tokio::spawn(std::future::pending::<()>());
    child.conn.attach(asked.call, running.abort_handle());
    waiting.abort();
    assert!(matches!(child.next().await, Ok(Some(Received::Handled))));
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(parent.conn.in_flight(), 0);
    // What is attached too late is ended at once.
    let late = tokio::spawn(std::future::pending::<()>());
    child.conn.attach(asked.call, late.abort_handle());
    assert!(late.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_their_turn() {
    let (mut parent, mut child) = pair(Limits::default().max_in_flight(2), 1 << 20);
    let calls: Vec<_> = (0..5).map(|n| call(&parent, &[n])).collect();
    settle_down().await;
    assert_eq!(parent.conn.in_flight(), 2);
    for n in 0..5 {
        let asked = child.expect_call().await;
        assert_eq!(asked.payload.message()[..], [n], "first come, first served");
        Answering::new(Arc::clone(&child.conn), asked.call).fail(&Failure::Unsupported).await;
        parent.next().await.unwrap();
        settle_down().await;
    }
    for call in calls {
        assert!(matches!(call.await.unwrap(), CallOutcome::Failed(Failure::Unsupported)));
    }
}

#[tokio::test]
async fn a_sender_without_credit_waits_and_try_send_gives_the_message_back() {
    let (mut parent, mut child) = pair(Limits::default().window(2, 1 << 20), 1 << 20);
    parent.conn.send(Note(vec![1])).await.unwrap();
    parent.conn.try_send(Note(vec![2])).unwrap();
    let refused = parent.conn.try_send(Note(vec![3])).unwrap_err();
    assert_eq!((refused.message.0, refused.cause), (vec![3], SendCause::Full));

    let third = tokio::spawn(parent.conn.send(Note(vec![4])));
    settle_down().await;
    assert!(!third.is_finished());
    for _ in 0..2 {
        assert!(matches!(child.next().await, Ok(Some(Received::Message(_)))));
        child.conn.taken(2);
    }
    parent.next().await.unwrap();
    third.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_the_peer_does_not_handle_or_take_is_refused_before_it_is_sent() {
    let (parent, _child) = pair(Limits::default().max_message(65_536), 64);
    let error = parent.conn.send(Note(vec![0; 70_000])).await.unwrap_err();
    assert!(matches!(error.cause, SendCause::TooLong { bytes: 70_005, max: 65_536 }), "{error}");
    parent.conn.welcome(vec![Welcomed::of::<Ask>()]);
    let error = parent.conn.send(Note(Vec::new())).await.unwrap_err();
    assert_eq!(error.cause, SendCause::Unsupported);
    assert!(error.to_string().contains("`Note` to child `c`"), "{error}");
}

#[tokio::test]
async fn an_ended_link_tells_every_caller_how_far_it_came() {
    // Room for the first frame only: the second stays in the queue.
    let (parent, child) = pair(Limits::default().max_in_flight(2), 24);
    let first = call(&parent, &[]);
    settle_down().await;
    let second = call(&parent, &[]);
    let third = call(&parent, &[]);
    settle_down().await;
    drop(child);
    parent.conn.close();
    parent.conn.end_calls(Known::All);
    assert!(matches!(first.await.unwrap(), CallOutcome::Lost(Delivery::Sent)));
    assert!(matches!(second.await.unwrap(), CallOutcome::Lost(Delivery::NotSent)));
    assert!(matches!(third.await.unwrap(), CallOutcome::Lost(Delivery::NotSent)));
    assert!(matches!(call(&parent, &[]).await.unwrap(), CallOutcome::Lost(Delivery::NotSent)));
}

#[tokio::test]
async fn calls_that_are_given_up_do_not_pile_up_behind_a_peer_that_does_not_read() {
    let (parent, _child) = pair(Limits::default(), 64);
    for _ in 0..100 {
        let call = tokio::spawn(parent.conn.call(MessageId::of("Ask"), vec![0; 1 << 20].into(), Manner::default()));
        settle_down().await;
        call.abort();
        settle_down().await;
    }
    assert!(parent.conn.queued() <= QUEUE.bytes + (2 << 20), "{} bytes", parent.conn.queued());
}

#[tokio::test]
async fn an_answer_that_cannot_be_sent_says_so() {
    let (mut parent, mut child) = pair(Limits::default().max_message(65_536), 1 << 20);
    let waiting = call(&parent, &[]);
    let asked = child.expect_call().await;
    let long = kinfolk_protocol::Fault::new("x".repeat(70_000));
    Answering::new(Arc::clone(&child.conn), asked.call).settle::<Ask>(Err(long)).await;
    parent.next().await.unwrap();
    let outcome = waiting.await.unwrap();
    assert!(matches!(&outcome, CallOutcome::Failed(Failure::BadAnswer(text)) if text.contains("65536")), "{outcome:?}");
}

#[tokio::test]
async fn only_a_parent_is_told_that_a_cancelled_handler_has_ended() {
    let (parent, child) = pair(Limits::default(), 64);
    for (end, pile) in [(parent, false), (child, true)] {
        for slot in 0..1_000 {
            let header = Header { flags: Flags::REPORT, ..Header::of_call(Kind::Cancel, CallId::from_bits(slot), 0) };
            end.conn.receive(Frame { header, payload: Bytes::new(), passed: Passed::default() }).unwrap();
        }
        assert_eq!(end.conn.queued() > 10_000, pile, "{:?}", end.conn.peer());
    }
}

/// Has both ends use a board, which memory cannot pass.
fn share_board(parent: &End, child: &End) {
    let (board, descriptor) = Board::create(parent.conn.theirs.max_in_flight).unwrap();
    child.conn.use_board(&descriptor).unwrap();
    parent.conn.their_board.set(board).unwrap();
}

/// A call that was sent and is given up.
async fn given_up(parent: &End, payload: Vec<u8>, manner: Manner) -> Option<Delivery> {
    let mut calling = parent.conn.call(MessageId::of("Ask"), payload.into(), manner);
    let pending = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut calling).poll(cx).is_pending())).await;
    assert!(pending, "nobody has answered");
    calling.give_up(|_| {})
}

#[tokio::test]
async fn a_call_that_was_withdrawn_does_not_begin_when_it_arrives() {
    // With room for it, and without: then it leaves after it was given up.
    for capacity in [1 << 20, 1] {
        let (parent, mut child) = pair(Limits::default(), capacity);
        share_board(&parent, &child);
        let expected = if capacity == 1 { Delivery::NotSent } else { Delivery::Sent };
        let manner = Manner { report: true, ..Manner::default() };
        assert_eq!(given_up(&parent, vec![1], manner).await, Some(expected));
        let asked = child.expect_call().await;
        assert!(!Scope::new(&child.conn, &asked).begin().await);
        child.conn.idle().await;
        assert_eq!(child.conn.queued(), 0, "it is not answered");
        let mut parent = parent;
        assert!(matches!(child.next().await, Ok(Some(Received::Handled))), "the cancel");
        let stopped = parent.next().await;
        assert!(matches!(stopped, Ok(Some(Received::Stopped(call))) if call == asked.call), "{stopped:?}");
    }
}

#[tokio::test]
async fn a_call_that_has_begun_cannot_be_withdrawn() {
    let (parent, mut child) = pair(Limits::default(), 1 << 20);
    share_board(&parent, &child);
    let mut calling = parent.conn.call(MessageId::of("Ask"), vec![1].into(), Manner::default());
    assert!(std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut calling).poll(cx).is_pending())).await);
    let asked = child.expect_call().await;
    assert!(Scope::new(&child.conn, &asked).begin().await);
    assert_eq!(calling.give_up(|_| {}), Some(Delivery::Started));
}

#[tokio::test]
async fn without_a_board_a_call_that_may_reach_a_living_peer_counts_as_begun() {
    for capacity in [1 << 20, 1] {
        let (parent, _child) = pair(Limits::default(), capacity);
        assert_eq!(given_up(&parent, vec![1], Manner::default()).await, Some(Delivery::Started));
        // The peer never sees the end of a long one.
        let long = given_up(&parent, vec![1; 2 << 20], Manner::default()).await;
        assert_eq!(long, Some(Delivery::NotSent));
        let waiting = call(&parent, &[]);
        settle_down().await;
        parent.conn.end_calls(Known::Part);
        assert!(matches!(waiting.await.unwrap(), CallOutcome::Lost(Delivery::Started)));
    }
}

#[tokio::test]
async fn the_first_call_after_a_rest_is_told_of_and_no_other() {
    let (mut parent, mut child) = pair(Limits::default(), 1 << 20);
    let told = async |parent: &End| timeout(Duration::ZERO, parent.conn.in_use()).await.is_ok();
    for rests in [false, true, true, false] {
        if rests {
            assert!(parent.conn.rest());
        }
        for first in [rests, false] {
            let waiting = call(&parent, &[1]);
            let asked = child.expect_call().await;
            assert_eq!(told(&parent).await, first);
            assert!(!parent.conn.rest(), "it is in flight");
            Answering::new(Arc::clone(&child.conn), asked.call).settle::<Ask>(Ok(7)).await;
            parent.next().await.unwrap();
            waiting.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_child_is_rung_only_where_it_has_a_board_to_beat_on() {
    let (parent, _child) = pair(Limits::default(), 1 << 20);
    let mut init = Packed::default();
    parent.conn.share_bell(&mut init);
    parent.conn.ring();
    assert!(init.is_empty() && parent.conn.beats().is_none());
    let (board, descriptor) = Board::create(4).unwrap();
    let _childs = Board::open(&descriptor).unwrap();
    parent.conn.their_board.set(board).unwrap();
    parent.conn.share_bell(&mut init);
    assert_eq!(init.len(), kinfolk_protocol::ENTRY_LEN);
    parent.conn.ring();
    assert_eq!(parent.conn.beats(), None, "nobody answers");
}

#[tokio::test]
async fn a_link_that_is_aborted_lets_go_of_its_bell() {
    let (parent, _child) = pair(Limits::default(), 1 << 20);
    let (bell, childs_end) = Bell::create().unwrap();
    *lock(&parent.conn.their_bell) = Some(bell);
    assert!(!crate::sys::peer_has_finished(&childs_end));
    parent.conn.abort();
    assert!(crate::sys::peer_has_finished(&childs_end));
    parent.conn.ring();
    assert_eq!(parent.conn.beats(), None);
}

#[tokio::test]
async fn a_childs_calls_are_not_noted_on_its_parents_board() {
    let (mut parent, mut child) = pair(Limits::default(), 1 << 20);
    share_board(&parent, &child);
    // Both calls are the first of their directions, and have the same id.
    let ours = call(&parent, &[1]);
    let theirs = call(&child, &[2]);
    let (ours_there, theirs_here) = (child.expect_call().await, parent.expect_call().await);
    assert_eq!(ours_there.call, theirs_here.call);
    assert!(Scope::new(&parent.conn, &theirs_here).begin().await);
    parent.conn.end_calls(Known::All);
    assert!(matches!(ours.await.unwrap(), CallOutcome::Lost(Delivery::Sent)));
    child.conn.end_calls(Known::Part);
    assert!(matches!(theirs.await.unwrap(), CallOutcome::Lost(Delivery::Started)), "a parent does not tell");
}
