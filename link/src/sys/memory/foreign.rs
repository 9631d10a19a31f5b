//! A peer's memory, which it may write whenever it likes.

use std::io;
use std::os::fd::OwnedFd;
use std::slice;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rustix::fs::SealFlags;
use rustix::io::{pread, retry_on_intr};

use super::check::{BadMemory, check};
use super::mapping::{Access, Mapping, Pages};
use super::memfd;

/// What a peer made as a [`Slot`](super::Slot). Its size is fixed, its bytes are not.
#[derive(Debug)]
pub(crate) struct Foreign {
    fd: OwnedFd,
    capacity: usize,
}

impl Foreign {
    /// Takes over a descriptor that was received, of memory that holds `capacity` bytes.
    pub(crate) fn open(fd: OwnedFd, capacity: u64) -> Result<Self, BadMemory> {
        let size = memfd::rounded_by_another(capacity);
        // The last one also keeps its writer from giving pages back, which would make holes.
        let capacity = check(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE, size)?;
        Ok(Self { fd, capacity })
    }

    /// The memory itself, without a copy.
    ///
    /// Only for a writer that is trusted to leave it alone while [`View::as_ref`] is looked at: a byte that changes
    /// under a `&[u8]` is undefined behaviour, and nothing here can prevent it. [`Self::copy`] needs no such trust.
    pub(crate) fn map(&self) -> io::Result<View> {
        Ok(View(Arc::new(Mapping::new(&self.fd, self.capacity, Access::Read, Pages::Now)?)))
    }

    /// Its first `len` bytes, in memory of a buffer that may have some. If its writer changes them meanwhile they are a
    /// mixture, and nothing worse.
    pub(crate) fn copy(&self, len: usize, mut into: BytesMut) -> io::Result<BytesMut> {
        if len > self.capacity {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "more bytes than the memory holds"));
        }
        into.clear();
        if into.capacity() < len {
            // An error, where a buffer that grows by itself would end the process.
            let mut fresh = Vec::new();
            fresh.try_reserve_exact(len)?;
            // One byte, because an empty one would lose its room on the way.
            fresh.push(0);
            into = Bytes::from(fresh).into();
            into.clear();
        }
        // One system call reads 2 GiB at most.
        while into.len() < len {
            let (at, missing) = (into.len(), len - into.len());
            let spare = &mut into.spare_capacity_mut()[..missing];
            let count = retry_on_intr(|| pread(&self.fd, &mut *spare, at as u64).map(|(read, _)| read.len()))?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // SAFETY: the kernel has filled so many bytes of the spare capacity.
            unsafe { into.set_len(at + count) };
        }
        Ok(into)
    }
}

/// A peer's memory as bytes. It stays for as long as one of its clones does.
#[derive(Debug, Clone)]
pub(crate) struct View(Arc<Mapping>);

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the mapping holds so many bytes and stays while `self` does; the seals, which `Foreign::open` has
        // seen, keep the memory behind it. That nobody writes is what the caller of `Foreign::map` vouches for.
        unsafe { slice::from_raw_parts(self.0.start(), self.0.len()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::super::slot::Slot;
    use super::super::testing::{LENGTHS, Watched, memory, other_than_memory};
    use super::*;

    const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE);

    fn pair(capacity: usize) -> (Slot, Foreign) {
        let (slot, fd) = Slot::create(capacity).unwrap();
        let foreign = Foreign::open(fd, slot.capacity() as u64).unwrap();
        (slot, foreign)
    }

    #[test]
    fn what_a_slot_is_filled_with_is_copied_and_seen() {
        for len in LENGTHS {
            let (mut slot, foreign) = pair(len);
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            slot.fill(&bytes);
            assert_eq!(foreign.copy(len, BytesMut::new()).unwrap(), bytes);
            assert_eq!(foreign.map().unwrap().as_ref()[..len], bytes);
        }
    }

    #[test]
    fn a_capacity_may_be_announced_as_it_was_asked_for() {
        for len in LENGTHS {
            let (slot, fd) = Slot::create(len).unwrap();
            let foreign = Foreign::open(fd, len as u64).unwrap();
            assert_eq!(foreign.copy(slot.capacity(), BytesMut::new()).unwrap().len(), slot.capacity());
        }
    }

    #[test]
    fn another_capacity_is_refused() {
        for announced in [0, 4_096, 8_193, 1 << 40, i64::MAX as u64, u64::MAX - 4_095, u64::MAX] {
            let (_slot, fd) = Slot::create(4_097).unwrap();
            let refused = Foreign::open(fd, announced).unwrap_err();
            assert!(matches!(refused, BadMemory::WrongSize { found: 8_192, .. }), "{refused:?}");
        }
    }

    #[test]
    fn each_seal_is_needed() {
        for missing in SEALS {
            let refused = Foreign::open(memory(4_096, 4_096, SEALS - missing), 4_096).unwrap_err();
            assert!(matches!(refused, BadMemory::Unsealed { missing: told } if told == missing), "{refused:?}");
        }
        assert!(Foreign::open(memory(4_096, 4_096, SEALS), 4_096).is_ok());
    }

    #[test]
    fn what_is_no_memory_or_has_holes_is_refused() {
        for fd in other_than_memory() {
            assert!(matches!(Foreign::open(fd, 0), Err(BadMemory::NotMemory)));
        }
        assert!(matches!(Foreign::open(memory(8_192, 4_096, SEALS), 8_192), Err(BadMemory::Holes { .. })));
    }

    #[test]
    fn more_than_it_holds_is_not_copied() {
        let (_slot, foreign) = pair(4_096);
        for len in [4_097, isize::MAX as usize, usize::MAX] {
            assert_eq!(foreign.copy(len, BytesMut::new()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn a_copy_takes_no_more_memory_than_it_needs() {
        let (_slot, foreign) = pair(8_192);
        for len in [0, 1, 4_097, 8_192] {
            let copy = foreign.copy(len, BytesMut::new()).unwrap();
            assert_eq!((copy.len(), copy.capacity()), (len, len));
        }
    }

    #[test]
    fn a_copy_ends_in_an_error_where_the_memory_does() {
        // What no seal allows, for once.
        let fd = memory(4_096, 4_096, SealFlags::empty());
        let foreign = Foreign { fd, capacity: 8_192 };
        assert_eq!(foreign.copy(4_096, BytesMut::new()).unwrap()[..], [0; 4_096]);
        assert_eq!(foreign.copy(4_097, BytesMut::new()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_copy_of_what_changes_meanwhile_is_some_mixture() {
        const LEN: usize = 1 << 18;
        let (mut slot, foreign) = pair(LEN);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let patterns = [vec![0x00; LEN], vec![0xff; LEN]];
                for pattern in patterns.iter().cycle().take_while(|_| !done.load(Ordering::Relaxed)) {
                    slot.fill(pattern);
                }
            });
            for _ in 0..200 {
                let copy = foreign.copy(LEN, BytesMut::new()).unwrap();
                assert_eq!(copy.len(), LEN);
                assert!(copy.iter().all(|byte| matches!(byte, 0x00 | 0xff)));
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn a_view_outlives_whatever_it_came_from() {
        let (mut slot, foreign) = pair(4_096);
        slot.fill(b"still here");
        let watched = Watched::new(&foreign.fd);
        let view = foreign.map().unwrap();
        drop((slot, foreign));
        assert_eq!(watched.descriptors(), 0);
        let other = view.clone();
        drop(view);
        assert!(other.as_ref().starts_with(b"still here"));
        assert_eq!(watched.mappings(), [4_096], "one for all clones, with its pages");
        drop(other);
        assert!(watched.mappings().is_empty());
    }

    #[test]
    fn a_descriptor_that_is_refused_is_closed() {
        let fd = memory(4_096, 4_096, SealFlags::empty());
        let watched = Watched::new(&fd);
        assert!(Foreign::open(fd, 4_096).is_err());
        assert_eq!((watched.descriptors(), watched.mappings().len()), (0, 0));
    }

    #[test]
    fn a_view_may_be_used_by_any_thread() {
        fn assert_shared<T: Send + Sync + Clone>() {}
        assert_shared::<View>();
    }
}
