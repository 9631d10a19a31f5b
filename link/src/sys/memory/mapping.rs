//! A part of the address space that shows memory with a descriptor, for as long as the value lives.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, MremapFlags, ProtFlags, mmap, mremap, munmap};

/// Memory from its first byte on. What may be done with the bytes is decided by whoever takes the pointer.
#[derive(Debug)]
pub(super) struct Mapping {
    at: NonNull<u8>,
    len: usize,
}

/// What a mapping is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Access {
    /// Reading and writing memory that others map.
    Write,
    /// Reading memory that others write.
    Read,
    /// Reading memory that nobody can write any more.
    ReadFrozen,
}

/// When the pages of a mapping are put into it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pages {
    /// At once: later access costs nothing.
    Now,
    /// Each when it is first touched: mapping costs nothing.
    Later,
}

// SAFETY: a mapping belongs to the whole process, and the type itself never follows its pointer.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes. The caller knows that there are so many.
    pub(super) fn new(fd: &OwnedFd, len: usize, access: Access, pages: Pages) -> io::Result<Self> {
        if len == 0 {
            // The kernel maps no nothing. Aligned for whatever the memory may be read as.
            return Ok(Self { at: NonNull::<AtomicU64>::dangling().cast(), len });
        }
        check_length(len)?;
        let (protection, flags) = access.flags();
        let flags = match pages {
            Pages::Now => flags | MapFlags::POPULATE,
            Pages::Later => flags,
        };
        // SAFETY: the kernel chooses the place, so nothing that is mapped already is replaced.
        let at = unsafe { mmap(ptr::null_mut(), len, protection, flags, fd.as_fd(), 0)? };
        Ok(Self { at: NonNull::new(at.cast()).ok_or(io::ErrorKind::OutOfMemory)?, len })
    }

    /// Maps more of the same memory, perhaps in another place. If it fails nothing has changed.
    pub(super) fn grow(&mut self, fd: &OwnedFd, len: usize, access: Access) -> io::Result<()> {
        if self.len == 0 {
            *self = Self::new(fd, len, access, Pages::Later)?;
            return Ok(());
        }
        check_length(len)?;
        // SAFETY: `new` or an earlier `grow` mapped exactly this, and `&mut self` lets no reference into it live on.
        let at = unsafe { mremap(self.start().cast(), self.len, len, MremapFlags::MAYMOVE)? };
        // Field by field: another `Self` would drop this one, and unmap what is not its own any more.
        self.at = NonNull::new(at.cast()).expect("the kernel maps nothing at 0 that nobody wants there");
        self.len = len;
        Ok(())
    }

    /// Where the bytes begin. Valid for `len` bytes while the mapping lives and does not grow.
    pub(super) fn start(&self) -> *mut u8 {
        self.at.as_ptr()
    }

    /// How many bytes are mapped.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        // SAFETY: `new` or `grow` mapped exactly this, and no reference into it outlives `self`.
        let unmapped = unsafe { munmap(self.start().cast(), self.len) };
        debug_assert!(unmapped.is_ok(), "what was mapped can be unmapped");
    }
}

impl Access {
    fn flags(self) -> (ProtFlags, MapFlags) {
        match self {
            Self::Write => (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED),
            Self::Read => (ProtFlags::READ, MapFlags::SHARED),
            // Linux before 6.7 takes every shared mapping for one that may be written later, and refuses it.
            Self::ReadFrozen => (ProtFlags::READ, MapFlags::PRIVATE),
        }
    }
}

/// Rust's slices cannot be longer, whatever the kernel would map.
fn check_length(len: usize) -> io::Result<()> {
    isize::try_from(len).map(drop).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

#[cfg(test)]
mod tests {
    use rustix::fs::SealFlags;
    use rustix::io::Errno;
    use rustix::mm::{MprotectFlags, mprotect};

    use super::super::testing::{Watched, memory};
    use super::*;

    #[test]
    fn a_mapping_of_nothing_is_aligned_and_takes_no_place() {
        let fd = memory(4_096, 4_096, SealFlags::empty());
        let watched = Watched::new(&fd);
        let mapping = Mapping::new(&fd, 0, Access::Write, Pages::Now).unwrap();
        assert!(mapping.start().cast::<AtomicU64>().is_aligned());
        assert!(watched.mappings().is_empty());
    }

    #[test]
    fn pages_come_at_once_or_when_they_are_touched() {
        let fd = memory(1 << 20, 1 << 20, SealFlags::empty());
        let watched = Watched::new(&fd);
        for access in [Access::Write, Access::Read, Access::ReadFrozen] {
            let mapping = Mapping::new(&fd, 1 << 20, access, Pages::Later).unwrap();
            assert_eq!(watched.mappings(), [0], "{access:?}");
            drop(mapping);
            let mapping = Mapping::new(&fd, 1 << 20, access, Pages::Now).unwrap();
            assert_eq!(watched.mappings(), [1 << 20], "{access:?}");
            drop(mapping);
            assert!(watched.mappings().is_empty(), "{access:?}");
        }
    }

    #[test]
    fn a_mapping_grows_from_nothing_and_is_given_back_as_a_whole() {
        let fd = memory(1 << 18, 1 << 18, SealFlags::empty());
        let watched = Watched::new(&fd);
        let mut mapping = Mapping::new(&fd, 0, Access::Write, Pages::Later).unwrap();
        for len in (4_096..=1 << 18).step_by(4_096) {
            mapping.grow(&fd, len, Access::Write).unwrap();
            assert_eq!(mapping.len(), len);
            // SAFETY: so many bytes are mapped for writing, and nothing refers to them.
            unsafe { mapping.start().write_bytes(7, len) };
            assert_eq!(watched.mappings(), [len]);
        }
        drop(mapping);
        assert!(watched.mappings().is_empty());
    }

    #[test]
    fn what_no_slice_can_hold_is_not_mapped() {
        let fd = memory(4_096, 4_096, SealFlags::empty());
        for len in [isize::MAX as usize + 1, usize::MAX] {
            assert!(Mapping::new(&fd, len, Access::Read, Pages::Now).is_err());
        }
        let mut mapping = Mapping::new(&fd, 4_096, Access::Write, Pages::Now).unwrap();
        for len in [isize::MAX as usize, usize::MAX] {
            assert!(mapping.grow(&fd, len, Access::Write).is_err());
            assert_eq!(mapping.len(), 4_096);
        }
    }

    #[test]
    fn a_reader_cannot_make_its_mapping_writable() {
        let fd = memory(4_096, 4_096, SealFlags::FUTURE_WRITE);
        let mapping = Mapping::new(&fd, 4_096, Access::Read, Pages::Now).unwrap();
        // SAFETY: the mapping is ours, and nothing refers to its bytes.
        let allowed = unsafe { mprotect(mapping.start().cast(), 4_096, MprotectFlags::READ | MprotectFlags::WRITE) };
        assert_eq!(allowed, Err(Errno::ACCESS));
    }
}
