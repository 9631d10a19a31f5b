//! Memory that is still being written, before anybody else sees it.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::slice;

use rustix::fs::ftruncate;

use super::frozen::Frozen;
use super::mapping::{Access, Mapping, Pages};
use super::memfd;

/// Bytes to be filled in place, and then frozen. Its descriptor is passed to nobody before that.
pub(crate) struct Draft {
    fd: OwnedFd,
    /// Often longer than what is used: room to grow.
    mapping: Mapping,
    len: usize,
    /// Bytes behind it are zero still.
    touched: usize,
}

impl Draft {
    /// Memory of `len` bytes, all zero.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        let fd = memfd::create("kinfolk-frozen")?;
        let mapping = Mapping::new(&fd, 0, Access::Write, Pages::Later)?;
        let mut draft = Self { fd, mapping, len: 0, touched: 0 };
        draft.resize(len)?;
        Ok(draft)
    }

    /// Makes it shorter, or longer by zeros. Bytes may move. If it fails nothing has changed.
    ///
    /// Room is taken for half as much again as there was, so that it is mapped anew a few times only, however often
    /// bytes are appended.
    pub(crate) fn resize(&mut self, len: usize) -> io::Result<()> {
        let capacity = self.mapping.len();
        if len > capacity {
            let generous = len.max(capacity.saturating_add(capacity / 2));
            // What is generous may be more than there is.
            self.reserve(generous).or_else(|_| self.reserve(len))?;
        }
        let old = std::mem::replace(&mut self.len, len);
        let touched = self.touched;
        // What it held before it was made shorter; none if it is made shorter now.
        if let Some(stale) = self.as_mut().get_mut(old..touched.min(len)) {
            stale.fill(0);
        }
        self.touched = touched.max(len);
        Ok(())
    }

    /// Ends the writing, for everybody and for ever.
    pub(crate) fn freeze(self) -> io::Result<Frozen> {
        let Self { fd, mapping, len, .. } = self;
        // Memory that is mapped for writing cannot be sealed against it.
        drop(mapping);
        ftruncate(&fd, len as u64)?;
        Frozen::seal(fd, len)
    }

    fn reserve(&mut self, len: usize) -> io::Result<()> {
        let (old, new) = (self.mapping.len(), memfd::rounded(len)?);
        memfd::enlarge(&self.fd, old, new)?;
        let grown = self.mapping.grow(&self.fd, new, Access::Write);
        // Memory that is not mapped is of no use.
        grown.inspect_err(|_| memfd::reduce(&self.fd, old))
    }
}

impl AsRef<[u8]> for Draft {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: at least so many bytes are mapped, and nobody else has the descriptor: only `as_mut` can write them.
        unsafe { slice::from_raw_parts(self.mapping.start(), self.len) }
    }
}

impl AsMut<[u8]> for Draft {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` is the only way to them.
        unsafe { slice::from_raw_parts_mut(self.mapping.start(), self.len) }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("len", &self.len).field("capacity", &self.mapping.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::pwrite;

    use super::super::testing::{LENGTHS, Watched, assert_unchangeable};
    use super::*;

    #[test]
    fn a_draft_begins_with_zeros_and_keeps_what_is_written() {
        for len in LENGTHS {
            let mut draft = Draft::new(len).unwrap();
            assert_eq!(draft.as_ref(), vec![0; len]);
            draft.as_mut().fill(7);
            assert_eq!(draft.as_ref(), vec![7; len]);
        }
    }

    #[test]
    fn resizing_is_that_of_a_vec() {
        let mut draft = Draft::new(0).unwrap();
        let mut model: Vec<u8> = Vec::new();
        let mut random: u32 = 1;
        for step in 0..2_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let len = (random >> 8) as usize % [10, 5_000, 100_000][step % 3];
            draft.resize(len).unwrap();
            model.resize(len, 0);
            assert_eq!(draft.as_ref(), model, "step {step}");
            let part = len / 2..len;
            draft.as_mut()[part.clone()].fill(step as u8 | 1);
            model[part].fill(step as u8 | 1);
        }
        assert_eq!(draft.freeze().unwrap().as_ref(), model);
    }

    #[test]
    fn appending_moves_the_memory_a_few_times_only() {
        let mut draft = Draft::new(0).unwrap();
        let mut capacities = vec![0];
        for len in (0..10 << 20).step_by(1_000) {
            draft.resize(len).unwrap();
            capacities.push(draft.mapping.len());
        }
        capacities.dedup();
        assert!(capacities.len() < 25, "{capacities:?}");
    }

    #[test]
    fn what_is_frozen_has_its_own_length_only_and_no_stale_bytes() {
        for len in LENGTHS {
            let mut draft = Draft::new(len + 5_000).unwrap();
            draft.as_mut().fill(9);
            draft.resize(len).unwrap();
            let frozen = draft.freeze().unwrap();
            assert_eq!(frozen.as_ref(), vec![9; len]);
            let fd = frozen.descriptor().try_clone_to_owned().unwrap();
            let stat = rustix::fs::fstat(&fd).unwrap();
            assert_eq!(stat.st_size as usize, len);
            assert!(stat.st_blocks as usize * 512 < len + 4_096, "room to grow was given back");
            assert_unchangeable(&fd);
        }
    }

    #[test]
    fn what_no_machine_has_is_an_error_that_changes_nothing() {
        let mut draft = Draft::new(3).unwrap();
        draft.as_mut().copy_from_slice(b"abc");
        for len in [1 << 50, isize::MAX as usize, usize::MAX - 4_095, usize::MAX] {
            assert_eq!(Draft::new(len).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
            assert_eq!(draft.resize(len).unwrap_err().kind(), io::ErrorKind::OutOfMemory);
            assert_eq!(draft.as_ref(), b"abc");
        }
        draft.resize(5_000).unwrap();
        assert_eq!(draft.freeze().unwrap().as_ref()[..4], *b"abc\0");
    }

    #[test]
    fn it_is_frozen_although_another_process_still_maps_it_for_writing() {
        let mut draft = Draft::new(100_000).unwrap();
        draft.as_mut().fill(5);
        // As a process would that was forked off this one and has not started its program.
        let forked = Mapping::new(&draft.fd, 100_000, Access::Write, Pages::Now).unwrap();
        let before = draft.fd.try_clone().unwrap();
        let frozen = draft.freeze().unwrap();
        assert_eq!(pwrite(&before, b"late", 0).unwrap(), 4, "the first memory is not sealed");
        assert_eq!(frozen.as_ref(), vec![5; 100_000]);
        assert_unchangeable(&frozen.descriptor().try_clone_to_owned().unwrap());
        drop(forked);
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let draft = Draft::new(10_000).unwrap();
        let watched = Watched::new(&draft.fd);
        assert_eq!((watched.descriptors(), watched.mappings().len()), (1, 1));
        drop(draft);
        assert_eq!((watched.descriptors(), watched.mappings().len()), (0, 0));
    }
}
