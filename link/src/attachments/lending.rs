//! Blobs of ours in memory that the peer may read until it gives it back.

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use kinfolk_protocol::{Blob, BrokenLoan, Cargo, Carrier, Entry, Header, Kind, Limits, Loan, Loans};

use super::Packed;
use super::arena::{Arena, Choice};
use super::returned::Returned;
use crate::sync::lock;
use crate::sys::{Frozen, Slot};
use crate::writer::Writer;

/// From this length on, in bytes, a blob travels in shared memory: `bench/README.md` has the measurements.
const SHARED: usize = 32 * 1024;
/// Loans of sealed memory have numbers from here on, regions those below.
const SEALED: u32 = 1 << 31;

/// What a link may take along, and what of it the peer has.
pub(crate) struct Lending {
    writer: Arc<Writer>,
    descriptors: bool,
    state: Mutex<State>,
}

struct State {
    loans: Loans,
    arena: Arena<Slot>,
    /// The number of the next loan of sealed memory.
    next: u32,
}

impl fmt::Debug for Lending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lending").field("descriptors", &self.descriptors).finish_non_exhaustive()
    }
}

impl Lending {
    /// For a peer that accepts `theirs`.
    pub(crate) fn new(writer: Arc<Writer>, descriptors: bool, theirs: &Limits) -> Arc<Self> {
        let state = State { loans: Loans::new(theirs.blob_bytes), arena: Arena::new(), next: SEALED };
        Arc::new(Self { writer, descriptors, state: Mutex::new(state) })
    }

    /// The peer gives something back.
    ///
    /// # Errors
    /// [`BrokenLoan`]: it does not have it.
    pub(crate) fn returned(&self, Returned { loan, condition }: Returned) -> Result<(), BrokenLoan> {
        let mut state = lock(&self.state);
        let mut gone = Vec::new();
        if loan < SEALED {
            gone = state.arena.returned(loan, condition).ok_or(BrokenLoan::NotLent { loan })?;
        }
        state.loans.give_back(loan)?;
        drop(state);
        self.retire_all(gone);
        Ok(())
    }

    /// The link has ended, and the peer reads no more: what it was lent is freed, however long handles on the link
    /// live.
    pub(crate) fn end(&self) {
        lock(&self.state).arena.end();
    }

    /// The numbers of these regions are free again once the peer is told, or another thread might announce one of
    /// them before.
    fn retire_all(&self, regions: Vec<u32>) {
        for region in regions {
            self.retire(region);
            lock(&self.state).arena.forget(region);
        }
    }

    fn retire(&self, region: u32) {
        let mut payload = Packed::from(region.to_le_bytes().to_vec());
        self.writer.push(&Header::control(Kind::Retired, payload.len() as u32), &mut payload);
        self.writer.wake();
    }

    fn lend_sealed(self: &Arc<Self>, frozen: &Frozen) -> Option<SealedLoan> {
        let length = frozen.len() as u64;
        let descriptor = frozen.descriptor().try_clone_to_owned().ok()?;
        let mut state = lock(&self.state);
        let mut number = state.next;
        while state.loans.is_open(number) {
            number = number.wrapping_add(1) | SEALED;
        }
        state.loans.lend(number, length).ok()?;
        state.next = number.wrapping_add(1) | SEALED;
        Some(SealedLoan { lending: Arc::clone(self), number, length, descriptor: Some(descriptor), left: false })
    }

    fn lend_copy(self: &Arc<Self>, bytes: &[u8]) -> Option<CopyLoan> {
        let length = bytes.len() as u64;
        let mut state = lock(&self.state);
        if !state.loans.has_room(length) {
            return None;
        }
        let (region, known) = match state.arena.choose(length)? {
            Choice::Known(region, slot) => (region, Ok(slot)),
            Choice::New { region, length, retired } => (region, Err((length, retired))),
        };
        // There is room, and a region has one loan at a time.
        let lent = state.loans.lend(region, length);
        debug_assert_eq!(lent, Ok(()));
        // What was never sent has come back without a word to the peer, and without a look at how much waits.
        let gone = state.arena.trim();
        drop(state);
        self.retire_all(gone);
        let mut slot = match known {
            Ok(slot) => slot,
            Err((length, retired)) => self.make(region, length, retired)?,
        };
        slot.fill(bytes);
        Some(CopyLoan { lending: Arc::clone(self), region, length, slot: Some(slot) })
    }

    /// Makes a region and announces it, before anything that is lent from it.
    fn make(&self, region: u32, length: u64, retired: Option<u32>) -> Option<Slot> {
        if let Some(retired) = retired {
            self.retire(retired);
        }
        match Slot::create(length as usize) {
            Ok((slot, descriptor)) => {
                let mut payload = Packed::with_descriptor(Entry::Region { loan: region, length }, descriptor);
                self.writer.push(&Header::control(Kind::Region, payload.len() as u32), &mut payload);
                Some(slot)
            }
            // For want of memory or descriptors: then the blob travels in its message.
            Err(_) => {
                let mut state = lock(&self.state);
                state.arena.forget(region);
                let back = state.loans.give_back(region);
                debug_assert_eq!(back, Ok(()));
                None
            }
        }
    }
}

/// What a link carries: the handle on it that an encoding has.
#[derive(Debug)]
pub(crate) struct Carrying(pub(crate) Arc<Lending>);

impl Carrier for Carrying {
    fn carries_descriptors(&self) -> bool {
        self.0.descriptors
    }

    fn carries_data(&self) -> bool {
        true
    }

    fn place(&self, blob: Blob) -> Cargo {
        if !self.0.descriptors {
            return Cargo::Data(blob.into());
        }
        let sealed = blob.origin().and_then(|origin| Arc::clone(origin).downcast::<Frozen>().ok());
        let loan: Option<Box<dyn Loan>> = match sealed {
            Some(frozen) => self.0.lend_sealed(&frozen).map(|loan| Box::new(loan) as _),
            None if blob.len() >= SHARED => self.0.lend_copy(&blob).map(|loan| Box::new(loan) as _),
            None => None,
        };
        loan.map_or_else(|| Cargo::Data(blob.into()), Cargo::Lent)
    }
}

/// A copy in a region.
#[derive(Debug)]
struct CopyLoan {
    lending: Arc<Lending>,
    region: u32,
    length: u64,
    slot: Option<Slot>,
}

impl Loan for CopyLoan {
    fn entry(&self) -> Entry {
        Entry::Lent { loan: self.region, length: self.length }
    }

    fn descriptor(&mut self) -> Option<OwnedFd> {
        None
    }

    fn left(mut self: Box<Self>) {
        if let Some(slot) = self.slot.take() {
            lock(&self.lending.state).arena.lent(self.region, slot);
        }
    }
}

impl Drop for CopyLoan {
    fn drop(&mut self) {
        // The writer may be locked: nothing is pushed from here.
        let Some(slot) = self.slot.take() else { return };
        let mut state = lock(&self.lending.state);
        state.arena.unused(self.region, slot);
        let back = state.loans.give_back(self.region);
        debug_assert_eq!(back, Ok(()));
    }
}

/// Sealed memory.
#[derive(Debug)]
struct SealedLoan {
    lending: Arc<Lending>,
    number: u32,
    length: u64,
    descriptor: Option<OwnedFd>,
    left: bool,
}

impl Loan for SealedLoan {
    fn entry(&self) -> Entry {
        Entry::Sealed { loan: self.number, length: self.length }
    }

    fn descriptor(&mut self) -> Option<OwnedFd> {
        self.descriptor.take()
    }

    fn left(mut self: Box<Self>) {
        self.left = true;
    }
}

impl Drop for SealedLoan {
    fn drop(&mut self) {
        if !self.left {
            // A peer that gave it back before it had it has done so already.
            let _ = lock(&self.lending.state).loans.give_back(self.number);
        }
    }
}
