//! What parent and child say to each other.
//!
//! What a child accepts is a constant of its protocol. So there are two protocols, one with shared memory and one
//! without, of the same messages. A message with a parameter cannot be derived: these are written by hand.

use std::time::Duration;

use kinfolk::{Bincode, Blob, Call, Limits, Message, Protocol, ToChild, Version};
use serde::{Deserialize, Serialize};

/// The role of a child that takes blobs in shared memory.
pub(crate) const SHARING: &str = "sharing";
/// The role of one that does not.
pub(crate) const KEEPING: &str = "keeping";

/// Spoken with the child, which takes blobs in shared memory or does not.
pub(crate) enum Carriage<const SHARED: bool> {}
impl<const SHARED: bool> Protocol for Carriage<SHARED> {
    const NAME: &'static str = "carriage";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
    const LIMITS: Limits = limits(SHARED);
}

/// What either side accepts.
pub(crate) const fn limits(shared: bool) -> Limits {
    if shared { Limits::DEFAULT } else { Limits::DEFAULT.blob_bytes(0) }
}

/// Has the child check a piece.
#[derive(Serialize, Deserialize)]
pub(crate) struct Take<const SHARED: bool> {
    pub(crate) piece: Blob,
}
impl<const SHARED: bool> Message for Take<SHARED> {
    type To = ToChild<Carriage<SHARED>>;
    type Contract = Call<Taken>;
    const NAME: &'static str = "Take";
}

/// A piece was checked.
#[derive(Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) sum: u64,
    /// How long the child read it.
    pub(crate) checking: Duration,
    /// How long it took to give it up.
    pub(crate) freeing: Duration,
}

/// Has the child build a piece.
#[derive(Serialize, Deserialize)]
pub(crate) struct Give<const SHARED: bool> {
    pub(crate) length: u64,
    pub(crate) seed: u64,
    pub(crate) built: Built,
}
impl<const SHARED: bool> Message for Give<SHARED> {
    type To = ToChild<Carriage<SHARED>>;
    type Contract = Call<Given>;
    const NAME: &'static str = "Give";
}

/// Where a piece is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Built {
    /// In memory that is sealed when it is done.
    InPlace,
    /// In a `Vec<u8>`.
    Apart,
}

/// A piece was built.
#[derive(Serialize, Deserialize)]
pub(crate) struct Given {
    pub(crate) piece: Blob,
    pub(crate) sum: u64,
    /// How long the child built it.
    pub(crate) building: Duration,
    /// How long it took before that to free the one before.
    pub(crate) freeing: Duration,
}
