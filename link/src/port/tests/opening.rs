//! A port is opened, or an error says why not, within a bound.

use std::io::Read;

use super::*;
use crate::error::Misbehaviour;

macro_rules! variant {
    ($name:ident: $protocol:literal $major:literal) => {
        enum $name {}
        impl Protocol for $name {
            const NAME: &'static str = $protocol;
            const VERSION: Version = Version::new($major, 0);
            type Init = ();
            type Codec = Bincode;
        }
    };
}
variant!(Later: "chain" 2);
variant!(Other: "fonts" 1);

/// Opens both ends although the second one takes its own for a `D`; what they say of each other.
async fn mismatched<D: kinfolk_protocol::Direction>() -> [String; 2] {
    let (one, other) = pair::<Chain>().unwrap();
    let other = Port::<D>::from_stream(other.into_stream());
    let (one, other) = within(async { tokio::join!(Peering::new(one).open(), Peering::new(other).open()) }).await;
    [one.unwrap_err(), other.unwrap_err()].map(|error| {
        assert!(matches!(error, OpenError::Mismatch(_)), "{error:?}");
        error.to_string()
    })
}

#[tokio::test]
async fn ends_that_do_not_go_together_tell_both_programs_in_one_sentence() {
    for (says, ours, theirs) in [
        (mismatched::<ToParent<Later>>().await, "`chain` 1.2", "2.0"),
        (mismatched::<ToParent<Other>>().await, "`chain`", "`fonts`"),
    ] {
        assert!(says.iter().all(|sentence| sentence.contains("other one")), "{says:?}");
        assert!(says[0].contains(ours) && says[0].contains(theirs), "{says:?}");
    }
    let same = mismatched::<ToChild<Chain>>().await;
    assert_eq!(same[0], "both ends of the port send what `chain` declares `to_child`: open both ends of one pair");
}

/// Opens one end while `say` has the other one, as bytes.
async fn opened_beside(say: impl FnOnce(&mut UnixStream) + Send + 'static) -> OpenError {
    let (one, other) = pair::<Chain>().unwrap();
    let mut other = other.into_stream();
    let saying = tokio::task::spawn_blocking(move || {
        say(&mut other);
        other
    });
    let error = within(Peering::new(one).open_within(Duration::from_secs(30)).open()).await.unwrap_err();
    drop(saying.await.unwrap());
    error
}

#[tokio::test]
async fn what_is_no_greeting_is_an_error_that_says_so() {
    for (words, part) in [
        (b"#!/bin/sh\n\n\n".to_vec(), "not a kinfolk program"),
        (b"kinfolk\x02and more".to_vec(), "version"),
        ([PREAMBLE.as_slice(), &[0xff; 24]].concat(), "0xff"),
        ([PREAMBLE.as_slice(), &Header::control(Kind::Credit, 0).encode()].concat(), "before its greeting"),
        ([PREAMBLE.as_slice(), &Header::control(Kind::Greeting, 2).encode(), b"no"].concat(), "Greeting frame ends"),
        ([PREAMBLE.as_slice(), &Header::control(Kind::Greeting, 70_000).encode()].concat(), "70000"),
    ] {
        let error = opened_beside(move |other| other.write_all(&words).unwrap()).await;
        assert!(matches!(error, OpenError::Misbehaved(_)), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn an_end_that_is_dropped_unopened_is_told_at_once() {
    let error = opened_beside(|other| *other = UnixStream::pair().unwrap().0).await;
    assert!(matches!(error, OpenError::Gone), "{error:?}");
    let error = opened_beside(|other| {
        other.write_all(&PREAMBLE).unwrap();
        *other = UnixStream::pair().unwrap().0;
    });
    assert!(matches!(error.await, OpenError::Gone));
}

#[tokio::test]
async fn silence_is_waited_for_no_longer_than_was_said() {
    let (one, _other) = pair::<Chain>().unwrap();
    let limit = Duration::from_millis(20);
    let error = within(Peering::new(one).open_within(limit).open()).await.unwrap_err();
    assert!(matches!(error, OpenError::Silent { after } if after == limit), "{error:?}");
}

#[tokio::test]
async fn limits_without_room_are_refused_before_anything_is_said() {
    let (one, mut other) = pair::<Chain>().map(|(one, other)| (one, other.into_stream())).unwrap();
    let error = Peering::new(one).limits(Limits::default().window(0, 1)).open().await.unwrap_err();
    assert!(matches!(error, OpenError::Limits(_)), "{error:?}");
    assert_eq!(other.read(&mut [0; 1]).unwrap(), 0);
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_later_ends_its_own_link_only() {
    let (one, other) = pair::<Chain>().unwrap();
    let mut other = other.into_stream();
    let saying = tokio::task::spawn_blocking(move || {
        greet(&mut other);
        other.write_all(&[Header::control(Kind::Panicked, 6).encode().as_slice(), &[0; 6]].concat()).unwrap();
        // Until the link is cut.
        let _ = other.read_to_end(&mut Vec::new());
    });
    let handle = within(Peering::new(one).open()).await.unwrap();
    let closed = within(handle.closed()).await;
    let expected = Misbehaviour::OutOfPlace { kind: Kind::Panicked, when: "over a port" };
    assert_eq!(closed, Closed::Misbehaved(expected));
    saying.await.unwrap();
}
