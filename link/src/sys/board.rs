//! A board in shared memory on which a child notes which calls it has begun: it is still there after the child was
//! killed. Its parent notes there which calls it has withdrawn. Of the two, whoever is first decides, so that each call
//! is either begun or not, and both sides know. And a child beats there when its bell is rung.
//!
//! One 64-bit entry per slot of the call table, after a head of one cache line. Entries are only ever touched as
//! atomics. The memory is sealed against shrinking, so that no access is ever beyond its end, whatever the other side
//! does.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU64, Ordering};

use kinfolk_protocol::CallId;
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, fstat, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// The first word: it tells a board from other memory, and this layout from others. The second one too, once the child
/// has opened it.
const MAGIC: u64 = u64::from_le_bytes(*b"kinbord2");
/// The word in which a child counts its beats, from 1 on; 0 if it does not beat.
const BEATS: usize = 2;
/// Words in front of the entries.
const HEAD: usize = 8;
/// In an entry, beside the call's generation in its upper half.
const BEGUN: u64 = 1;
const ENDED: u64 = 2;
const WITHDRAWN: u64 = 3;
/// A parent looks so often before it takes a call for begun: an entry that changes more often is no honest child's.
const TRIES: usize = 8;

/// What the child's note comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// The handler may begin.
    Noted,
    /// The parent has withdrawn the call, or a later one of its slot: its handler must not begin.
    Withdrawn,
    /// There is no place for it.
    NoPlace,
}

/// What the parent's note comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// The handler had not begun, and will not.
    Noted,
    /// It had begun, and perhaps ended. Also where the board makes no sense.
    TooLate,
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
        // Now, and not when it is first touched: then a machine without memory left would end us by a signal.
        fallocate(&fd, FallocateFlags::empty(), 0, length(slots) as u64)?;
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let board = Self::map(&fd, slots)?;
        board.word(0).store(MAGIC, Ordering::Release);
        Ok((board, fd))
    }

    /// The board the parent passed.
    pub(crate) fn open(fd: &OwnedFd) -> io::Result<Self> {
        let board = Self::open_up_to(fd, usize::MAX)?;
        board.word(1).store(MAGIC, Ordering::Release);
        Ok(board)
    }

    /// The same board, for its head only: no calls are noted there, and it does not count as in use by that.
    pub(crate) fn open_head(fd: &OwnedFd) -> io::Result<Self> {
        Self::open_up_to(fd, 0)
    }

    fn open_up_to(fd: &OwnedFd, most: usize) -> io::Result<Self> {
        let words = usize::try_from(fstat(fd)?.st_size).unwrap_or(0) / size_of::<AtomicU64>();
        let slots = words.checked_sub(HEAD).ok_or(io::ErrorKind::InvalidData)?;
        let board = Self::map(fd, slots.min(most))?;
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
        // SAFETY: within the mapping, aligned since mappings are, and only ever accessed as an atomic by both sides;
        // the
        // seals keep the memory there.
        unsafe { self.words.add(at).as_ref() }
    }

    fn entry(&self, call: CallId) -> Option<&AtomicU64> {
        let slot = call.slot() as usize;
        (slot < self.slots).then(|| self.word(HEAD + slot))
    }

    /// True once the child has opened it, if it is one still.
    pub(crate) fn is_in_use(&self) -> bool {
        [0, 1].iter().all(|at| self.word(*at).load(Ordering::Acquire) == MAGIC)
    }

    /// How often the child has beaten, and once more; `None` if it does not beat.
    pub(crate) fn beats(&self) -> Option<u64> {
        let beats = self.word(BEATS).load(Ordering::Acquire);
        (beats > 0 && self.is_in_use()).then_some(beats)
    }

    /// The child answers its bell from now on.
    pub(crate) fn start_beating(&self) {
        self.word(BEATS).store(1, Ordering::Release);
    }

    /// The child answers its bell.
    pub(crate) fn beat(&self) {
        self.word(BEATS).fetch_add(1, Ordering::Release);
    }

    /// The child does not answer its bell any more.
    pub(crate) fn stop_beating(&self) {
        self.word(BEATS).store(0, Ordering::Release);
    }

    /// The handler of `call` is about to begin.
    pub(crate) fn begin(&self, call: CallId) -> Begin {
        let Some(entry) = self.entry(call) else { return Begin::NoPlace };
        let mut known = entry.load(Ordering::Acquire);
        // A parent changes each entry once per call, so this ends.
        while is_before(known, call) {
            match entry.compare_exchange(known, note(call, BEGUN), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Begin::Noted,
                Err(changed) => known = changed,
            }
        }
        Begin::Withdrawn
    }

    /// The handler of `call` has ended. A later call may have taken its place.
    pub(crate) fn end(&self, call: CallId) {
        if let Some(entry) = self.entry(call) {
            let (begun, ended) = (note(call, BEGUN), note(call, ENDED));
            let _ = entry.compare_exchange(begun, ended, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Nobody waits for `call` any more, the latest of its slot: if its handler has not begun it never will.
    pub(crate) fn withdraw(&self, call: CallId) -> Withdrawal {
        let Some(entry) = self.entry(call) else { return Withdrawal::TooLate };
        let mut known = entry.load(Ordering::Acquire);
        for _ in 0..TRIES {
            if !is_before(known, call) {
                break;
            }
            match entry.compare_exchange(known, note(call, WITHDRAWN), Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if self.is_in_use() => return Withdrawal::Noted,
                Ok(_) => break,
                Err(changed) => known = changed,
            }
        }
        Withdrawal::TooLate
    }
}

fn note(call: CallId, state: u64) -> u64 {
    u64::from(call.generation()) << 32 | state
}

/// True for what can be noted before anything is of `call`.
fn is_before(entry: u64, call: CallId) -> bool {
    let (generation, state) = ((entry >> 32) as u32, entry & u64::from(u32::MAX));
    // Whether an earlier call of the slot was ended does not matter.
    let earlier = call.generation().wrapping_sub(generation) as i32 > 0;
    entry == 0 || (earlier && matches!(state, BEGUN | ENDED | WITHDRAWN))
}

#[cfg(test)]
mod tests {
    use std::thread;

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
        board.start_beating();
        board.beat();
        let mut bytes = [0xff; 80];
        assert_eq!(rustix::io::pread(&fd, &mut bytes, 0).unwrap(), 80);
        let golden = [b"kinbord2".as_slice(), &[0; 8], b"\x02", &[0; 47], &[0; 8], b"\x01\0\0\0\x03\0\0\0"].concat();
        assert_eq!(bytes[..], golden);
        board.end(call(1, 3));
        rustix::io::pread(&fd, &mut bytes, 0).unwrap();
        assert_eq!(bytes[72..], *b"\x02\0\0\0\x03\0\0\0");
    }

    #[test]
    fn what_the_child_has_begun_the_parent_cannot_withdraw() {
        let (parents, childs) = pair();
        assert_eq!(childs.begin(call(3, 1)), Begin::Noted);
        assert_eq!(parents.withdraw(call(3, 1)), Withdrawal::TooLate);
        childs.end(call(3, 1));
        assert_eq!(parents.withdraw(call(3, 1)), Withdrawal::TooLate, "its answer may be lost");
        assert_eq!(childs.begin(call(3, 2)), Begin::Noted);
        childs.end(call(3, 1));
        assert_eq!(parents.withdraw(call(3, 2)), Withdrawal::TooLate, "the end of an earlier call changes nothing");
    }

    #[test]
    fn what_the_parent_has_withdrawn_the_child_does_not_begin() {
        let (parents, childs) = pair();
        assert_eq!(parents.withdraw(call(0, 1)), Withdrawal::Noted);
        assert_eq!(childs.begin(call(0, 1)), Begin::Withdrawn);
        assert_eq!(childs.begin(call(0, 2)), Begin::Noted, "a later call is another one");
        childs.end(call(0, 2));
        assert_eq!(parents.withdraw(call(0, 3)), Withdrawal::Noted, "whatever became of those before");
        assert_eq!(parents.withdraw(call(0, 4)), Withdrawal::Noted);
        assert_eq!(childs.begin(call(0, 4)), Begin::Withdrawn);
        assert_eq!(childs.begin(call(0, 3)), Begin::Withdrawn, "it was before the latest");
    }

    #[test]
    fn of_two_at_the_same_moment_one_is_first() {
        let (parents, childs) = pair();
        for generation in 1..=2_000 {
            let call = call(1, generation);
            let (begin, withdrawal) = thread::scope(|scope| {
                let begin = scope.spawn(|| childs.begin(call));
                let withdrawal = parents.withdraw(call);
                (begin.join().unwrap(), withdrawal)
            });
            assert_eq!(begin == Begin::Noted, withdrawal == Withdrawal::TooLate, "{begin:?} {withdrawal:?}");
        }
    }

    #[test]
    fn a_board_that_makes_no_sense_counts_as_begun() {
        let (parents, childs) = pair();
        assert_eq!(parents.withdraw(call(4, 1)), Withdrawal::TooLate, "beyond the board");
        assert_eq!(childs.begin(call(4, 1)), Begin::NoPlace);
        childs.word(HEAD).store(5 << 32 | BEGUN, Ordering::Relaxed);
        assert_eq!(parents.withdraw(call(0, 4)), Withdrawal::TooLate, "a call that was never made");
        childs.word(HEAD + 1).store(1 << 32 | 77, Ordering::Relaxed);
        assert_eq!(parents.withdraw(call(1, 2)), Withdrawal::TooLate, "a state that does not exist");
        childs.word(0).store(1, Ordering::Relaxed);
        assert_eq!(parents.withdraw(call(2, 1)), Withdrawal::TooLate, "the head is overwritten");
        assert!(!parents.is_in_use());
    }

    #[test]
    fn a_board_that_the_child_has_not_opened_is_not_in_use() {
        let (parents, fd) = Board::create(4).unwrap();
        assert!(!parents.is_in_use());
        assert_eq!(parents.withdraw(call(0, 1)), Withdrawal::TooLate);
        let _childs = Board::open(&fd).unwrap();
        assert!(parents.is_in_use());
    }

    #[test]
    fn beats_count_from_the_first_to_the_last_that_is_answered() {
        let (parents, fd) = Board::create(4).unwrap();
        let head = Board::open_head(&fd).unwrap();
        head.start_beating();
        assert_eq!(parents.beats(), None, "whoever beats does not say that calls are noted");
        let _childs = Board::open(&fd).unwrap();
        assert_eq!(parents.beats(), Some(1));
        head.beat();
        assert_eq!(parents.beats(), Some(2));
        assert_eq!(head.begin(call(0, 1)), Begin::NoPlace, "a head has no entries");
        head.stop_beating();
        assert_eq!(parents.beats(), None);
    }

    #[test]
    fn a_board_of_another_layout_is_refused() {
        let (parents, fd) = Board::create(4).unwrap();
        parents.word(0).store(u64::from_le_bytes(*b"kinboard"), Ordering::Relaxed);
        assert!(Board::open(&fd).is_err());
        assert!(Board::open_head(&fd).is_err());
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
