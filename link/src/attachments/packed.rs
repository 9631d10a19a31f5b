//! A message in bytes, with what it takes along: on its way out.

use std::os::fd::OwnedFd;

use bytes::Bytes;
use kinfolk_protocol::{Blob, Cargo, Carrier, Codec, CodecError, Entry, Flags, Header, Loan, pack};
use serde::Serialize;

use crate::scratch;

/// What an init value may take along: nobody could give anything back yet.
struct Gate;

impl Carrier for Gate {
    fn carries_descriptors(&self) -> bool {
        true
    }

    fn carries_data(&self) -> bool {
        false
    }

    fn place(&self, blob: Blob) -> Cargo {
        Cargo::Data(blob.into())
    }
}

/// The payload of a frame that is to be sent.
#[derive(Debug, Default)]
pub struct Packed {
    bytes: Vec<u8>,
    along: Option<Box<Along>>,
}

/// What a message takes along.
#[derive(Debug, Default)]
pub(crate) struct Along {
    /// Bytes behind the message, in the order of their entries.
    pub(crate) data: Vec<Bytes>,
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) loans: Vec<Box<dyn Loan>>,
    /// The entries, encoded.
    pub(crate) table: Vec<u8>,
    count: u16,
}

impl Along {
    fn add(&mut self, cargo: Cargo) {
        let entry = match cargo {
            Cargo::Data(data) => {
                let entry = Entry::Data { length: data.len() as u64 };
                self.data.push(data);
                entry
            }
            Cargo::Descriptor(fd) => {
                self.descriptors.push(fd);
                Entry::Descriptor
            }
            Cargo::Lent(mut loan) => {
                self.descriptors.extend(loan.descriptor());
                let entry = loan.entry();
                self.loans.push(loan);
                entry
            }
            other => unreachable!("a cargo no carrier of this crate makes: {other:?}"),
        };
        self.entry(entry);
    }

    fn entry(&mut self, entry: Entry) {
        self.table.extend_from_slice(&entry.encode());
        self.count += 1;
    }

    fn len(&self) -> usize {
        self.data.iter().map(Bytes::len).sum::<usize>() + self.table.len()
    }
}

impl From<Vec<u8>> for Packed {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, along: None }
    }
}

impl Packed {
    /// Encodes `value` into a buffer that is usually not a new one, with what `carrier` lets it take along.
    ///
    /// # Errors
    /// The value cannot be expressed in the codec, or takes along what cannot be carried.
    pub(crate) fn new<C: Codec, T: Serialize>(carrier: &dyn Carrier, value: &T) -> Result<Self, CodecError> {
        let mut bytes = scratch::take();
        match pack::<C, T>(carrier, value, &mut bytes) {
            Ok(cargo) if cargo.is_empty() => Ok(Self { bytes, along: None }),
            Ok(cargo) => {
                let mut along = Along::default();
                cargo.into_iter().for_each(|cargo| along.add(cargo));
                Ok(Self { bytes, along: Some(Box::new(along)) })
            }
            Err(error) => {
                scratch::recycle(bytes);
                Err(error)
            }
        }
    }

    /// Encodes an init value, before there is a link: it may take handles along, and blobs are part of it.
    ///
    /// # Errors
    /// The value cannot be expressed in the codec.
    pub fn for_init<C: Codec, T: Serialize>(value: &T) -> Result<Self, CodecError> {
        Self::new::<C, T>(&Gate, value)
    }

    /// A payload of no message, with a descriptor.
    pub(crate) fn with_descriptor(entry: Entry, descriptor: OwnedFd) -> Self {
        let mut packed = Self::default();
        packed.take_along(entry, descriptor);
        packed
    }

    /// Takes a descriptor along besides.
    pub(crate) fn take_along(&mut self, entry: Entry, descriptor: OwnedFd) {
        let along = self.along.get_or_insert_default();
        along.entry(entry);
        along.descriptors.push(descriptor);
    }

    /// Its length on the wire, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() + self.along.as_ref().map_or(0, |along| along.len())
    }

    /// True if nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message alone.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts something else in place of the message, which is a part of it now.
    pub fn wrap(&mut self, wrapper: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        self.bytes = wrapper(std::mem::take(&mut self.bytes));
    }

    /// Notes in its header what it takes along.
    pub(crate) fn note(&self, header: &mut Header) {
        if let Some(along) = &self.along {
            header.attachments = along.count;
            if !along.descriptors.is_empty() {
                header.flags = header.flags.with(Flags::DESCRIPTORS);
            }
        }
    }

    /// Its parts.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Option<Box<Along>>) {
        (self.bytes, self.along)
    }

    /// Appends it to a buffer, and empties it but for its memory. Descriptors that are to leave with the frame come
    /// back; data goes to what is [spent](Self::spend).
    pub(crate) fn append_to(&mut self, out: &mut Vec<u8>, spent: &mut Vec<Bytes>) -> Vec<OwnedFd> {
        out.extend_from_slice(&self.bytes);
        let Some(along) = self.along.take() else { return Vec::new() };
        along.data.iter().for_each(|data| out.extend_from_slice(data));
        out.extend_from_slice(&along.table);
        spent.extend(along.data);
        along.loans.into_iter().for_each(Loan::left);
        along.descriptors
    }

    /// Drops it but for its data, which is the program's: dropping that may run any code.
    pub(crate) fn spend(self, spent: &mut Vec<Bytes>) {
        if let Some(along) = self.along {
            spent.extend(along.data);
        }
    }

    /// True if descriptors are to leave with it.
    pub(crate) fn has_descriptors(&self) -> bool {
        self.along.as_ref().is_some_and(|along| !along.descriptors.is_empty())
    }

    /// Gives its memory back for the next message of this thread.
    pub fn recycle(self) {
        scratch::recycle(self.bytes);
    }
}
