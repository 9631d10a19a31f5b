use super::*;
use crate::frame::SHORT;
use crate::message::Way;
use crate::name::MessageId;

fn hello() -> Hello {
    Hello {
        pid: 7,
        token: Token::new([9; 16]),
        version: Version::new(1, 2),
        limits: Limits::default(),
        protocol: "thumbs".into(),
        codec: "bincode2".into(),
    }
}

const LIMITS: &[u8] = b"\0\0\0\x08\0\x04\0\0\0\x04\0\0\0\0\0\x01\0\0\0\0\x40\0\0\0\0\0\x10\0\0\0\0\0\0\0\0\x40\0\0\0\0";

#[test]
fn a_hello_is_these_bytes() {
    let golden = [b"\x07\0\0\0".as_slice(), &[9; 16], b"\x01\0\x02\0", LIMITS, b"\x06\0thumbs\x08\0bincode2"].concat();
    assert_eq!(hello().encode(), golden);
    let read = Hello::decode(&golden).unwrap();
    assert!(read.token.matches(&Token::new([9; 16])));
    assert_eq!((read.pid, read.protocol.as_str(), read.limits), (7, "thumbs", Limits::default()));
}

#[test]
fn an_init_and_a_ready_are_these_bytes() {
    let init = Init {
        limits: Limits::default(),
        version: Version::new(1, 2),
        name: "a".into(),
        value: vec![5],
        welcomed: vec![],
    };
    let golden = [b"\x01\0\x02\0".as_slice(), LIMITS, b"\x01\0a\x01\0\0\0\x05\0\0\0\0"].concat();
    assert_eq!(init.encode(), golden);
    assert_eq!(Init::decode(&golden), Ok(init));

    let ready =
        Ready { welcomed: vec![Welcomed { message: MessageId::from_bits(1), fingerprint: 2, shape: "P".into() }] };
    let golden = b"\x01\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\0P";
    assert_eq!(ready.encode(), golden);
    assert_eq!(Ready::decode(golden), Ok(ready));
}

#[test]
fn a_shape_is_these_bytes_and_fits_a_short_frame() {
    let message = MessageId::from_bits(1);
    let shape = Welcomed { message, fingerprint: 2, shape: "P".into() };
    let golden = b"\x02\0\0\0\0\0\0\0\x01\0P";
    assert_eq!(shape.encode(), golden);
    assert_eq!(Welcomed::decode(message, golden), Ok(shape));
    for cut in 0..golden.len() {
        assert!(Welcomed::decode(message, &golden[..cut]).is_err());
    }
    let wordy = Welcomed { message, fingerprint: 2, shape: "P".repeat(10_000) };
    assert!(wordy.encode().len() <= SHORT as usize);
    assert_eq!(Welcomed::decode(message, &wordy.encode()), Ok(Welcomed { shape: String::new(), ..wordy }));
}

#[test]
fn a_failed_init_is_these_bytes() {
    let failed = InitFailed { fault: Fault::with_causes("no".into(), vec!["disk".into()]) };
    let golden = b"\x02\0no\x01\0\x04\0disk";
    assert_eq!(failed.encode(), golden);
    assert_eq!(InitFailed::decode(golden), Ok(failed));
    for cut in 0..golden.len() {
        assert!(InitFailed::decode(&golden[..cut]).is_err());
    }
}

#[test]
fn what_a_later_version_appends_is_passed_over_and_every_cut_is_an_error() {
    let mut bytes = hello().encode();
    for cut in 0..bytes.len() {
        assert!(matches!(Hello::decode(&bytes[..cut]), Err(WireError::Truncated { .. })), "cut at {cut}");
    }
    bytes.extend_from_slice(b"later");
    assert!(Hello::decode(&bytes).is_ok());
}

#[test]
fn a_ready_that_announces_more_than_it_holds_is_an_error() {
    assert!(matches!(Ready::decode(&u32::MAX.to_le_bytes()), Err(WireError::Truncated { .. })));
}

#[test]
fn limits_under_which_nothing_could_be_sent_are_refused() {
    let mut hello = hello();
    hello.limits.window = 0;
    let error = Hello::decode(&hello.encode()).unwrap_err().to_string();
    assert!(error.contains("`window` is 0"), "{error}");
}

#[test]
fn a_mismatch_is_one_sentence_with_both_sides() {
    let expected = Expected { protocol: "thumbs", version: Version::new(1, 0), codec: "bincode2" };
    assert_eq!(expected.check(&hello()), Ok(()));

    let says = |expected: Expected| expected.check(&hello()).unwrap_err().to_string();
    let other = says(Expected { protocol: "fonts", ..expected.clone() });
    assert!(other.contains("`thumbs`") && other.contains("`fonts`"), "{other}");
    let other = says(Expected { version: Version::new(2, 0), ..expected.clone() });
    assert!(other.contains("1.2") && other.contains("2.0"), "{other}");
    let other = says(Expected { codec: "json", ..expected });
    assert!(other.contains("`bincode2`") && other.contains("`json`"), "{other}");
}

fn greeting() -> Greeting {
    Greeting {
        version: Version::new(1, 2),
        limits: Limits::default(),
        sends: Way::Up,
        protocol: "thumbs".into(),
        codec: "bincode2".into(),
        welcomed: vec![Welcomed { message: MessageId::from_bits(1), fingerprint: 2, shape: "P".into() }],
    }
}

#[test]
fn a_greeting_is_these_bytes() {
    let table = b"\x01\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01\0P";
    let golden = [b"\x01\0\x02\0".as_slice(), LIMITS, b"\x02\x06\0thumbs\x08\0bincode2", table].concat();
    assert_eq!(greeting().encode(), golden);
    assert_eq!(Greeting::decode(&golden), Ok(greeting()));
    for cut in 0..golden.len() {
        assert!(matches!(Greeting::decode(&golden[..cut]), Err(WireError::Truncated { .. })), "cut at {cut}");
    }
    let neither = [b"\x01\0\x02\0".as_slice(), LIMITS, b"\x03"].concat();
    assert!(matches!(Greeting::decode(&neither), Err(WireError::Invalid { .. })));
}

#[test]
fn ends_of_a_port_that_do_not_go_together_say_so_in_one_sentence_with_both() {
    let ours = Greeting { sends: Way::Down, ..greeting() };
    assert_eq!(ours.check(&greeting()), Ok(()));
    let later = Greeting { version: Version::new(1, 7), ..greeting() };
    assert_eq!((ours.check(&later), later.check(&ours)), (Ok(()), Ok(())), "a minor version adds types only");

    for (theirs, here, there) in [
        (Greeting { protocol: "fonts".into(), ..greeting() }, "`thumbs`", "`fonts`"),
        (Greeting { version: Version::new(2, 0), ..greeting() }, "`thumbs` 1.2", "2.0"),
        (Greeting { codec: "json".into(), ..greeting() }, "`bincode2`", "`json`"),
        (ours.clone(), "both ends", "`to_child`"),
    ] {
        let says = ours.check(&theirs).unwrap_err().to_string();
        assert!(says.contains(here) && says.contains(there), "{says}");
        assert!(theirs.check(&ours).is_err(), "the other end finds it out too");
    }
}

#[test]
fn a_token_crosses_as_digits_and_shows_itself_to_nobody() {
    let token = Token::new(*b"0123456789abcdef");
    assert!(Token::from_hex(&token.to_hex()).unwrap().matches(&token));
    assert!(!token.matches(&Token::NONE));
    assert_eq!(format!("{token:?}"), "Token(..)");
    for bad in ["", "30", "zz313233343536373839616263646566", "3031323334353637383961626364656é"] {
        assert!(Token::from_hex(bad).is_none(), "{bad}");
    }
}

#[test]
fn as_many_types_as_there_may_be_fit_one_frame_whatever_their_shapes() {
    let welcomed = |number: usize| Welcomed {
        message: MessageId::from_bits(number as u64 + 1),
        fingerprint: number as u64 + 1,
        shape: "field: String, ".repeat(number % 200),
    };
    let ready = Ready { welcomed: (0..MAX_WELCOMED).map(welcomed).collect() };
    let bytes = ready.encode();
    assert!(bytes.len() <= crate::WHOLE as usize, "{} bytes", bytes.len());
    let welcomed = ready.welcomed.clone();
    let greeting = Greeting { protocol: "p".repeat(255), codec: "c".repeat(255), welcomed, ..greeting() };
    assert!(greeting.encode().len() <= crate::WHOLE as usize);
    let decoded = Ready::decode(&bytes).unwrap().welcomed;
    assert!(decoded.iter().zip(&ready.welcomed).all(|(there, here)| there.fingerprint == here.fingerprint));
    assert_eq!(decoded[..20], ready.welcomed[..20], "the first shapes are told in words");
}
