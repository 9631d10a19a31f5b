//! One mapping in two processes, and a futex: a copy in, a read in place, and nobody checks anything.
#![expect(unsafe_code, reason = "a mapping of its own is what this limit consists of")]

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::thread::futex;

use super::spawn;
use crate::blobs::Lend;
use crate::peer::{Result, ensure, touch};

/// The longest payload.
const AREA: usize = 64 << 20;
const HEAD: usize = 4_096;
const TOTAL: NonZeroUsize = NonZeroUsize::new(HEAD + AREA).expect("not zero");

/// Who may touch the area: the parent while the turn is even, the child while it is odd.
struct Shared {
    start: NonNull<u8>,
}

/// What stands before the area.
#[repr(C)]
struct Head {
    turn: AtomicU32,
    length: AtomicU64,
    sum: AtomicU64,
}

/// In place of a length: there is no more.
const END: u64 = u64::MAX;

impl Shared {
    fn map(fd: &OwnedFd) -> io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, so nothing that is mapped already is replaced.
        let start = unsafe { mmap(ptr::null_mut(), TOTAL.get(), access, MapFlags::SHARED, fd, 0)? };
        Ok(Self { start: NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)? })
    }

    fn head(&self) -> &Head {
        // SAFETY: at the start of the mapping, which is aligned and lives as long as `self`; all of it is atomic.
        unsafe { self.start.cast::<Head>().as_ref() }
    }

    /// The area, for whoever's turn it is.
    #[expect(clippy::mut_from_ref, reason = "the turn says who has it")]
    fn area(&self, length: usize) -> &mut [u8] {
        assert!(length <= AREA, "the area is not that long");
        // SAFETY: within the mapping; the other process leaves it alone until it is its turn.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(HEAD).as_ptr(), length) }
    }

    fn pass(&self) {
        self.head().turn.fetch_add(1, Ordering::AcqRel);
        let _ = futex::wake(&self.head().turn, futex::Flags::empty(), 1);
    }

    fn wait(&self, odd: u32) {
        loop {
            let turn = self.head().turn.load(Ordering::Acquire);
            if turn % 2 == odd {
                return;
            }
            // Woken, changed meanwhile or interrupted: it looks again.
            let _ = futex::wait(&self.head().turn, futex::Flags::empty(), turn, None);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: what `map` mapped, and no reference into it outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), TOTAL.get()) };
    }
}

/// The parent's side. Its methods are `async` for the sake of the trait only: they block, and never yield.
pub(crate) struct SharedMemory {
    shared: Shared,
    child: Child,
}

impl Lend for SharedMemory {
    type Built = ();

    async fn start() -> Result<Self> {
        let memory = memfd_create("kinfolk-bench", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, TOTAL.get() as u64)?;
        let shared = Shared::map(&memory)?;
        Ok(Self { shared, child: spawn::shared_command(memory)? })
    }

    async fn lend(&mut self, payload: &Bytes) -> Result<u64> {
        self.shared.area(payload.len()).copy_from_slice(payload);
        self.shared.head().length.store(payload.len() as u64, Ordering::Relaxed);
        self.shared.pass();
        self.shared.wait(0);
        Ok(self.shared.head().sum.load(Ordering::Relaxed))
    }

    fn build(_: usize) -> Result<()> {
        Err("it takes no part in this scenario".into())
    }

    async fn show(&mut self, (): &()) -> Result<u8> {
        Err("it takes no part in this scenario".into())
    }

    async fn stop(mut self) -> Result<()> {
        self.shared.head().length.store(END, Ordering::Relaxed);
        self.shared.pass();
        ensure(self.child.wait()?.success(), "a limit's child failed")
    }
}

/// The child's side: until it is told to end.
pub(super) fn serve(memory: &OwnedFd) -> io::Result<()> {
    let shared = Shared::map(memory)?;
    loop {
        shared.wait(1);
        let length = shared.head().length.load(Ordering::Relaxed);
        if length == END {
            return Ok(());
        }
        let sum = touch(shared.area(length as usize));
        shared.head().sum.store(sum, Ordering::Relaxed);
        shared.pass();
    }
}
