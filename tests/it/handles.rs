//! A file or a socket arrives as itself: the same one, with the type it was sent with, and in its own message.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

use futures::StreamExt;
use kinfolk::parent::{CallError, Child, ChildEvent, ChildSpec, Parent, Program};
use kinfolk::testing::{Fault, FaultPlan, in_process};
use kinfolk::{Blob, Handle, SendCause};
use kinfolk_tests::bearer::bearer;
use kinfolk_tests::parcels::{
    Echo, Files, Hand, Handed, KeepHandle, KeepMore, Luggage, Number, Parcels, Pass, PassAll, Put, PutAsCall, Read,
    ReadAll, ReadBlob, ReadSocket, Restrict, Thing, Unpack, file, inode, pattern, text,
};

use crate::support::{BEARER, bearing, within};

async fn one() -> (Parent, Child<Parcels>) {
    let parent = Parent::new();
    let child = within(parent.spawn(bearing("one"))).await.unwrap();
    (parent, child)
}

/// One of each, made anew: `std`'s and tokio's.
fn things() -> Vec<Thing> {
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (accepting, near) = (listener(), UnixStream::pair().unwrap());
    let tcp = [(); 2].map(|()| TcpStream::connect(accepting.local_addr().unwrap()).unwrap());
    let [one, other] = tcp;
    let udp = || UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix_listener = |name: &str| {
        let name = format!("kinfolk-handles-{name}-{}-{:?}", std::process::id(), std::thread::current().id());
        UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap()
    };
    let [other, udp_2, listener_2, unix_2, unix_listener_2, datagram_2] = [
        OwnedFd::from(other),
        udp().into(),
        listener().into(),
        near.1.into(),
        unix_listener("2").into(),
        UnixDatagram::unbound().unwrap().into(),
    ];
    vec![
        Thing::Descriptor(OwnedFd::from(file("any").unwrap()).into()),
        Thing::File(file("file").unwrap().into()),
        Thing::TcpStream(one.into()),
        Thing::TcpListener(accepting.into()),
        Thing::UdpSocket(udp().into()),
        Thing::UnixStream(near.0.into()),
        Thing::UnixListener(unix_listener("1").into()),
        Thing::UnixDatagram(UnixDatagram::unbound().unwrap().into()),
        Thing::AsyncFile(tokio::fs::File::from_std(file("file").unwrap()).into()),
        Thing::AsyncTcpStream(awake(TcpStream::from(other), tokio::net::TcpStream::from_std).into()),
        Thing::AsyncTcpListener(awake(TcpListener::from(listener_2), tokio::net::TcpListener::from_std).into()),
        Thing::AsyncUdpSocket(awake(UdpSocket::from(udp_2), tokio::net::UdpSocket::from_std).into()),
        Thing::AsyncUnixStream(awake(UnixStream::from(unix_2), tokio::net::UnixStream::from_std).into()),
        Thing::AsyncUnixListener(awake(UnixListener::from(unix_listener_2), tokio::net::UnixListener::from_std).into()),
        Thing::AsyncUnixDatagram(awake(UnixDatagram::from(datagram_2), tokio::net::UnixDatagram::from_std).into()),
    ]
}

/// As tokio wants it.
fn awake<S: std::os::fd::AsFd, T>(socket: S, from_std: impl FnOnce(S) -> std::io::Result<T>) -> T {
    rustix::io::ioctl_fionbio(&socket, true).unwrap();
    from_std(socket).unwrap()
}

async fn pass_everything(child: &Child<Parcels>) {
    for thing in things() {
        let words = format!("{thing:?}");
        let expected = thing.inode();
        let (back, there) = within(child.request(Pass(thing.with_unread(Blob::from(&b"unread"[..]))))).await.unwrap();
        assert_eq!((there, back.inode()), (expected, expected), "{words}");
        let may_have_unread = matches!(back, Thing::File(_) | Thing::TcpStream(_) | Thing::AsyncUnixStream(_));
        assert_eq!(**back.unread() == *b"unread", may_have_unread, "{words}");
    }
}

#[tokio::test]
async fn every_type_of_descriptor_arrives_as_itself_and_comes_back() {
    let (parent, child) = one().await;
    pass_everything(&child).await;
    let threads = within(parent.spawn(bearing("threads").arg("--multi-thread"))).await.unwrap();
    pass_everything(&threads).await;
    let spec = ChildSpec::<Parcels>::new("hosted", in_process(bearer)).init(Luggage::default());
    pass_everything(&within(parent.spawn(spec)).await.unwrap()).await;
}

#[tokio::test]
async fn the_descriptor_the_sender_kept_works_on_and_is_the_same_socket() {
    let (_parent, child) = one().await;
    let (mut here, there) = UnixStream::pair().unwrap();
    let kept = there.try_clone().unwrap();
    let (back, _) = within(child.request(Pass(Thing::UnixStream(there.into())))).await.unwrap();
    let Thing::UnixStream(back) = back else { panic!("{back:?}") };
    let mut through = [(kept, b"kept"), (back.into_inner(), b"back")];
    for (stream, words) in &mut through {
        stream.write_all(*words).unwrap();
        let mut heard = [0; 4];
        here.read_exact(&mut heard).unwrap();
        assert_eq!(heard, **words);
    }
}

#[tokio::test]
async fn what_was_read_already_travels_along_however_long() {
    let (_parent, child) = one().await;
    for length in [0, 5, 10_000, 200_000] {
        let unread = pattern(3, length);
        let thing = Thing::File(Handle::new(file("rest").unwrap()).with_unread(unread.clone()));
        let (Thing::File(back), _) = within(child.request(Pass(thing))).await.unwrap() else { panic!("another type") };
        let (back, came) = back.into_parts();
        assert!(came == unread && text(&back).unwrap() == "rest", "{length}");
    }
}

#[tokio::test]
async fn files_travel_in_items_messages_and_the_init_value() {
    let parent = Parent::new();
    let handles = |count: u32| (0..count).map(|number| file(&number.to_string()).unwrap().into()).collect::<Vec<_>>();
    let spec = ChildSpec::<Parcels>::new("laden", Program::path(BEARER));
    let child =
        within(parent.spawn(spec.init(Luggage { blob: pattern(1, 100_000), files: handles(64) }))).await.unwrap();
    let texts: Vec<_> = (0..64).map(|number| number.to_string()).collect();
    assert_eq!(within(child.request(Unpack())).await.unwrap().1, texts);

    let items = within(child.stream(PassAll(handles(64))).collect::<Vec<_>>()).await;
    assert_eq!(items.into_iter().map(|item| text(&item.unwrap()).unwrap()).collect::<Vec<_>>(), texts);

    let mut events = child.events();
    for number in 0..200 {
        within(child.send(Hand(number, file(&number.to_string()).unwrap().into()))).await.unwrap();
    }
    let mut next = 0;
    while next < 200 {
        let ChildEvent::Message(message) = within(events.next()).await.unwrap() else { continue };
        // Decoded once and then once more: each has a descriptor of its own.
        let twice = [(); 2].map(|()| message.decode::<Handed>().unwrap().unwrap());
        assert!(twice.iter().all(|Handed(number, file)| (*number, text(file).unwrap()) == (next, next.to_string())));
        assert_eq!(inode(&*twice[0].1), inode(&*twice[1].1));
        next += 1;
    }
}

#[tokio::test]
async fn sixty_four_travel_in_one_message_and_one_more_is_refused_where_it_is_sent() {
    let (_parent, child) = one().await;
    let handles = |count: u32| (0..count).map(|number| file(&number.to_string()).unwrap().into()).collect::<Vec<_>>();
    let texts = within(child.request(ReadAll(handles(64)))).await.unwrap();
    assert_eq!(texts, (0..64).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(within(child.request(Files(64))).await.unwrap().len(), 64);

    let error = within(child.request(ReadAll(handles(65)))).await.unwrap_err();
    let told =
        |error: &CallError<_>| matches!(error, CallError::BadMessage { reason, .. } if reason.contains("at most 64"));
    assert!(told(&error), "{error:?}");
    let error = within(child.request(Files(65))).await.unwrap_err();
    assert!(matches!(&error, CallError::BadReply { reason, .. } if reason.contains("at most 64")), "{error:?}");
    let error = within(child.request(Echo(vec![pattern(1, 9_000); 65]))).await.unwrap_err();
    assert!(error.to_string().contains("at most 64"), "{error}");
    // Short ones are a part of their message.
    assert_eq!(within(child.request(Echo(vec![pattern(1, 100); 65]))).await.unwrap().len(), 65);
}

#[tokio::test]
async fn another_type_than_was_meant_is_refused_in_words_that_name_both() {
    let (_parent, child) = one().await;
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let error = within(child.request(ReadSocket(socket.into()))).await.unwrap_err();
    assert!(error.to_string().contains("attachment 0 is a UDP socket, in place of a `File`"), "{error}");
    let error = within(child.request(ReadBlob(pattern(1, 100_000), Blob::default()))).await.unwrap_err();
    assert!(matches!(error, CallError::BadMessage { .. }), "{error:?}");
}

#[tokio::test]
async fn what_a_message_does_not_decode_to_is_refused_with_what_came_along() {
    let (_parent, child) = one().await;
    let error = within(child.request(KeepHandle(file("x").unwrap().into()))).await.unwrap_err();
    assert!(matches!(error, CallError::BadMessage { .. }), "{error:?}");
    let more = KeepMore(pattern(1, 100_000), vec![pattern(2, 9_000)], vec![file("x").unwrap().into()]);
    let error = within(child.request(more)).await.unwrap_err();
    assert!(matches!(error, CallError::BadMessage { .. }), "{error:?}");
    assert_eq!(within(child.request(Number(3))).await.unwrap(), 3);
}

#[tokio::test]
async fn a_handle_cannot_be_sent_to_a_type_nobody_handles() {
    let (_parent, child) = one().await;
    // Handled as a one-way message only.
    let error = within(child.request(PutAsCall(pattern(1, 100_000), file("x").unwrap().into()))).await.unwrap_err();
    assert!(matches!(error, CallError::Unsupported { .. }), "{error:?}");
    within(child.send(Put(pattern(1, 100_000)))).await.unwrap();
    assert!(!matches!(child.try_send(Put(Blob::default())).map_err(|error| error.cause), Err(SendCause::Full)));
}

#[tokio::test]
async fn over_a_link_that_stumbles_every_type_arrives_as_itself() {
    let (pause, frames) = (Fault::Delay(Duration::from_millis(1)), 3..40);
    let plan = frames.fold(FaultPlan::new(), |plan, frame| plan.from_child(frame, pause).to_child(frame, pause));
    let parent = Parent::new();
    pass_everything(&within(parent.spawn(plan.apply(bearing("stumbling")))).await.unwrap()).await;
}

#[tokio::test]
async fn hundreds_of_messages_in_flight_never_mix_their_descriptors() {
    let (_parent, child) = one().await;
    let calls = (0..600_u64).map(|number| {
        let child = &child;
        async move {
            let name = number.to_string();
            // Short, long and lent in turn, so that some overtake others.
            let unread = pattern(number, [0, 5_000, 30_000, 100_000][number as usize % 4]);
            let thing = Thing::File(Handle::new(file(&name).unwrap()).with_unread(unread.clone()));
            let (Thing::File(back), _) = child.request(Pass(thing)).await.unwrap() else { panic!("another type") };
            assert_eq!(text(&back).unwrap(), name);
            assert!(*back.unread() == unread);
            assert_eq!(child.request(Read(file(&name).unwrap().into())).await.unwrap(), name);
        }
    });
    within(futures::future::join_all(calls)).await;
}

#[tokio::test]
async fn a_child_without_descriptors_left_fails_that_message_alone() {
    let (_parent, child) = one().await;
    let handles = |count: u32| (0..count).map(|number| file(&number.to_string()).unwrap().into()).collect::<Vec<_>>();
    // Before anything was lent, so that its region does not get through either.
    within(child.request(Restrict(8))).await.unwrap();
    for _ in 0..3 {
        let error = within(child.request(ReadAll(handles(20)))).await.unwrap_err();
        let CallError::BadMessage { reason, .. } = &error else { panic!("{error:?}") };
        assert!(reason.contains("this process has as many files open as it may"), "{reason}");
        assert_eq!(within(child.request(ReadAll(handles(2)))).await.unwrap(), ["0", "1"], "what was lost is closed");
        assert_eq!(within(child.request(Number(3))).await.unwrap(), 3);
    }
    within(child.request(Restrict(0))).await.unwrap();
    let error = within(child.request(Echo(vec![pattern(1, 100_000)]))).await.unwrap_err();
    assert!(error.to_string().contains("as many files open as it may"), "{error}");
    within(child.request(Restrict(50))).await.unwrap();
    // Its region had no descriptor; once there are some again, another is announced.
    let blobs = vec![pattern(1, 100_000)];
    assert!(within(child.request(Echo(blobs.clone()))).await.unwrap() == blobs);
    assert_eq!(within(child.request(ReadAll(handles(20)))).await.unwrap().len(), 20);
}
