//! Memory with a descriptor: made, and given its size.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, ftruncate, memfd_create};
use rustix::io::{Errno, retry_on_intr};
use rustix::system::sysinfo;

/// Sizes are multiples of it. It need not be the machine's page: both sides only have to round alike.
const GRAIN: usize = 4_096;
/// So much is allocated in one system call.
const STEP: usize = 4 << 20;

/// New memory, of size 0, that can be sealed.
pub(super) fn create(name: &str) -> io::Result<OwnedFd> {
    create_by(|flags| memfd_create(name, flags))
}

fn create_by(create: impl Fn(MemfdFlags) -> Result<OwnedFd, Errno>) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match create(flags | MemfdFlags::NOEXEC_SEAL) {
        // Linux before 6.3 does not know the flag. What it adds, that nobody can run the memory, is worth no error.
        Err(Errno::INVAL) => Ok(create(flags)?),
        result => Ok(result?),
    }
}

/// The size of memory that holds `len` bytes.
pub(super) fn rounded(len: usize) -> io::Result<usize> {
    len.checked_next_multiple_of(GRAIN).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// The size of memory that somebody else made for `len` bytes. No memory has the size that stands for one too large.
pub(super) fn rounded_by_another(len: u64) -> u64 {
    len.checked_next_multiple_of(GRAIN as u64).unwrap_or(u64::MAX)
}

/// Gives memory of `old` bytes `new` bytes, all allocated and zero where they are new. If it fails, it has `old` bytes
/// as before.
///
/// Allocated now, and not when it is first touched: then want of memory would end us by a signal. Where a control group
/// limits memory the kernel may still kill instead of refusing.
pub(super) fn enlarge(fd: &OwnedFd, old: usize, new: usize) -> io::Result<()> {
    // The kernel would take what there is, end processes for more, and only then refuse.
    if new as u64 > installed() {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    ftruncate(fd, new as u64)?;
    allocate(fd, old, new).inspect_err(|_| reduce(fd, old))
}

/// Gives back what is behind `size` bytes, after an error, which is the one to tell.
pub(super) fn reduce(fd: &OwnedFd, size: usize) {
    let _ = ftruncate(fd, size as u64);
}

/// Allocates in steps: on older kernels any signal undoes what a system call has allocated, and signals that come
/// regularly, as those of a profiler do, would undo a long one each time.
fn allocate(fd: &OwnedFd, old: usize, new: usize) -> io::Result<()> {
    for at in (old..new).step_by(STEP) {
        let len = STEP.min(new - at) as u64;
        retry_on_intr(|| fallocate(fd, FallocateFlags::empty(), at as u64, len))?;
    }
    Ok(())
}

/// The bytes of memory and swap this machine has.
fn installed() -> u64 {
    let info = sysinfo();
    (info.totalram as u64).saturating_add(info.totalswap as u64).saturating_mul(u64::from(info.mem_unit))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use rustix::fs::{SealFlags, fcntl_add_seals, fstat};

    use super::*;

    #[test]
    fn a_kernel_that_does_not_know_the_flag_is_asked_without_it() {
        let asked = RefCell::new(Vec::new());
        let made = create_by(|flags| {
            asked.borrow_mut().push(flags.contains(MemfdFlags::NOEXEC_SEAL));
            if flags.contains(MemfdFlags::NOEXEC_SEAL) { Err(Errno::INVAL) } else { memfd_create("test", flags) }
        });
        assert!(made.is_ok());
        assert_eq!(*asked.borrow(), [true, false]);
    }

    #[test]
    fn another_error_is_told_at_once() {
        let made = create_by(|flags| {
            assert!(flags.contains(MemfdFlags::NOEXEC_SEAL), "asked once");
            Err(Errno::MFILE)
        });
        assert_eq!(made.unwrap_err().raw_os_error(), Some(Errno::MFILE.raw_os_error()));
    }

    #[test]
    fn sizes_are_rounded_up() {
        for (len, size) in [(0, 0), (1, 4_096), (4_095, 4_096), (4_096, 4_096), (4_097, 8_192)] {
            assert_eq!(rounded(len).unwrap(), size);
            assert_eq!(rounded_by_another(len as u64), size as u64);
        }
        assert!(rounded(usize::MAX).is_err());
        assert_eq!(rounded_by_another(u64::MAX), u64::MAX);
    }

    #[test]
    fn memory_is_allocated_in_several_steps() {
        let fd = create("test").unwrap();
        enlarge(&fd, 0, 4_096).unwrap();
        enlarge(&fd, 4_096, 2 * STEP + 8_192).unwrap();
        let stat = fstat(&fd).unwrap();
        assert_eq!(stat.st_size as usize, 2 * STEP + 8_192);
        assert!(stat.st_blocks as usize * 512 >= 2 * STEP + 8_192);
    }

    #[test]
    fn more_than_the_machine_has_is_refused_before_anything_is_allocated() {
        let fd = create("test").unwrap();
        enlarge(&fd, 0, 4_096).unwrap();
        for size in [1 << 50, isize::MAX as usize, usize::MAX] {
            assert_eq!(enlarge(&fd, 4_096, size).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
        }
        assert_eq!(fstat(&fd).unwrap().st_size, 4_096);
    }

    #[test]
    fn what_cannot_be_enlarged_stays_as_it_is() {
        let fd = create("test").unwrap();
        enlarge(&fd, 0, 4_096).unwrap();
        fcntl_add_seals(&fd, SealFlags::GROW).unwrap();
        assert!(enlarge(&fd, 4_096, 8_192).is_err());
        assert_eq!(fstat(&fd).unwrap().st_size, 4_096);
    }
}
