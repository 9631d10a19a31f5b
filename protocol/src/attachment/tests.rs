//! Values in memory: packed, carried by hand, and unpacked.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::*;
use crate::codec::{Bincode, Codec, CodecError};

/// Carries everything; large blobs behind the message.
struct Anything;

impl Carrier for Anything {
    fn carries_descriptors(&self) -> bool {
        true
    }

    fn carries_data(&self) -> bool {
        true
    }

    fn place(&self, blob: Blob) -> Cargo {
        Cargo::Data(blob.into())
    }
}

/// Carries bytes only.
struct Bare;

impl Carrier for Bare {
    fn carries_descriptors(&self) -> bool {
        false
    }

    fn carries_data(&self) -> bool {
        false
    }

    fn place(&self, _: Blob) -> Cargo {
        unreachable!("it carries no data")
    }
}

fn packed<T: Serialize>(carrier: impl Carrier, value: &T) -> Result<(Bytes, Vec<Cargo>), CodecError> {
    let mut out = Vec::new();
    let cargo = pack::<Bincode, T>(&carrier, value, &mut out)?;
    Ok((out.into(), cargo))
}

fn carried(cargo: Vec<Cargo>) -> Vec<Arrival> {
    cargo
        .into_iter()
        .map(|cargo| match cargo {
            Cargo::Data(data) => Arrival::Data(data),
            Cargo::Descriptor(fd) => Arrival::Descriptor(fd, Nature::File),
            Cargo::Lent(_) => unreachable!("no carrier here lends"),
        })
        .collect()
}

fn travelled<T: Serialize, U: DeserializeOwned>(value: &T) -> Result<U, CodecError> {
    let (message, cargo) = packed(Anything, value)?;
    unpack::<Bincode, U>(&message, carried(cargo))
}

fn reason(error: CodecError) -> String {
    match error {
        CodecError::Encode { reason, .. } | CodecError::Decode { reason, .. } => reason,
        other => other.to_string(),
    }
}

#[derive(Serialize, Deserialize)]
struct Deep {
    list: Vec<Option<Blob>>,
    file: Handle<File>,
}

fn temporary(text: &str) -> File {
    let path = std::env::temp_dir().join(format!("kinfolk-attachment-{}-{}", std::process::id(), text.len()));
    let options = File::options().read(true).write(true).create(true).truncate(true).open(&path);
    let mut file = options.unwrap();
    std::fs::remove_file(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn blobs_and_handles_travel_at_any_depth() {
    let large = Blob::from(vec![3; INLINE + 1]);
    let deep = Deep {
        list: vec![None, Some(Blob::from(vec![1; 600])), Some(large.clone())],
        file: Handle::new(temporary("from a file")).with_unread(b"unread".to_vec()),
    };
    let back: Deep = travelled(&deep).unwrap();
    assert_eq!(back.list[1].as_deref(), Some([1; 600].as_slice()));
    assert_eq!(back.list[2].as_ref().unwrap().as_ptr(), large.as_ptr(), "it was not copied");
    let (mut file, unread) = back.file.into_parts();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((text.as_str(), &*unread), ("from a file", b"unread".as_slice()));
}

#[test]
fn a_blob_within_its_message_is_not_copied() {
    let (message, _) = packed(Bare, &(7_u8, Blob::from(vec![1; 4_000]))).unwrap();
    let (_, blob): (u8, Blob) = unpack::<Bincode, _>(&message, Vec::new()).unwrap();
    assert!(message.as_ptr_range().contains(&blob.as_ptr()));
    let (message, _) = packed(Bare, &Blob::from(vec![1; 9])).unwrap();
    let blob: Blob = unpack::<Bincode, _>(&message, Vec::new()).unwrap();
    assert!(!message.as_ptr_range().contains(&blob.as_ptr()), "a short one would keep the whole buffer");
}

#[test]
fn outside_a_link_a_blob_is_bytes_and_a_handle_is_an_error() {
    let mut out = Vec::new();
    Bincode::encode(&Blob::from(vec![1, 2, 3]), &mut out).unwrap();
    assert_eq!(out, [3, 1, 2, 3]);
    assert_eq!(*Bincode::decode::<Blob>(&out).unwrap(), [1, 2, 3]);
    let handle = Handle::new(temporary("here"));
    let error = Bincode::encode(&handle, &mut out).unwrap_err();
    assert_eq!(reason(error), "a handle can travel in a message of a link only");
    assert!(Bincode::decode::<Handle<File>>(&[0, 0]).is_err());
}

#[cfg(feature = "json")]
#[test]
fn a_text_codec_writes_a_blob_as_numbers() {
    let mut out = Vec::new();
    let cargo = pack::<crate::Json, _>(&Bare, &Blob::from(vec![1, 2]), &mut out).unwrap();
    assert_eq!((out.as_slice(), cargo.len()), (br#"{"bytes":[1,2]}"#.as_slice(), 0));
    assert_eq!(*unpack::<crate::Json, Blob>(&out.into(), Vec::new()).unwrap(), [1, 2]);
}

#[test]
fn forged_repeated_and_left_over_attachments_are_errors() {
    let large = || Blob::from(vec![3; INLINE + 1]);
    let attached = |index: u8| Bytes::from(vec![1, index]);
    let one = || vec![Arrival::Data(Bytes::from_static(b"data"))];
    let refused = |message: &Bytes, cargo| reason(unpack::<Bincode, Blob>(message, cargo).unwrap_err());
    assert_eq!(refused(&attached(1), one()), "attachment 1 of 1 does not exist");
    assert_eq!(refused(&attached(0), Vec::new()), "attachment 0 of 0 does not exist");
    assert_eq!(refused(&attached(0), vec![Arrival::Lost("no room")]), "attachment 0 was lost: no room");
    let twice = Bytes::from_static(&[1, 0, 1, 0]);
    let error = unpack::<Bincode, (Blob, Blob)>(&twice, one()).unwrap_err();
    assert_eq!(reason(error), "attachment 0 is used twice");
    let (message, cargo) = packed(Anything, &large()).unwrap();
    let mut cargo = carried(cargo);
    cargo.extend(one());
    assert!(matches!(unpack::<Bincode, Blob>(&message, cargo), Err(CodecError::Unused { left: 1, .. })));
}

#[test]
fn one_kind_of_attachment_does_not_pass_for_another() {
    let handle = Bytes::from_static(&[0, 0, 0]);
    let data = vec![Arrival::Data(Bytes::new())];
    let error = unpack::<Bincode, Handle<File>>(&handle, data).unwrap_err();
    assert_eq!(reason(error), "attachment 0 is a blob, in place of a handle");
    let socket = || Arrival::Descriptor(temporary("y").into(), Nature::UdpSocket);
    let error = unpack::<Bincode, Handle<File>>(&handle, vec![socket()]).unwrap_err();
    assert_eq!(reason(error), "attachment 0 is a UDP socket, in place of a `File`");
    let error = unpack::<Bincode, Blob>(&Bytes::from_static(&[1, 0]), vec![socket()]).unwrap_err();
    assert_eq!(reason(error), "attachment 0 is a handle, in place of a blob");
}

#[test]
fn a_message_takes_a_bounded_number_along() {
    let blobs: Vec<Blob> = (0..=MAX_ATTACHMENTS).map(|_| Blob::from(vec![0; INLINE + 1])).collect();
    assert!(travelled::<_, Vec<Blob>>(&blobs[1..].to_vec()).is_ok());
    let error = packed(Anything, &blobs).unwrap_err();
    assert_eq!(reason(error), "a message takes at most 64 blobs and handles along");
    assert_eq!(
        reason(packed(Bare, &Handle::new(temporary("z"))).unwrap_err()),
        "a handle cannot travel: this link carries no descriptors"
    );
}

/// Encodes another message while it is encoded, as a program's own `Serialize` may.
struct Nesting(Mutex<Vec<usize>>);

impl Serialize for Nesting {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (_, cargo) = packed(Anything, &Blob::from(vec![1; INLINE + 1])).unwrap();
        self.0.lock().unwrap().push(cargo.len());
        Blob::from(vec![2; INLINE + 1]).serialize(serializer)
    }
}

#[test]
fn a_message_within_a_message_has_attachments_of_its_own() {
    let nesting = Nesting(Mutex::default());
    let (_, cargo) = packed(Anything, &nesting).unwrap();
    assert_eq!((cargo.len(), nesting.0.into_inner().unwrap()), (1, vec![1]));
}

/// Panics while it is encoded.
struct Panicking;

impl Serialize for Panicking {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("as a program's own code may")
    }
}

#[test]
fn what_could_not_be_encoded_leaves_nothing_behind() {
    let blobs: Vec<Blob> = (0..=MAX_ATTACHMENTS).map(|_| Blob::from(vec![0; INLINE + 1])).collect();
    assert!(packed(Anything, &blobs).is_err());
    assert_eq!(packed(Anything, &blobs[..2].to_vec()).unwrap().1.len(), 2);
    let pack = AssertUnwindSafe(|| packed(Anything, &(blobs[0].clone(), Panicking)).is_ok());
    let spoilt = std::panic::catch_unwind(pack);
    assert!(spoilt.is_err());
    assert_eq!(packed(Anything, &blobs[..3].to_vec()).unwrap().1.len(), 3);
}

/// A value that makes do without its blob.
struct Frugal;

impl<'de> Deserialize<'de> for Frugal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Blob::deserialize(deserializer).map_or(Self, |_| Self))
    }
}

#[test]
fn an_error_that_a_value_got_over_is_not_told_of_the_next() {
    let lost = || vec![Arrival::Lost("no room")];
    assert!(unpack::<Bincode, Frugal>(&Bytes::from_static(&[1, 0]), lost()).is_ok());
    let error = unpack::<Bincode, u8>(&Bytes::new(), Vec::new()).unwrap_err();
    assert!(!reason(error).contains("no room"));
}

#[test]
fn a_panic_leaves_no_table_behind() {
    assert!(std::panic::catch_unwind(|| packed(Anything, &Panicking).is_ok()).is_err());
    let mut out = Vec::new();
    Bincode::encode(&Blob::from(vec![9; INLINE + 1]), &mut out).unwrap();
    assert_eq!(*Bincode::decode::<Blob>(&out).unwrap(), vec![9; INLINE + 1]);
}

#[cfg(all(feature = "json", feature = "postcard"))]
#[test]
fn every_codec_brings_blobs_of_any_length_and_handles_beside_them() {
    come_back::<Bincode>();
    come_back::<crate::Json>();
    come_back::<crate::Postcard>();
}

#[cfg(all(feature = "json", feature = "postcard"))]
fn come_back<C: Codec>() {
    for length in [0, 1, 511, 512, INLINE, INLINE + 1, 70_000, 1 << 20] {
        let blobs = vec![Blob::from(vec![250; length]), Blob::from(vec![1; 3])];
        // As in an init value, which takes only handles along.
        let mut out = Vec::new();
        let cargo = pack::<C, _>(&Bare, &blobs, &mut out).unwrap();
        assert!(cargo.is_empty() && unpack::<C, Vec<Blob>>(&out.into(), Vec::new()).unwrap() == blobs, "{length}");

        let mut out = Vec::new();
        let handles = vec![Handle::new(temporary("a")).with_unread(blobs[0].clone()), temporary("b").into()];
        let cargo = pack::<C, _>(&Anything, &(&blobs, handles), &mut out).unwrap();
        let back = unpack::<C, (Vec<Blob>, Vec<Handle<File>>)>(&out.into(), carried(cargo)).unwrap();
        assert!(back.0 == blobs && *back.1[0].unread() == blobs[0] && back.1.len() == 2, "{} of {length}", C::NAME);
    }
}
