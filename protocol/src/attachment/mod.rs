//! What a message takes along besides its bytes: memory and descriptors.
//!
//! serde hands no context to `Serialize` and `Deserialize`, so what a value takes along is put aside, and found again,
//! in a table of the thread: [`pack`] and [`unpack`] set it up for as long as one value is encoded or decoded.
//! What carries the bytes says what may travel ([`Carrier`]) and brings what did ([`Arrival`]).

mod blob;
mod entry;
mod handle;
mod scope;
#[cfg(feature = "tokio")]
mod tokio;

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;

pub use self::blob::Blob;
pub use self::entry::{ENTRY_LEN, Entry, MAX_ATTACHMENTS, Table};
pub use self::handle::{Handle, Nature, Transfer};
pub use self::scope::{cannot_unpack, pack, unpack};

/// A blob up to this long, in bytes, is part of its message like any other field: less than a copy costs what stands
/// around it otherwise.
pub const INLINE: usize = 8 * 1024;

/// What carries messages: it says what they may take along.
pub trait Carrier: Send + Sync {
    /// True if descriptors can travel.
    fn carries_descriptors(&self) -> bool;

    /// True if blobs can travel behind their message; otherwise all are part of it.
    fn carries_data(&self) -> bool;

    /// How a blob longer than [`INLINE`] travels.
    fn place(&self, blob: Blob) -> Cargo;
}

/// Memory that is about to be lent. Dropped before it has left, it was never lent.
pub trait Loan: fmt::Debug + Send + Sync {
    /// Its entry in the table.
    fn entry(&self) -> Entry;
    /// The descriptor that comes with it, once.
    fn descriptor(&mut self) -> Option<OwnedFd>;
    /// It has left: from now on the receiver has it.
    fn left(self: Box<Self>);
}

/// What a message takes along, in the order in which it counts them.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cargo {
    /// Bytes behind the message.
    Data(Bytes),
    /// A descriptor.
    Descriptor(OwnedFd),
    /// Memory that is lent.
    Lent(Box<dyn Loan>),
}

/// Memory that a peer has lent us. Dropping it gives it back, unless it was opened: then dropping what came of it does.
pub trait Lent: fmt::Debug + Send + Sync {
    /// Its bytes.
    ///
    /// # Errors
    /// The memory is not what was announced, or cannot be read.
    fn open(self: Arc<Self>) -> io::Result<Blob>;
}

/// What came with a message.
#[derive(Debug)]
#[non_exhaustive]
pub enum Arrival {
    /// Bytes behind the message.
    Data(Bytes),
    /// A descriptor, and what it is one of.
    Descriptor(OwnedFd, Nature),
    /// Memory that was lent.
    Lent(Arc<dyn Lent>),
    /// It did not arrive, for this reason.
    Lost(&'static str),
}

impl Arrival {
    /// Why a descriptor is lost that this process cannot have.
    pub const NONE_LEFT: &'static str = "this process has as many files open as it may";

    /// Why a descriptor is lost that its sender must not make this process hold.
    pub const TOO_MANY: &'static str =
        "messages not decoded yet hold as many descriptors as `Limits::descriptors` says";

    /// The same once more.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Data(data) => Self::Data(data.clone()),
            Self::Descriptor(fd, nature) => match fd.try_clone() {
                Ok(fd) => Self::Descriptor(fd, *nature),
                Err(_) => Self::Lost(Self::NONE_LEFT),
            },
            Self::Lent(lent) => Self::Lent(Arc::clone(lent)),
            Self::Lost(reason) => Self::Lost(reason),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "bincode")]
mod tests;
