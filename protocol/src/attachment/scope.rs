//! The thread's table of what the value in work takes along.

use std::any::type_name;
use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::thread::LocalKey;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Arrival, Blob, Cargo, Carrier, INLINE, MAX_ATTACHMENTS};
use crate::codec::{Codec, CodecError};

/// A shorter part of a message is copied: it would keep the whole buffer it was read into, with all that came beside
/// it.
const WORTH_SHARING: usize = 512;

thread_local! {
    /// What the value may take along that is encoded.
    static ENCODING: Cell<Option<Takes>> = const { Cell::new(None) };
    /// What it takes along so far, and whether that is anything.
    static PACKED: Cell<Vec<Packed>> = const { Cell::new(Vec::new()) };
    static PACKING: Cell<bool> = const { Cell::new(false) };
    /// True while a value is decoded with which something may have come.
    static DECODING: Cell<bool> = const { Cell::new(false) };
    /// The message it is decoded from, if there is more to it than its bytes.
    static UNPACKING: Cell<Option<Box<Unpacking>>> = const { Cell::new(None) };
    /// Why it cannot be encoded or decoded. A value that tries one way after another may get over it.
    static REFUSED: Cell<Option<String>> = const { Cell::new(None) };
}

/// What a value may take along.
#[derive(Clone, Copy)]
struct Takes {
    descriptors: bool,
    data: bool,
}

/// What it takes along: how is decided when it has been encoded.
enum Packed {
    Blob(Blob),
    Descriptor(OwnedFd),
}

/// A message that is decoded.
struct Unpacking {
    message: Bytes,
    cargo: Vec<Option<Arrival>>,
}

/// What was in the thread's table, and is put back at the end, also if a value's own code panics: a message may encode
/// another one meanwhile.
struct Outer<S: 'static> {
    key: &'static LocalKey<Cell<S>>,
    held: Option<S>,
}

impl<S> Outer<S> {
    fn replace(key: &'static LocalKey<Cell<S>>, value: S) -> Self {
        Self { key, held: Some(key.replace(value)) }
    }
}

impl<S> Drop for Outer<S> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            self.key.set(held);
        }
    }
}

/// Drops what a value took along that could not be encoded in the end, or that panicked.
struct Spoilt;

impl Drop for Spoilt {
    fn drop(&mut self) {
        if PACKING.get() {
            drop(PACKED.take());
        }
    }
}

/// Encodes `value` behind what `out` holds. What it takes along comes back.
///
/// # Errors
/// [`CodecError`] if the value cannot be expressed, or takes along what `carrier` cannot carry.
pub fn pack<C: Codec, T: Serialize>(
    carrier: &dyn Carrier,
    value: &T,
    out: &mut Vec<u8>,
) -> Result<Vec<Cargo>, CodecError> {
    let takes = Takes { descriptors: carrier.carries_descriptors(), data: carrier.carries_data() };
    let _takes = Outer::replace(&ENCODING, Some(takes));
    // Rarely there is anything, and then it is another message's.
    let _packed = if PACKING.get() { Some(Outer::replace(&PACKED, Vec::new())) } else { None };
    let _packing = Outer::replace(&PACKING, false);
    let _spoilt = Spoilt;
    REFUSED.set(None);
    C::encode(value, out).map_err(in_our_words)?;
    if !PACKING.get() {
        return Ok(Vec::new());
    }
    let place = |packed| match packed {
        Packed::Blob(blob) => carrier.place(blob),
        Packed::Descriptor(fd) => Cargo::Descriptor(fd),
    };
    Ok(PACKED.take().into_iter().map(place).collect())
}

/// Decodes a message with what came along.
///
/// # Errors
/// [`CodecError`] if it stands for no `T`, or if something that came along is not used.
pub fn unpack<C: Codec, T: DeserializeOwned>(message: &Bytes, cargo: Vec<Arrival>) -> Result<T, CodecError> {
    let _decoding = Outer::replace(&DECODING, true);
    REFUSED.set(None);
    if cargo.is_empty() && message.len() < WORTH_SHARING {
        let _none = Outer::replace(&UNPACKING, None);
        return C::decode::<T>(message).map_err(in_our_words);
    }
    let cargo = cargo.into_iter().map(Some).collect();
    let _unpacking = Outer::replace(&UNPACKING, Some(Box::new(Unpacking { message: message.clone(), cargo })));
    let value = C::decode::<T>(message).map_err(in_our_words)?;
    let left = UNPACKING.take().map_or(0, |unpacking| unpacking.cargo.iter().flatten().count());
    if left > 0 {
        return Err(CodecError::Unused { codec: C::NAME, type_name: type_name::<T>(), left });
    }
    Ok(value)
}

/// Not every codec's error keeps the words it is given, so they are remembered here.
#[cold]
fn in_our_words(mut error: CodecError) -> CodecError {
    let words = REFUSED.take();
    if let (CodecError::Encode { reason, .. } | CodecError::Decode { reason, .. }, Some(words)) = (&mut error, words) {
        *reason = words;
    }
    error
}

/// The error of a value that cannot be encoded as it is.
pub(super) fn cannot_pack<E: serde::ser::Error>(reason: String) -> E {
    let error = E::custom(&reason);
    if is_packing() {
        REFUSED.set(Some(reason));
    }
    error
}

/// The error of a value that did not come as it should, for types that travel by way of a [`Handle`](super::Handle):
/// not every codec's error keeps its words.
pub fn cannot_unpack<E: serde::de::Error>(reason: String) -> E {
    let error = E::custom(&reason);
    if is_unpacking() {
        REFUSED.set(Some(reason));
    }
    error
}

/// True while a value is encoded that may take something along.
pub(super) fn is_packing() -> bool {
    ENCODING.get().is_some()
}

/// True while a value is decoded with which something may have come.
pub(super) fn is_unpacking() -> bool {
    DECODING.get()
}

/// Takes a descriptor along. `None` if nothing can be taken along now.
pub(super) fn put_descriptor(duplicate: impl FnOnce() -> io::Result<OwnedFd>) -> Option<Result<u16, String>> {
    if !ENCODING.get()?.descriptors {
        return Some(Err("this link carries no descriptors".to_owned()));
    }
    Some(put(|| {
        let fd = duplicate().map_err(|error| format!("its descriptor cannot be duplicated: {error}"))?;
        Ok(Packed::Descriptor(fd))
    }))
}

/// Takes a blob along. `None` if it is to be a part of the message.
pub(super) fn put_blob(blob: &Blob) -> Option<Result<u16, String>> {
    let takes = ENCODING.get().filter(|takes| takes.data && blob.len() > INLINE);
    takes.map(|_| put(|| Ok(Packed::Blob(blob.clone()))))
}

fn put(thing: impl FnOnce() -> Result<Packed, String>) -> Result<u16, String> {
    let mut packed = PACKED.take();
    let put = match packed.len() {
        MAX_ATTACHMENTS => Err(format!("a message takes at most {MAX_ATTACHMENTS} blobs and handles along")),
        next => thing().map(|thing| {
            packed.push(thing);
            next as u16
        }),
    };
    PACKED.set(packed);
    PACKING.set(true);
    put
}

fn with_unpacking<T>(work: impl FnOnce(&mut Unpacking) -> T) -> Option<T> {
    let mut unpacking = UNPACKING.take()?;
    let result = work(&mut unpacking);
    UNPACKING.set(Some(unpacking));
    Some(result)
}

/// What came along under this number, once.
pub(super) fn take(index: u16) -> Result<Arrival, String> {
    let taken = with_unpacking(|unpacking| {
        let count = unpacking.cargo.len();
        match unpacking.cargo.get_mut(usize::from(index)) {
            Some(arrival) => arrival.take().ok_or_else(|| format!("attachment {index} is used twice")),
            None => Err(format!("attachment {index} of {count} does not exist")),
        }
    });
    taken.unwrap_or_else(|| Err(format!("attachment {index} of 0 does not exist")))
}

/// The same bytes as part of the message they are in, without a copy, if they are worth it.
pub(super) fn share(bytes: &[u8]) -> Option<Bytes> {
    if bytes.len() < WORTH_SHARING {
        return None;
    }
    let shared = with_unpacking(|unpacking| {
        let message = unpacking.message.as_ptr_range();
        let within = bytes.as_ptr_range();
        let inside = message.start <= within.start && within.end <= message.end;
        inside.then(|| unpacking.message.slice_ref(bytes))
    });
    shared.flatten()
}
