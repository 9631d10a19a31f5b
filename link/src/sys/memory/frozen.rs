//! Memory that nobody can change any more.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::slice;

use rustix::fs::{SealFlags, fcntl_add_seals, sendfile};
use rustix::io::{Errno, retry_on_intr};

use super::check::{BadMemory, check};
use super::mapping::{Access, Mapping, Pages};
use super::memfd;

/// What keeps the bytes as they are, and in their place.
const SEALS: SealFlags = SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW);

/// Bytes that are the same for ever, in every process that has the descriptor.
#[derive(Debug)]
pub(crate) struct Frozen {
    fd: OwnedFd,
    mapping: Mapping,
}

impl Frozen {
    /// Takes over a descriptor that was received, of memory with `len` bytes. However many, it takes the same time.
    pub(crate) fn open(fd: OwnedFd, len: u64) -> Result<Self, BadMemory> {
        let len = check(&fd, SEALS, len)?;
        Ok(Self { mapping: map(&fd, len).map_err(BadMemory::Unmappable)?, fd })
    }

    /// Seals memory of `len` bytes, which this process does not map any more.
    pub(super) fn seal(fd: OwnedFd, len: usize) -> io::Result<Self> {
        let fd = match fcntl_add_seals(&fd, SEALS | SealFlags::SEAL) {
            // A process that was forked off this one maps all that was mapped then, for writing too, until it starts
            // its own program. Nobody maps a copy.
            Err(Errno::BUSY) => sealed_copy(&fd, len)?,
            sealed => sealed.map(|()| fd)?,
        };
        Ok(Self { mapping: map(&fd, len)?, fd })
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.mapping.len()
    }

    /// What to pass to another process.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped and stay while `self` does; the seals, which we have set or seen before,
        // keep everybody from writing them and from taking them away.
        unsafe { slice::from_raw_parts(self.mapping.start(), self.mapping.len()) }
    }
}

fn map(fd: &OwnedFd, len: usize) -> io::Result<Mapping> {
    Mapping::new(fd, len, Access::ReadFrozen, Pages::Later)
}

fn sealed_copy(fd: &OwnedFd, len: usize) -> io::Result<OwnedFd> {
    let copy = memfd::create("kinfolk-frozen")?;
    let mut at = 0;
    while at < len as u64 {
        let left = len - at as usize;
        if retry_on_intr(|| sendfile(&copy, fd, Some(&mut at), left))? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    fcntl_add_seals(&copy, SEALS | SealFlags::SEAL)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::super::draft::Draft;
    use super::super::testing::{LENGTHS, Watched, assert_unchangeable, memory, other_than_memory};
    use super::*;

    fn frozen(bytes: &[u8]) -> Frozen {
        let mut draft = Draft::new(bytes.len()).unwrap();
        draft.as_mut().copy_from_slice(bytes);
        draft.freeze().unwrap()
    }

    /// As it arrives in another process.
    fn passed(frozen: &Frozen) -> OwnedFd {
        frozen.descriptor().try_clone_to_owned().unwrap()
    }

    #[test]
    fn what_one_side_freezes_the_other_reads() {
        for len in LENGTHS {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let sent = frozen(&bytes);
            let received = Frozen::open(passed(&sent), len as u64).unwrap();
            drop(sent);
            assert_eq!(received.len(), len);
            assert_eq!(received.as_ref(), bytes);
            assert_unchangeable(&passed(&received));
        }
    }

    #[test]
    fn it_can_be_passed_on() {
        let first = frozen(b"pass it on");
        let second = Frozen::open(passed(&first), 10).unwrap();
        drop(first);
        let third = Frozen::open(passed(&second), 10).unwrap();
        drop(second);
        assert_eq!(third.as_ref(), b"pass it on");
    }

    #[test]
    fn another_length_is_refused() {
        let sent = frozen(&[1; 4_097]);
        for announced in [0, 4_096, 4_098, 8_192, i64::MAX as u64, u64::MAX] {
            let refused = Frozen::open(passed(&sent), announced).unwrap_err();
            assert!(matches!(refused, BadMemory::WrongSize { found: 4_097, .. }), "{refused:?}");
        }
    }

    #[test]
    fn each_seal_is_needed() {
        for missing in SEALS {
            let refused = Frozen::open(memory(4_096, 4_096, SEALS - missing), 4_096).unwrap_err();
            assert!(matches!(refused, BadMemory::Unsealed { missing: told } if told == missing), "{refused:?}");
        }
        assert!(Frozen::open(memory(4_096, 4_096, SEALS), 4_096).is_ok());
        // New writers alone are not enough: the old one may go on.
        let refused =
            Frozen::open(memory(0, 0, SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE), 0).unwrap_err();
        assert!(matches!(refused, BadMemory::Unsealed { missing: SealFlags::WRITE }));
    }

    #[test]
    fn what_is_no_memory_or_has_holes_is_refused() {
        for fd in other_than_memory() {
            assert!(matches!(Frozen::open(fd, 0), Err(BadMemory::NotMemory)));
        }
        for (size, allocated) in [(1, 0), (4_097, 4_096), (1 << 40, 4_096), (i64::MAX as usize, 0)] {
            let refused = Frozen::open(memory(size, allocated, SEALS), size as u64).unwrap_err();
            assert!(matches!(refused, BadMemory::Holes { .. }), "{refused:?}");
        }
    }

    #[test]
    fn opening_touches_no_page() {
        let sent = frozen(&[1; 1 << 20]);
        let fd = passed(&sent);
        let watched = Watched::new(&fd);
        drop(sent);
        let received = Frozen::open(fd, 1 << 20).unwrap();
        assert_eq!(watched.mappings(), [0]);
        assert_eq!(received.as_ref()[1 << 19], 1);
        assert_ne!(watched.mappings(), [0]);
    }

    #[test]
    fn one_descriptor_stays_as_long_as_it_does() {
        let sent = frozen(b"counted");
        let watched = Watched::new(&passed(&sent));
        assert_eq!((watched.descriptors(), watched.mappings().len()), (1, 1));
        let received = Frozen::open(passed(&sent), 7).unwrap();
        assert_eq!((watched.descriptors(), watched.mappings().len()), (2, 2));
        drop(sent);
        assert!(Frozen::open(passed(&received), 8).is_err());
        assert_eq!((watched.descriptors(), watched.mappings().len()), (1, 1));
        drop(received);
        assert_eq!((watched.descriptors(), watched.mappings().len()), (0, 0));
    }

    #[test]
    fn it_may_be_used_by_any_thread() {
        fn assert_shared<T: Send + Sync>() {}
        assert_shared::<Frozen>();
    }
}
