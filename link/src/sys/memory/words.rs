//! Memory that several processes write at the same time.

use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::slice;
use std::sync::atomic::{
    AtomicI8, AtomicI16, AtomicI32, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering,
};

use rustix::fs::{SealFlags, fcntl_add_seals};

use super::check::{BadMemory, check};
use super::mapping::{Access, Mapping, Pages};
use super::memfd;

/// Atomic integers, zero at first, that every process with the descriptor reads and writes.
///
/// A peer may set any of them to anything at any moment. It may give pages back, too: what was on them is zero then,
/// and they are allocated anew when they are touched. No seal forbids that and still allows to write.
#[derive(Debug)]
pub(crate) struct Words<A> {
    mapping: Mapping,
    count: usize,
    atoms: PhantomData<[A]>,
}

impl<A: Atom> Words<A> {
    /// So many words, and the descriptor to pass on.
    pub(crate) fn create(count: usize) -> io::Result<(Self, OwnedFd)> {
        let size = memfd::rounded(count.checked_mul(size_of::<A>()).ok_or(io::ErrorKind::OutOfMemory)?)?;
        let fd = memfd::create("kinfolk-words")?;
        memfd::enlarge(&fd, 0, size)?;
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok((Self::map(&fd, size, count)?, fd))
    }

    /// Takes over a descriptor that was received, of memory with so many words. It is closed: the mapping needs none.
    pub(crate) fn open(fd: OwnedFd, count: usize) -> Result<Self, BadMemory> {
        let size = memfd::rounded_by_another((count as u64).saturating_mul(size_of::<A>() as u64));
        let size = check(&fd, SealFlags::SHRINK | SealFlags::GROW, size)?;
        Self::map(&fd, size, count).map_err(BadMemory::Unmappable)
    }

    fn map(fd: &OwnedFd, size: usize, count: usize) -> io::Result<Self> {
        Ok(Self { mapping: Mapping::new(fd, size, Access::Write, Pages::Later)?, count, atoms: PhantomData })
    }
}

impl<A: Atom> Deref for Words<A> {
    type Target = [A];

    fn deref(&self) -> &[A] {
        // SAFETY: so many words are mapped, aligned since mappings are, and stay while `self` does; the seals keep the
        // memory behind them. An `Atom` may change under a shared reference, and any bits are one.
        unsafe { slice::from_raw_parts(self.mapping.start().cast::<A>(), self.count) }
    }
}

/// An atomic integer that other processes may change: one of the standard library's, of a fixed size.
pub trait Atom: sealed::Sealed + Send + Sync + 'static {
    /// The integer in it.
    type Value: Copy + Send + 'static;
    /// What it is called in the shape of messages.
    const NAME: &'static str;
    /// Reads it, with `Ordering::Relaxed`.
    fn get(&self) -> Self::Value;
    /// Writes it, with `Ordering::Relaxed`.
    fn set(&self, value: Self::Value);
}

mod sealed {
    /// Only types of which all bits are values, and which may change under a shared reference.
    #[expect(unnameable_types, reason = "what cannot be named cannot be implemented elsewhere")]
    pub trait Sealed {}
}

macro_rules! atoms {
    ($($atom:ident: $value:ty),*) => {$(
        impl Atom for $atom {
            type Value = $value;
            const NAME: &'static str = stringify!($atom);

            fn get(&self) -> $value {
                self.load(Ordering::Relaxed)
            }

            fn set(&self, value: $value) {
                self.store(value, Ordering::Relaxed);
            }
        }
        impl sealed::Sealed for $atom {}
    )*};
}

atoms!(AtomicU8: u8, AtomicU16: u16, AtomicU32: u32, AtomicU64: u64);
atoms!(AtomicI8: i8, AtomicI16: i16, AtomicI32: i32, AtomicI64: i64);

#[cfg(test)]
mod tests {
    use std::thread;

    use rustix::fs::{FallocateFlags, fallocate, ftruncate};
    use rustix::io::{Errno, pwrite};

    use super::super::testing::{LENGTHS, Watched, memory, other_than_memory};
    use super::*;

    const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);

    fn pair<A: Atom>(count: usize) -> (Words<A>, Words<A>) {
        let (ours, fd) = Words::create(count).unwrap();
        let theirs = Words::open(fd, count).unwrap();
        (ours, theirs)
    }

    macro_rules! check_atoms {
        ($($atom:ident: $value:expr),*) => {$({
            for count in LENGTHS {
                let (ours, theirs) = pair::<$atom>(count);
                assert_eq!((ours.len(), theirs.len()), (count, count));
                for (at, (ours, theirs)) in ours.iter().zip(&*theirs).enumerate().step_by(499) {
                    assert_eq!(theirs.load(Ordering::Relaxed), 0, "{at}");
                    ours.store($value, Ordering::Relaxed);
                    assert_eq!(theirs.swap(1, Ordering::Relaxed), $value, "{at}");
                    assert_eq!(ours.load(Ordering::Relaxed), 1, "{at}");
                }
            }
        })*};
    }

    #[test]
    fn words_of_every_type_are_zero_at_first_and_shared() {
        check_atoms!(AtomicU8: u8::MAX, AtomicU16: u16::MAX, AtomicU32: u32::MAX, AtomicU64: u64::MAX);
        check_atoms!(AtomicI8: i8::MIN, AtomicI16: i16::MIN, AtomicI32: i32::MIN, AtomicI64: i64::MIN);
    }

    #[test]
    fn no_addition_is_lost_between_two_openings() {
        let (ours, theirs) = pair::<AtomicU32>(3);
        thread::scope(|scope| {
            for words in [&ours, &theirs] {
                scope.spawn(|| {
                    for _ in 0..50_000 {
                        words[2].fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(ours[2].load(Ordering::Relaxed), 100_000);
    }

    #[test]
    fn another_count_is_refused_unless_it_needs_as_much_memory() {
        let open = |count| Words::<AtomicU64>::open(Words::<AtomicU64>::create(512).unwrap().1, count);
        assert!(open(511).is_ok(), "both are one page");
        for count in [0, 513, 1 << 50, usize::MAX / 8, usize::MAX / 8 + 1, usize::MAX] {
            let refused = open(count).unwrap_err();
            assert!(matches!(refused, BadMemory::WrongSize { found: 4_096, .. }), "{refused:?}");
        }
    }

    #[test]
    fn a_count_that_no_memory_holds_is_an_error() {
        for count in [1 << 48, usize::MAX / 8, usize::MAX / 8 + 1, usize::MAX] {
            assert_eq!(Words::<AtomicI64>::create(count).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
        }
    }

    #[test]
    fn each_seal_is_needed() {
        for missing in SEALS {
            let refused = Words::<AtomicU8>::open(memory(4_096, 4_096, SEALS - missing), 1).unwrap_err();
            assert!(matches!(refused, BadMemory::Unsealed { missing: told } if told == missing), "{refused:?}");
        }
    }

    #[test]
    fn what_is_no_memory_or_has_holes_or_cannot_be_written_is_refused() {
        for fd in other_than_memory() {
            assert!(matches!(Words::<AtomicU8>::open(fd, 0), Err(BadMemory::NotMemory)));
        }
        let sparse = memory(8_192, 4_096, SEALS);
        assert!(matches!(Words::<AtomicU8>::open(sparse, 8_192), Err(BadMemory::Holes { .. })));
        for seal in [SealFlags::WRITE, SealFlags::FUTURE_WRITE] {
            let unwritable = memory(4_096, 4_096, SEALS | seal);
            assert!(matches!(Words::<AtomicU8>::open(unwritable, 1), Err(BadMemory::Unmappable(_))));
        }
    }

    #[test]
    fn a_peer_cannot_take_the_memory_away() {
        let (words, fd) = Words::<AtomicU64>::create(512).unwrap();
        for size in [0, 4_095, 4_097] {
            assert_eq!(ftruncate(&fd, size), Err(Errno::PERM));
        }
        assert_eq!(fcntl_add_seals(&fd, SealFlags::WRITE), Err(Errno::PERM));
        words[511].store(1, Ordering::Relaxed);
        fallocate(&fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4_096).unwrap();
        assert_eq!(words[511].load(Ordering::Relaxed), 0, "it can give pages back: they come again");
        words[511].store(2, Ordering::Relaxed);
    }

    #[test]
    fn a_peer_may_write_anything() {
        let (words, fd) = Words::<AtomicI16>::create(2).unwrap();
        pwrite(&fd, &[0xff; 3], 0).unwrap();
        let expected = i16::from_ne_bytes([0xff, 0]);
        assert_eq!((words[0].load(Ordering::Relaxed), words[1].load(Ordering::Relaxed)), (-1, expected));
    }

    #[test]
    fn no_descriptor_stays() {
        let (ours, fd) = Words::<AtomicU8>::create(1).unwrap();
        let watched = Watched::new(&fd);
        let theirs = Words::<AtomicU8>::open(fd, 1).unwrap();
        assert_eq!((watched.descriptors(), watched.mappings().len()), (0, 2));
        drop((ours, theirs));
        assert!(watched.mappings().is_empty());
    }

    #[test]
    fn words_may_be_used_by_any_thread() {
        fn assert_shared<T: Send + Sync>() {}
        assert_shared::<Words<AtomicI64>>();
    }
}
