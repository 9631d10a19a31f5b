//! Memory of ours that a peer reads, used again and again.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{SealFlags, fcntl_add_seals};

use super::mapping::{Access, Mapping, Pages};
use super::memfd;

/// Memory that only this process writes, through this value. When it may be filled anew is for its user to know.
#[derive(Debug)]
pub(crate) struct Slot {
    mapping: Mapping,
}

impl Slot {
    /// Memory for `capacity` bytes and a few more, and the descriptor to pass on.
    pub(crate) fn create(capacity: usize) -> io::Result<(Self, OwnedFd)> {
        let capacity = memfd::rounded(capacity)?;
        let fd = memfd::create("kinfolk-slot")?;
        memfd::enlarge(&fd, 0, capacity)?;
        let mapping = Mapping::new(&fd, capacity, Access::Write, Pages::Now)?;
        // After our own mapping, which they leave as it is: whoever has the descriptor cannot write any more.
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
        fcntl_add_seals(&fd, seals)?;
        Ok((Self { mapping }, fd))
    }

    /// How many bytes it holds: what to announce to the peer.
    pub(crate) fn capacity(&self) -> usize {
        self.mapping.len()
    }

    /// Copies `bytes` to its beginning.
    ///
    /// # Panics
    /// They are more than it holds.
    pub(crate) fn fill(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.capacity(), "more bytes than the memory holds");
        // SAFETY: the mapping holds so many bytes, and no slice of ours can be in it: `Slot` hands out none.
        unsafe { self.mapping.start().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::{FdFlags, fcntl_getfd, pread};

    use super::super::testing::{LENGTHS, Watched, assert_unchangeable};
    use super::*;

    fn start_of(fd: &OwnedFd, len: usize) -> Vec<u8> {
        let mut bytes = vec![0xee; len];
        assert_eq!(pread(fd, bytes.as_mut_slice(), 0).unwrap(), len);
        bytes
    }

    #[test]
    fn a_slot_holds_at_least_what_was_asked_for() {
        for len in LENGTHS {
            let (mut slot, fd) = Slot::create(len).unwrap();
            assert!((len..len + 4_096).contains(&slot.capacity()));
            assert_eq!(start_of(&fd, slot.capacity()), vec![0; slot.capacity()], "zero at first");
            let bytes: Vec<u8> = (0..slot.capacity()).map(|at| at as u8 | 1).collect();
            slot.fill(&bytes);
            assert_eq!(start_of(&fd, bytes.len()), bytes);
        }
    }

    #[test]
    fn filling_it_again_leaves_what_is_behind_the_bytes() {
        let (mut slot, fd) = Slot::create(4_096).unwrap();
        slot.fill(b"first");
        slot.fill(b"2nd");
        slot.fill(b"");
        assert_eq!(start_of(&fd, 6), b"2ndst\0");
    }

    #[test]
    #[should_panic(expected = "more bytes than the memory holds")]
    fn more_than_it_holds_is_a_mistake_of_ours() {
        let (mut slot, _fd) = Slot::create(1).unwrap();
        slot.fill(&[1; 4_097]);
    }

    #[test]
    fn whoever_has_the_descriptor_can_change_nothing() {
        for len in LENGTHS {
            let (mut slot, fd) = Slot::create(len).unwrap();
            assert_unchangeable(&fd);
            slot.fill(&vec![7; slot.capacity()]);
            assert_eq!(start_of(&fd, slot.capacity()), vec![7; slot.capacity()], "but its maker can");
        }
    }

    #[test]
    fn its_pages_are_there_from_the_beginning() {
        let (slot, fd) = Slot::create(1 << 20).unwrap();
        assert_eq!(Watched::new(&fd).mappings(), [slot.capacity()]);
        // What is there already can be allocated again.
        fallocate(&fd, FallocateFlags::empty(), 0, 4_096).unwrap();
    }

    #[test]
    fn no_descriptor_stays_and_none_is_inherited() {
        let (slot, fd) = Slot::create(1).unwrap();
        assert!(fcntl_getfd(&fd).unwrap().contains(FdFlags::CLOEXEC));
        let watched = Watched::new(&fd);
        assert_eq!(watched.descriptors(), 1);
        drop(fd);
        assert_eq!((watched.descriptors(), watched.mappings().len()), (0, 1));
        drop(slot);
        assert!(watched.mappings().is_empty());
    }

    #[test]
    fn more_than_the_machine_has_is_an_error() {
        for capacity in [1 << 50, isize::MAX as usize, usize::MAX - 4_095, usize::MAX] {
            assert_eq!(Slot::create(capacity).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
        }
    }

    #[test]
    fn a_slot_may_be_used_by_any_thread() {
        fn assert_shared<T: Send + Sync>() {}
        assert_shared::<Slot>();
    }
}
