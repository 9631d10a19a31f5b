//! A message in bytes, with what came along.

use bytes::{Buf, Bytes};
use kinfolk_protocol::{Arrival, Codec, CodecError, unpack};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

/// A message is copied when it is kept, below so many bytes.
const SMALL: usize = 8 * 1024;

/// A message that was received.
#[derive(Debug, Default)]
pub struct Arrived {
    message: Bytes,
    cargo: Vec<Arrival>,
    /// Of the frame's payload: what flow control counts.
    length: usize,
    /// Its descriptors count for the peer that sent them until it is decoded, or dropped.
    held: Option<OwnedSemaphorePermit>,
}

impl From<Bytes> for Arrived {
    fn from(message: Bytes) -> Self {
        let length = message.len();
        Self { message, length, ..Self::default() }
    }
}

impl Arrived {
    /// A message out of a payload of that length.
    pub(crate) fn new(message: Bytes, cargo: Vec<Arrival>, length: usize, held: Option<OwnedSemaphorePermit>) -> Self {
        Self { message, cargo, length, held }
    }

    /// A message with what came along.
    #[must_use]
    pub fn with(message: Bytes, cargo: Vec<Arrival>) -> Self {
        let length = message.len();
        Self::new(message, cargo, length, None)
    }

    /// The length of its payload on the wire, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// True if nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The message alone, in the protocol's codec.
    #[must_use]
    pub fn message(&self) -> &Bytes {
        &self.message
    }

    /// Drops what stands in front of the message.
    pub(crate) fn advance(&mut self, count: usize) {
        self.message.advance(count);
    }

    /// The value. The payload is dropped: it may share a buffer with others.
    ///
    /// # Errors
    /// It stands for no `T`, or what came along does not fit it.
    pub fn decode<C: Codec, T: DeserializeOwned>(self) -> Result<T, CodecError> {
        let Self { message, cargo, held, .. } = self;
        let value = unpack::<C, T>(&message, cargo);
        // From here on its descriptors are the program's.
        drop(held);
        value
    }

    /// The same once more: descriptors are duplicated, memory is shared.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        let cargo = self.cargo.iter().map(Arrival::duplicate).collect();
        Self::new(self.message.clone(), cargo, self.length, None)
    }

    /// The same, without what it shares a buffer with, if that costs little: for one that is kept.
    #[must_use]
    pub fn kept(mut self) -> Self {
        if self.message.len() < SMALL {
            self.message = Bytes::copy_from_slice(&self.message);
        }
        self
    }
}
