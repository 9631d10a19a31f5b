//! The thread's table of what the value in work takes along.

use std::any::type_name;
use std::cell::Cell;
use std::sync::Arc;
use std::thread::LocalKey;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Arrival, Blob, Cargo, Carrier, MAX_ATTACHMENTS, Place};
use crate::codec::{Codec, CodecError};

/// While a value is encoded.
struct Packing {
    carrier: Arc<dyn Carrier>,
    cargo: Vec<Cargo>,
    refused: Option<String>,
}

/// While a value is decoded.
struct Unpacking {
    message: Bytes,
    cargo: Vec<Option<Arrival>>,
    refused: Option<String>,
}

thread_local! {
    static PACKING: Cell<Option<Packing>> = const { Cell::new(None) };
    static UNPACKING: Cell<Option<Unpacking>> = const { Cell::new(None) };
}

/// Puts back what was there before, also if a value's own code panics.
struct Restore<S: 'static> {
    key: &'static LocalKey<Cell<Option<S>>>,
    outer: Option<S>,
}

impl<S> Drop for Restore<S> {
    fn drop(&mut self) {
        self.key.set(self.outer.take());
    }
}

/// Runs `work` with `scope` as the thread's table, and gives it back. A message may encode another one meanwhile.
fn within<S, T>(key: &'static LocalKey<Cell<Option<S>>>, scope: S, work: impl FnOnce() -> T) -> (T, Option<S>) {
    let restore = Restore { key, outer: key.replace(Some(scope)) };
    let result = work();
    let scope = key.take();
    drop(restore);
    (result, scope)
}

/// Works on the thread's table, if there is one.
fn with<S, T>(key: &'static LocalKey<Cell<Option<S>>>, work: impl FnOnce(&mut S) -> T) -> Option<T> {
    let mut scope = key.take()?;
    let result = work(&mut scope);
    key.set(Some(scope));
    Some(result)
}

/// Encodes `value` behind what `out` holds. What it takes along comes back.
///
/// # Errors
/// [`CodecError`] if the value cannot be expressed, or takes along what `carrier` cannot carry.
pub fn pack<C: Codec, T: Serialize>(
    carrier: Arc<dyn Carrier>,
    value: &T,
    out: &mut Vec<u8>,
) -> Result<Vec<Cargo>, CodecError> {
    let packing = Packing { carrier, cargo: Vec::new(), refused: None };
    let (encoded, packing) = within(&PACKING, packing, || C::encode(value, out));
    let (cargo, refused) = packing.map(|packing| (packing.cargo, packing.refused)).unwrap_or_default();
    encoded.map_err(|error| in_our_words(error, refused))?;
    Ok(cargo)
}

/// Decodes a message with what came along.
///
/// # Errors
/// [`CodecError`] if it stands for no `T`, or if something that came along is not used.
pub fn unpack<C: Codec, T: DeserializeOwned>(message: &Bytes, cargo: Vec<Arrival>) -> Result<T, CodecError> {
    let cargo = cargo.into_iter().map(Some).collect();
    let unpacking = Unpacking { message: message.clone(), cargo, refused: None };
    let (decoded, unpacking) = within(&UNPACKING, unpacking, || C::decode::<T>(message));
    let (cargo, refused) = unpacking.map(|unpacking| (unpacking.cargo, unpacking.refused)).unwrap_or_default();
    let value = decoded.map_err(|error| in_our_words(error, refused))?;
    let left = cargo.iter().flatten().count();
    if left > 0 {
        return Err(CodecError::Unused { codec: C::NAME, type_name: type_name::<T>(), left });
    }
    Ok(value)
}

/// Not every codec's error keeps the words it is given, so they are remembered here.
fn in_our_words(mut error: CodecError, words: Option<String>) -> CodecError {
    if let (CodecError::Encode { reason, .. } | CodecError::Decode { reason, .. }, Some(words)) = (&mut error, words) {
        *reason = words;
    }
    error
}

/// The error of a value that cannot be encoded as it is.
pub(super) fn cannot_pack<E: serde::ser::Error>(reason: String) -> E {
    let error = E::custom(&reason);
    with(&PACKING, |packing| packing.refused = Some(reason));
    error
}

/// The error of a value that did not come as it should.
pub(super) fn cannot_unpack<E: serde::de::Error>(reason: String) -> E {
    let error = E::custom(&reason);
    with(&UNPACKING, |unpacking| unpacking.refused = Some(reason));
    error
}

/// True while a value is encoded that may take something along.
pub(super) fn is_packing() -> bool {
    with(&PACKING, |_| ()).is_some()
}

/// True while a value is decoded with which something may have come.
pub(super) fn is_unpacking() -> bool {
    with(&UNPACKING, |_| ()).is_some()
}

/// Takes a descriptor along. `None` if nothing can be taken along now.
pub(super) fn put_descriptor(
    duplicate: impl FnOnce() -> std::io::Result<std::os::fd::OwnedFd>,
) -> Option<Result<u16, String>> {
    with(&PACKING, |packing| {
        if !packing.carrier.carries_descriptors() {
            return Err("this link carries no descriptors".to_owned());
        }
        let index = packing.next()?;
        let fd = duplicate().map_err(|error| format!("its descriptor cannot be duplicated: {error}"))?;
        packing.cargo.push(Cargo::Descriptor(fd));
        Ok(index)
    })
}

/// Takes a blob along. `None` if it is to be a part of the message.
pub(super) fn put_blob(blob: &Blob) -> Option<Result<u16, String>> {
    let put = |packing: &mut Packing| {
        let cargo = match packing.carrier.place(blob) {
            Place::Inline => return None,
            Place::Data => Cargo::Data(blob.to_bytes()),
            Place::Lent(loan) => Cargo::Lent(loan),
        };
        Some(packing.next().inspect(|_| packing.cargo.push(cargo)))
    };
    with(&PACKING, put).flatten()
}

impl Packing {
    /// The number of what is put next.
    fn next(&self) -> Result<u16, String> {
        match self.cargo.len() {
            MAX_ATTACHMENTS => Err(format!("a message takes at most {MAX_ATTACHMENTS} blobs and handles along")),
            next => Ok(next as u16),
        }
    }
}

/// What came along under this number, once.
pub(super) fn take(index: u16) -> Result<Arrival, String> {
    let taken = with(&UNPACKING, |unpacking| {
        let count = unpacking.cargo.len();
        match unpacking.cargo.get_mut(usize::from(index)) {
            Some(arrival) => arrival.take().ok_or_else(|| format!("attachment {index} is used twice")),
            None => Err(format!("attachment {index} of {count} does not exist")),
        }
    });
    taken.unwrap_or_else(|| Err("attachments travel in messages of a link only".to_owned()))
}

/// The same bytes as part of the message they are in, without a copy.
pub(super) fn share(bytes: &[u8]) -> Option<Bytes> {
    let shared = with(&UNPACKING, |unpacking| {
        let message = unpacking.message.as_ptr_range();
        let within = bytes.as_ptr_range();
        let inside = message.start <= within.start && within.end <= message.end;
        inside.then(|| unpacking.message.slice_ref(bytes))
    });
    shared.flatten()
}
