//! A board in shared memory on which a child notes which calls it has begun: it is still there after the child was
//! killed.
//!
//! One 64-bit entry per slot of the call table, after a head of one cache line. Entries are only ever touched as
//! atomics. The memory is sealed against shrinking, so that no access can fault, whatever the other side does.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use kinfolk_protocol::CallId;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The first word: it tells a board from other memory.
const MAGIC: u64 = u64::from_le_bytes(*b"kinboard");
/// Words in front of the entries.
const HEAD: usize = 8;
/// In an entry, beside the call's generation in its upper half.
const BEGUN: u64 = 1;
const ENDED: u64 = 2;

/// What the board says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It was not begun.
    Nothing,
    /// Its handler had begun, and perhaps ended. Also where the board makes no sense.
    Begun,
}

/// The shared memory of one child.
pub(crate) struct Board {
    words: NonNull<AtomicU64>,
    slots: usize,
}

// SAFETY: the words are atomics in memory that stays mapped for as long as the board lives.
unsafe impl Send for Board {}
// SAFETY: as above.
unsafe impl Sync for Board {}

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").field("slots", &self.slots).finish()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: `map` mapped exactly this, and no reference into it outlives `self`.
        let unmapped = unsafe { munmap(self.words.as_ptr().cast(), length(self.slots)) };
        debug_assert!(unmapped.is_ok(), "what was mapped can be unmapped");
    }
}

fn length(slots: usize) -> usize {
    (HEAD + slots) * size_of::<AtomicU64>()
}

impl Board {
    /// A board for so many slots, and the descriptor to pass to the child.
    pub(crate) fn create(slots: u32) -> io::Result<(Self, OwnedFd)> {
        let fd = memfd_create("kinfolk-board", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let slots = slots as usize;
        ftruncate(&fd, length(slots) as u64)?;
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let board = Self::map(&fd, slots)?;
        board.word(0).store(MAGIC, Ordering::Release);
        Ok((board, fd))
    }

    /// The board the parent passed.
    pub(crate) fn open(fd: &OwnedFd) -> io::Result<Self> {
        let words = usize::try_from(fstat(fd)?.st_size).unwrap_or(0) / size_of::<AtomicU64>();
        let slots = words.checked_sub(HEAD).ok_or(io::ErrorKind::InvalidData)?;
        let board = Self::map(fd, slots)?;
        if board.word(0).load(Ordering::Acquire) != MAGIC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(board)
    }

    fn map(fd: &OwnedFd, slots: usize) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, so nothing that is mapped already is replaced.
        let at = unsafe { mmap(ptr::null_mut(), length(slots), access, MapFlags::SHARED, fd.as_fd(), 0)? };
        let words = NonNull::new(at.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { words, slots })
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        assert!(at < HEAD + self.slots, "a place beyond the board");
        // SAFETY: within the mapping, aligned since mappings are, and only ever accessed as an atomic by both sides; the
        // seals keep the memory there.
        unsafe { self.words.add(at).as_ref() }
    }

    fn entry(&self, call: CallId) -> Option<&AtomicU64> {
        let slot = call.slot() as usize;
        (slot < self.slots).then(|| self.word(HEAD + slot))
    }

    /// The handler of `call` is about to begin. False if there is no place for it.
    pub(crate) fn begin(&self, call: CallId) -> bool {
        let Some(entry) = self.entry(call) else { return false };
        entry.store(u64::from(call.generation()) << 32 | BEGUN, Ordering::Release);
        true
    }

    /// The handler of `call` has ended. A later call may have taken its place.
    pub(crate) fn end(&self, call: CallId) {
        let generation = u64::from(call.generation()) << 32;
        if let Some(entry) = self.entry(call) {
            let _ = entry.compare_exchange(generation | BEGUN, generation | ENDED, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// What is noted of `call`, the latest of its slot.
    pub(crate) fn noted(&self, call: CallId) -> Noted {
        let Some(entry) = self.entry(call) else { return Noted::Begun };
        let (entry, magic) = (entry.load(Ordering::Acquire), self.word(0).load(Ordering::Acquire));
        let (generation, state) = ((entry >> 32) as u32, entry & u64::from(u32::MAX));
        // Whether an earlier call of the slot was ended does not matter.
        let earlier =
            entry == 0 || (call.generation().wrapping_sub(generation) as i32 > 0 && matches!(state, BEGUN | ENDED));
        if earlier && magic == MAGIC { Noted::Nothing } else { Noted::Begun }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(slot: u32, generation: u32) -> CallId {
        CallId::from_bits(u64::from(generation) << 32 | u64::from(slot))
    }

    fn pair() -> (Board, Board) {
        let (parents, fd) = Board::create(4).unwrap();
        let childs = Board::open(&fd).unwrap();
        (parents, childs)
    }

    #[test]
    fn a_board_is_these_bytes() {
        let (board, fd) = Board::create(2).unwrap();
        board.begin(call(1, 3));
        let mut bytes = [0xff; 80];
        assert_eq!(rustix::io::pread(&fd, &mut bytes, 0).unwrap(), 80);
        let golden = [b"kinboard".as_slice(), &[0; 56], &[0; 8], b"\x01\0\0\0\x03\0\0\0"].concat();
        assert_eq!(bytes[..], golden);
        board.end(call(1, 3));
        rustix::io::pread(&fd, &mut bytes, 0).unwrap();
        assert_eq!(bytes[72..], *b"\x02\0\0\0\x03\0\0\0");
    }

    #[test]
    fn what_one_side_notes_the_other_reads() {
        let (parents, childs) = pair();
        assert_eq!(parents.noted(call(3, 1)), Noted::Nothing);
        assert!(childs.begin(call(3, 1)));
        assert_eq!(parents.noted(call(3, 1)), Noted::Begun);
        childs.end(call(3, 1));
        assert_eq!(parents.noted(call(3, 1)), Noted::Begun, "its answer may be lost");
        assert_eq!(parents.noted(call(3, 2)), Noted::Nothing);
        childs.begin(call(3, 2));
        childs.end(call(3, 1));
        assert_eq!(parents.noted(call(3, 2)), Noted::Begun, "the end of an earlier call changes nothing");
    }

    #[test]
    fn a_board_that_makes_no_sense_counts_as_begun() {
        let (parents, childs) = pair();
        assert_eq!(parents.noted(call(4, 1)), Noted::Begun, "beyond the board");
        assert!(!childs.begin(call(4, 1)));
        childs.word(HEAD).store(5 << 32 | BEGUN, Ordering::Relaxed);
        assert_eq!(parents.noted(call(0, 4)), Noted::Begun, "a call that was never made");
        childs.word(HEAD + 1).store(1 << 32 | 77, Ordering::Relaxed);
        assert_eq!(parents.noted(call(1, 2)), Noted::Begun, "a state that does not exist");
        childs.word(0).store(1, Ordering::Relaxed);
        assert_eq!(parents.noted(call(2, 1)), Noted::Begun, "the head is overwritten");
    }

    #[test]
    fn memory_that_is_no_board_is_refused() {
        let fd = memfd_create("other", MemfdFlags::CLOEXEC).unwrap();
        assert!(Board::open(&fd).is_err());
        ftruncate(&fd, 4_096).unwrap();
        assert!(Board::open(&fd).is_err());
    }

    #[test]
    fn the_other_side_cannot_take_the_memory_away() {
        let (_parents, fd) = Board::create(4).unwrap();
        assert!(ftruncate(&fd, 0).is_err());
    }
}
