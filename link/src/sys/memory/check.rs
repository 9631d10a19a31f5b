//! What is looked at before memory of another process is mapped.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FsWord, OFlags, SealFlags, fcntl_get_seals, fcntl_getfl, fstat, fstatfs};

/// The file system that memory of `memfd_create` is on, unless it is of huge pages, which are counted differently.
const TMPFS: FsWord = 0x0102_1994;
/// The unit of `st_blocks`, whatever the file system's own.
const BLOCK: u64 = 512;

/// Why memory that was received is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BadMemory {
    /// It is a file, a pipe, or memory of another kind.
    #[error("the descriptor is not one of memory that can be shared")]
    NotMemory,
    /// It was opened anew, for less than both.
    #[error("the descriptor is not open for both reading and writing")]
    WrongAccess,
    /// Somebody could take it away or change it.
    #[error("the memory is not sealed against {}", Against(*.missing))]
    Unsealed {
        /// The seals that were expected and are not there.
        missing: SealFlags,
    },
    /// It is not the memory that was announced.
    #[error("the memory has {found} bytes and not {expected}")]
    WrongSize {
        /// What was announced, rounded as its maker does.
        expected: u64,
        /// What it has.
        found: u64,
    },
    /// It is not all there: more would be allocated where it is touched.
    #[error("of the {size} bytes of the memory only {present} are allocated")]
    Holes {
        /// Its size.
        size: u64,
        /// What is allocated.
        present: u64,
    },
    /// There is no place for it.
    #[error("the memory cannot be mapped")]
    Unmappable(#[source] io::Error),
}

/// Seals in words.
struct Against(SealFlags);

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            (SealFlags::SHRINK, "shrinking"),
            (SealFlags::GROW, "growing"),
            (SealFlags::WRITE, "writing"),
            (SealFlags::FUTURE_WRITE, "new writers"),
        ];
        let missing = words.into_iter().filter(|(seal, _)| self.0.contains(*seal)).map(|(_, word)| word);
        f.write_str(&missing.collect::<Vec<_>>().join(", "))
    }
}

/// The size of the memory `fd`, if that is exactly `size` and all of `seals` are there, among them those of the size.
///
/// Without holes no access allocates. That holds for ever where `seals` forbid new writers: they forbid holes too.
/// Blocks a sender has allocated behind the end of its memory hide as many holes. They read as zeros, each for a page
/// that is allocated then, which fails only on a machine that has none left and is set to commit no more than it has.
/// Both ways to see them take a lock that the sender can hold for seconds.
pub(super) fn check(fd: &OwnedFd, seals: SealFlags, size: u64) -> Result<usize, BadMemory> {
    debug_assert!(seals.contains(SealFlags::SHRINK | SealFlags::GROW), "else what is seen here may change");
    // First, since it asks no file system: one that the sender made itself may never answer.
    let missing = seals - fcntl_get_seals(fd).map_err(|_| BadMemory::NotMemory)?;
    if fcntl_getfl(fd).map_err(|_| BadMemory::NotMemory)? & OFlags::ACCMODE != OFlags::RDWR {
        return Err(BadMemory::WrongAccess);
    }
    if !fstatfs(fd).is_ok_and(|system| system.f_type == TMPFS) {
        return Err(BadMemory::NotMemory);
    }
    if !missing.is_empty() {
        return Err(BadMemory::Unsealed { missing });
    }
    let stat = fstat(fd).map_err(|_| BadMemory::NotMemory)?;
    let (found, present) = (stat.st_size as u64, (stat.st_blocks as u64).saturating_mul(BLOCK));
    if found != size {
        return Err(BadMemory::WrongSize { expected: size, found });
    }
    if present < size {
        return Err(BadMemory::Holes { size, present });
    }
    usize::try_from(size).map_err(|_| BadMemory::Unmappable(io::ErrorKind::OutOfMemory.into()))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use rustix::fs::{FallocateFlags, MemfdFlags, Mode, fallocate, fcntl_add_seals, ftruncate, memfd_create, open};

    use super::super::mapping::{Access, Mapping, Pages};
    use super::super::memfd;
    use super::super::testing::{memory, other_than_memory};
    use super::*;

    const SIZE: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);
    const ALL: SealFlags = SIZE.union(SealFlags::WRITE).union(SealFlags::FUTURE_WRITE);

    #[test]
    fn memory_as_announced_is_accepted() {
        for size in [0, 1, 4_095, 4_096, 4_097, 1 << 20] {
            for seals in [SIZE, ALL, ALL | SealFlags::SEAL] {
                assert_eq!(check(&memory(size, size, seals), SIZE, size as u64).unwrap(), size);
            }
        }
    }

    #[test]
    fn other_descriptors_are_refused() {
        for fd in other_than_memory() {
            assert!(matches!(check(&fd, SIZE, 0), Err(BadMemory::NotMemory)), "{fd:?}");
        }
    }

    #[test]
    fn memory_of_huge_pages_is_refused() {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
        // A kernel may be built without them.
        let Ok(fd) = memfd_create("test", flags) else { return };
        fcntl_add_seals(&fd, ALL).unwrap();
        assert!(matches!(check(&fd, SIZE, 0), Err(BadMemory::NotMemory)));
    }

    #[test]
    fn a_file_in_the_file_system_of_memory_is_refused() {
        // It has no name, so nothing of it stays.
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let Ok(fd) = open("/dev/shm", flags, Mode::RUSR | Mode::WUSR) else { return };
        assert!(matches!(check(&fd, SIZE, 0), Err(BadMemory::Unsealed { missing }) if missing == SIZE));
    }

    #[test]
    fn a_descriptor_for_reading_or_writing_alone_is_refused() {
        let fd = memory(4_096, 4_096, ALL);
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        for access in [OFlags::RDONLY, OFlags::WRONLY] {
            let other = open(&path, access | OFlags::CLOEXEC, Mode::empty()).unwrap();
            assert!(matches!(check(&other, ALL, 4_096), Err(BadMemory::WrongAccess)), "{access:?}");
        }
    }

    #[test]
    fn each_missing_seal_is_told() {
        for missing in ALL {
            let fd = memory(4_096, 4_096, ALL - missing);
            let refused = check(&fd, ALL, 4_096).unwrap_err();
            assert!(matches!(refused, BadMemory::Unsealed { missing: told } if told == missing), "{refused:?}");
        }
        let refused = check(&memory(4_096, 4_096, SealFlags::empty()), ALL, 4_096).unwrap_err();
        let sentence = "the memory is not sealed against shrinking, growing, writing, new writers";
        assert_eq!(refused.to_string(), sentence);
    }

    #[test]
    fn another_size_is_refused_whether_less_or_more() {
        let fd = memory(4_097, 4_097, ALL);
        for announced in [0, 1, 4_096, 4_098, 8_192, 1 << 62, i64::MAX as u64, u64::MAX] {
            let refused = check(&fd, ALL, announced).unwrap_err();
            assert!(matches!(refused, BadMemory::WrongSize { expected, found: 4_097 } if expected == announced));
        }
        assert_eq!(check(&fd, ALL, 1).unwrap_err().to_string(), "the memory has 4097 bytes and not 1");
    }

    #[test]
    fn memory_with_holes_is_refused_however_large() {
        for (size, allocated) in [(1, 0), (4_097, 4_096), (1 << 20, (1 << 20) - 4_096), (i64::MAX as usize, 4_096)] {
            let fd = memory(size, allocated, ALL);
            let refused = check(&fd, ALL, size as u64).unwrap_err();
            assert!(matches!(refused, BadMemory::Holes { present, .. } if present == allocated as u64), "{refused:?}");
        }
    }

    #[test]
    fn a_hole_made_later_is_refused() {
        let fd = memory(8_192, 8_192, SIZE);
        fallocate(&fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4_096).unwrap();
        let refused = check(&fd, SIZE, 8_192).unwrap_err();
        assert_eq!(refused.to_string(), "of the 8192 bytes of the memory only 4096 are allocated");
    }

    #[test]
    fn holes_that_blocks_behind_the_end_hide_read_as_zeros() {
        let fd = memfd::create("test").unwrap();
        ftruncate(&fd, 8_192).unwrap();
        fallocate(&fd, FallocateFlags::KEEP_SIZE, 8_192, 8_192).unwrap();
        fcntl_add_seals(&fd, ALL).unwrap();
        let size = check(&fd, ALL, 8_192).unwrap();
        let mapping = Mapping::new(&fd, size, Access::ReadFrozen, Pages::Later).unwrap();
        // SAFETY: so many bytes are mapped, and sealed against every change.
        let bytes = unsafe { std::slice::from_raw_parts(mapping.start(), size) };
        assert_eq!(bytes, [0; 8_192]);
    }
}
