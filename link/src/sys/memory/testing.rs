//! What the tests of this folder have in common.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{FallocateFlags, Mode, OFlags, SealFlags, fallocate, fcntl_add_seals, fstat, ftruncate, open};
use rustix::io::{Errno, pwrite};
use rustix::pipe::pipe;

use super::mapping::{Access, Mapping, Pages};
use super::memfd;

/// The lengths at which rounding and pages begin and end.
pub(super) const LENGTHS: [usize; 6] = [0, 1, 4_095, 4_096, 4_097, 1 << 20];

/// Memory as a peer may pass it: some of its bytes allocated, and sealed somehow.
pub(super) fn memory(size: usize, allocated: usize, seals: SealFlags) -> OwnedFd {
    let fd = memfd::create("test").unwrap();
    ftruncate(&fd, size as u64).unwrap();
    if allocated > 0 {
        fallocate(&fd, FallocateFlags::empty(), 0, allocated as u64).unwrap();
    }
    fcntl_add_seals(&fd, seals).unwrap();
    fd
}

/// What a program may pass by mistake, or to see what happens: a file, a folder, a pipe, a mere name of memory.
pub(super) fn other_than_memory() -> Vec<OwnedFd> {
    let file = fs::File::open("/proc/self/exe").unwrap();
    // In a file system of the same kind as memory.
    let folder = fs::File::open("/dev").unwrap();
    let (reader, writer) = pipe().unwrap();
    let memory = memfd::create("test").unwrap();
    let name = open(format!("/proc/self/fd/{}", memory.as_raw_fd()), OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    vec![file.into(), folder.into(), reader, writer, name.unwrap()]
}

/// Tries all that could change the memory or its size.
pub(super) fn assert_unchangeable(fd: &OwnedFd) {
    let size = fstat(fd).unwrap().st_size as u64;
    for at in [0, size.saturating_sub(1), size] {
        assert_eq!(pwrite(fd, b"x", at), Err(Errno::PERM), "writing at {at}");
    }
    for other in (0..size).step_by(4_096).chain([size + 1]) {
        assert_eq!(ftruncate(fd, other), Err(Errno::PERM), "a size of {other}");
    }
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    assert_eq!(fallocate(fd, punch, 0, size.max(1)), Err(Errno::PERM), "a hole");
    let behind = fallocate(fd, FallocateFlags::KEEP_SIZE, size, 4_096);
    assert_eq!(behind, Err(Errno::PERM), "memory behind its end");
    assert_eq!(fcntl_add_seals(fd, SealFlags::WRITE), Err(Errno::PERM), "another seal");
    if size > 0 {
        let mapped = Mapping::new(fd, size as usize, Access::Write, Pages::Later);
        assert_eq!(mapped.unwrap_err().raw_os_error(), Some(Errno::PERM.raw_os_error()), "a mapping");
    }
}

/// Memory that is watched: who of this process still holds it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched {
    device: u64,
    inode: u64,
}

impl Watched {
    pub(super) fn new(fd: &OwnedFd) -> Self {
        let metadata = fs::metadata(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap();
        Self { device: metadata.dev(), inode: metadata.ino() }
    }

    /// How many descriptors it has. Other tests open and close some meanwhile, of other memory.
    pub(super) fn descriptors(self) -> usize {
        let all = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::metadata(entry.ok()?.path()).ok());
        all.filter(|found| (found.dev(), found.ino()) == (self.device, self.inode)).count()
    }

    /// The resident bytes of each of its mappings.
    pub(super) fn mappings(self) -> Vec<usize> {
        let inode = self.inode.to_string();
        let mut is_ours = false;
        let mut resident = Vec::new();
        for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                ["Rss:", size, "kB"] if is_ours => resident.push(size.parse::<usize>().unwrap() * 1_024),
                [_, _, _, _, found, name, ..] if name.starts_with("/memfd:") => is_ours = found == inode,
                [range, ..] if !range.ends_with(':') => is_ours = false,
                _ => {}
            }
        }
        resident
    }
}
