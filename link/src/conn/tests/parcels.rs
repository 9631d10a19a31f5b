//! Two connections joined by a socket, over which blobs and descriptors travel.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use kinfolk_protocol::{Blob, Handle};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::sockopt::set_socket_send_buffer_size;

use super::*;
use crate::sys::Socket;

#[derive(Serialize, Deserialize)]
struct Parcel(u32, Vec<Blob>, Vec<Handle<File>>);
impl Message for Parcel {
    type To = ToChild<Pair>;
    type Contract = OneWay;
    const NAME: &'static str = "Parcel";
}

/// Two ends; a write takes next to nothing.
fn joined(limits: Limits) -> (End, End) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let end = |stream: UnixStream, peer| {
        set_socket_send_buffer_size(&stream, 4_096).unwrap();
        let transport: Arc<dyn Transport> = Arc::new(Socket::new(OwnedFd::from(stream)).unwrap());
        let reader = Reader::new(Arc::clone(&transport), limits.max_message);
        let conn = Arc::new(Conn::new(transport, peer, Trust::Trusted, &limits, &limits));
        let writing = Arc::clone(&conn);
        tokio::spawn(async move { writing.write().await });
        End { conn, reader }
    };
    (end(ours, Peer::Child(ChildName::new("c").unwrap())), end(theirs, Peer::Parent))
}

fn file(text: &str) -> Handle<File> {
    let mut file = File::from(memfd_create("parcel", MemfdFlags::CLOEXEC).unwrap());
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    file.into()
}

fn blob(number: u32, length: usize) -> Blob {
    Blob::from(vec![number as u8; length])
}

fn packed(end: &End, blobs: Vec<Blob>) -> Packed {
    end.conn.pack::<Bincode, _>(&Parcel(0, blobs, Vec::new())).unwrap()
}

/// True if a blob of that length would be lent now.
fn would_lend(end: &End, length: usize) -> bool {
    packed(end, vec![blob(0, length)]).len() < 1_000
}

const ROOM: usize = 200_000;

fn narrow() -> Limits {
    Limits::default().blob_bytes(ROOM as u64)
}

#[tokio::test]
async fn what_is_packed_and_not_sent_is_not_lent() {
    let (parent, _child) = joined(narrow());
    let one = packed(&parent, vec![blob(1, 150_000)]);
    assert!(one.len() < 1_000 && !would_lend(&parent, 70_000));
    drop(one);
    assert!(would_lend(&parent, ROOM));
}

#[tokio::test]
async fn a_long_call_that_is_given_up_takes_its_loans_back() {
    let (mut parent, mut child) = joined(narrow());
    let data = 40 * 30_000;
    let blobs = || (0..40).map(|number| blob(number, 30_000)).chain([blob(9, 150_000)]).collect();
    for round in 0..3 {
        let first = packed(&parent, blobs());
        assert!((data..data + 3_000).contains(&first.len()));
        let mut calling = parent.conn.call(MessageId::of("Ask"), first, Manner::default());
        assert!(std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut calling).poll(cx).is_pending())).await);
        settle_down().await;
        assert!(!would_lend(&parent, 70_000));
        assert_eq!(calling.give_up(|_| {}), Some(Delivery::NotSent), "{round}");
        assert!(would_lend(&parent, ROOM), "{round}");
    }
    let last = parent.conn.call(MessageId::of("Ask"), packed(&parent, blobs()), Manner::default());
    let last = tokio::spawn(last);
    let asked = loop {
        match child.next().await.unwrap() {
            Some(Received::Handled) => {} // A region, or a payload that was given up.
            Some(Received::Call(asked)) => break asked,
            other => panic!("{other:?}"),
        }
    };
    let Parcel(_, came, _) = asked.payload.decode::<Bincode, _>().unwrap();
    assert!(came.len() == 41 && came[40] == blob(9, 150_000));
    drop(came);
    assert!(!would_lend(&parent, ROOM));
    assert!(matches!(parent.next().await, Ok(Some(Received::Handled))), "it is given back");
    assert!(would_lend(&parent, ROOM));
    last.abort();
}

#[tokio::test]
async fn descriptors_stay_with_their_frames_however_these_are_cut() {
    const COUNT: u32 = 300;
    // Nothing is lent: what is long is cut.
    let (parent, mut child) = joined(Limits::default().blob_bytes(0).window(COUNT, 1 << 30));
    let length = |number: u32| [0, 5_000, 30_000, 150_000][number as usize % 4];
    let conn = Arc::clone(&parent.conn);
    let sending = tokio::spawn(async move {
        for number in 0..COUNT {
            let files = (0..number % 5).map(|at| file(&format!("{number}.{at}"))).collect();
            conn.send(Parcel(number, vec![blob(number, length(number))], files)).await.unwrap();
        }
    });
    for expected in 0..COUNT {
        let Ok(Some(Received::Message(Letter { payload, .. }))) = child.next().await else {
            panic!("a message is missing")
        };
        let Parcel(number, blobs, files) = payload.decode::<Bincode, _>().unwrap();
        assert_eq!(number, expected, "in order");
        assert!(blobs == [blob(number, length(number))]);
        assert_eq!(files.len() as u32, number % 5);
        for (at, mut file) in files.into_iter().enumerate() {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, format!("{number}.{at}"));
        }
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn calls_overtake_each_other_with_their_own_descriptors() {
    const COUNT: u32 = 200;
    let (parent, mut child) = joined(Limits::default().blob_bytes(0).window(1_024, 1 << 30));
    let calls: Vec<_> = (0..COUNT)
        .map(|number| {
            let length = [150_000, 30_000, 5_000, 0][number as usize % 4];
            let parcel = Parcel(number, vec![blob(number, length)], vec![file(&number.to_string())]);
            let packed = parent.conn.pack::<Bincode, _>(&parcel).unwrap();
            tokio::spawn(parent.conn.call(MessageId::of("Ask"), packed, Manner::default()))
        })
        .collect();
    let (mut seen, mut last, mut overtaken) = (HashSet::new(), 0, false);
    for _ in 0..COUNT {
        let Parcel(number, blobs, mut files) = child.expect_call().await.payload.decode::<Bincode, _>().unwrap();
        overtaken |= number < last;
        last = number;
        let mut text = String::new();
        files[0].read_to_string(&mut text).unwrap();
        assert_eq!(text, number.to_string());
        assert!(blobs[0].iter().all(|byte| *byte == number as u8) && seen.insert(number));
    }
    assert!(overtaken, "or this tests nothing");
    calls.into_iter().for_each(|call| call.abort());
}

/// Code of the program's that runs where its memory is dropped, and sends.
struct Sends(Arc<Conn>, Vec<u8>);

impl AsRef<[u8]> for Sends {
    fn as_ref(&self) -> &[u8] {
        &self.1
    }
}

impl Drop for Sends {
    fn drop(&mut self) {
        assert!(self.0.is_open() && self.0.in_flight() < 1_000);
        self.0.try_send(Note(vec![7])).unwrap();
    }
}

#[tokio::test]
async fn memory_of_the_programs_is_dropped_where_nothing_is_locked() {
    let (parent, mut child) = joined(Limits::default());
    let owned = |length| Blob::from(Bytes::from_owner(Sends(Arc::clone(&parent.conn), vec![1; length])));
    for length in [9_000, 30_000, 500_000] {
        parent.conn.send(Parcel(1, vec![owned(length)], Vec::new())).await.unwrap();
        for _ in 0..2 {
            let received = child.next().await;
            let received = if matches!(received, Ok(Some(Received::Handled))) { child.next().await } else { received };
            assert!(matches!(received, Ok(Some(Received::Message(_)))), "{received:?}");
        }
        // One that is given up, half sent.
        let packed = packed(&parent, (0..50).map(|_| owned(30_000)).collect());
        let mut calling = parent.conn.call(MessageId::of("Ask"), packed, Manner::default());
        assert!(std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut calling).poll(cx).is_pending())).await);
        drop(calling);
        for _ in 0..50 {
            assert!(matches!(child.next().await, Ok(Some(Received::Message(_)))));
        }
    }
}

#[test]
fn a_connection_whose_runtime_ends_lets_go_of_what_it_was_to_lend() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let lending = runtime.block_on(async {
        let (parent, _child) = joined(Limits::default());
        for number in 0..5 {
            let blobs = vec![blob(1, 30_000), blob(2, 30_000), blob(3, 150_000)];
            parent.conn.send(Parcel(number, blobs, Vec::new())).await.unwrap();
        }
        settle_down().await;
        assert!(parent.conn.queued() > 0, "or this tests nothing");
        Arc::downgrade(&parent.conn.lending)
    });
    drop(runtime);
    assert!(lending.upgrade().is_none());
}

#[tokio::test]
async fn a_peer_has_us_hold_so_many_descriptors_and_the_message_with_one_more_fails_alone() {
    let (sender, mut receiver) = joined(Limits::default().descriptors(2));
    let files = |count| (0..count).map(|_| Handle::from(File::open("/dev/null").unwrap())).collect();
    let mut held = Vec::new();
    for (number, count) in [2, 1].into_iter().enumerate() {
        sender.conn.send(Parcel(number as u32, Vec::new(), files(count))).await.unwrap();
        let Ok(Some(Received::Message(letter))) = receiver.next().await else { panic!("a message is missing") };
        held.push(letter.payload);
    }
    let error = held.pop().unwrap().decode::<Bincode, Parcel>().err().unwrap().to_string();
    assert!(error.contains("attachment 0 was lost: messages not decoded yet hold as many descriptors as"), "{error}");
    // What was decoded is the program's own, and counts no more.
    let Parcel(_, _, first) = held.pop().unwrap().decode::<Bincode, Parcel>().unwrap();
    sender.conn.send(Parcel(2, Vec::new(), files(2))).await.unwrap();
    let Ok(Some(Received::Message(letter))) = receiver.next().await else { panic!("a message is missing") };
    let Parcel(_, _, second) = letter.payload.decode::<Bincode, Parcel>().unwrap();
    assert_eq!((first.len(), second.len()), (2, 2));
}
