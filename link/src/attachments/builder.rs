//! Blobs that are built where they are going to be read.

use std::any::Any;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use kinfolk_protocol::Blob;

use crate::sys::{Draft, Frozen};

/// From this length on, in bytes, a blob is built in memory of its own, which costs some system calls and a page fault
/// per page.
const OWN_MEMORY: usize = 256 * 1024;

/// Builds a [`Blob`] in place: in memory that is sealed when it is finished, so that it can be sent any number of
/// times, to any number of processes, without a copy, and nobody can change it any more.
///
/// A short one is built in ordinary memory, as is any where there is no sealed memory to be had, for want of a
/// descriptor say. Each finished blob of 256
/// KiB or more takes a descriptor in every process that holds it.
///
/// ```
/// use std::io::Write;
///
/// # use kinfolk_link::BlobBuilder;
/// # fn main() -> std::io::Result<()> {
/// // Written like a file, growing as it goes,
/// let mut builder = BlobBuilder::new();
/// writeln!(builder, "frame {}", 7)?;
/// assert_eq!(*builder.finish()?, *b"frame 7\n");
///
/// // or filled like a slice.
/// let mut builder = BlobBuilder::zeroed(1 << 20)?;
/// builder.as_mut()[..3].copy_from_slice(b"abc");
/// assert_eq!(builder.finish()?.len(), 1 << 20);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct BlobBuilder(Building);

enum Building {
    /// Ordinary memory, for good if there is no other.
    Heap { bytes: Vec<u8>, stays: bool },
    /// Memory of its own.
    Own(Draft),
}

impl Default for Building {
    fn default() -> Self {
        Self::Heap { bytes: Vec::new(), stays: false }
    }
}

impl fmt::Debug for BlobBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobBuilder({} bytes)", self.len())
    }
}

impl BlobBuilder {
    /// An empty one, which grows as it is written to.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One of `length` bytes, all zero.
    ///
    /// # Errors
    /// There is not that much memory.
    pub fn zeroed(length: usize) -> io::Result<Self> {
        if length >= OWN_MEMORY {
            match Draft::new(length) {
                Ok(draft) => return Ok(Self(Building::Own(draft))),
                Err(error) if error.kind() == io::ErrorKind::OutOfMemory => return Err(error),
                Err(_) => {}
            }
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        bytes.resize(length, 0);
        Ok(Self(Building::Heap { bytes, stays: length >= OWN_MEMORY }))
    }

    /// Its length so far, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// True if its length is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The blob.
    ///
    /// # Errors
    /// The memory cannot be sealed, for want of a descriptor say.
    pub fn finish(self) -> io::Result<Blob> {
        match self.0 {
            Building::Heap { bytes, .. } => Ok(Blob::from(bytes)),
            Building::Own(draft) => {
                let frozen = Arc::new(draft.freeze()?);
                let bytes = Bytes::from_owner(Shared(Arc::clone(&frozen)));
                Ok(Blob::with_origin(bytes, frozen as Arc<dyn Any + Send + Sync>))
            }
        }
    }

    /// Has the bytes so far move to memory of their own.
    fn settle(bytes: &[u8], length: usize) -> io::Result<Draft> {
        let mut draft = Draft::new(length)?;
        draft.as_mut()[..bytes.len()].copy_from_slice(bytes);
        Ok(draft)
    }
}

struct Shared(Arc<Frozen>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl AsRef<[u8]> for BlobBuilder {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Building::Heap { bytes, .. } => bytes,
            Building::Own(draft) => draft.as_ref(),
        }
    }
}

impl AsMut<[u8]> for BlobBuilder {
    fn as_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Building::Heap { bytes, .. } => bytes,
            Building::Own(draft) => draft.as_mut(),
        }
    }
}

impl Write for BlobBuilder {
    fn write(&mut self, new: &[u8]) -> io::Result<usize> {
        let length = self.len() + new.len();
        if let Building::Heap { bytes, stays } = &mut self.0 {
            let moved = if length >= OWN_MEMORY && !*stays { Some(Self::settle(bytes, length)) } else { None };
            match moved {
                Some(Ok(draft)) => self.0 = Building::Own(draft),
                Some(Err(error)) if error.kind() == io::ErrorKind::OutOfMemory => return Err(error),
                refused => {
                    *stays |= refused.is_some();
                    bytes.extend_from_slice(new);
                    return Ok(new.len());
                }
            }
        }
        if let Building::Own(draft) = &mut self.0 {
            draft.resize(length)?;
            draft.as_mut()[length - new.len()..].copy_from_slice(new);
        }
        Ok(new.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at / 7) as u8).collect()
    }

    #[test]
    fn what_is_written_is_what_is_read_however_long() {
        for length in [0, 1, OWN_MEMORY - 1, OWN_MEMORY, OWN_MEMORY + 1, 3 * OWN_MEMORY + 5] {
            let bytes = pattern(length);
            let mut builder = BlobBuilder::new();
            bytes.chunks(10_007).for_each(|chunk| builder.write_all(chunk).unwrap());
            assert_eq!(builder.len(), length);
            let blob = builder.finish().unwrap();
            assert!(*blob == *bytes, "{length}");
            assert_eq!(blob.origin().is_some(), length >= OWN_MEMORY);
        }
    }

    #[test]
    fn a_slice_of_any_length_is_zero_at_first() {
        for length in [0, 5, OWN_MEMORY, 1 << 20] {
            let mut builder = BlobBuilder::zeroed(length).unwrap();
            assert!(builder.as_ref().iter().all(|byte| *byte == 0));
            if let Some(last) = builder.as_mut().last_mut() {
                *last = 9;
            }
            builder.write_all(b"more").unwrap();
            let blob = builder.finish().unwrap();
            assert_eq!((blob.len(), &blob[length..]), (length + 4, b"more".as_slice()));
        }
    }

    #[test]
    fn more_than_there_is_is_an_error() {
        assert!(BlobBuilder::zeroed(usize::MAX / 2).is_err());
    }
}
