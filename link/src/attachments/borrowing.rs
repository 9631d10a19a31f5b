//! What the peer sends along: checked, and its memory given back when nobody reads it any more.

use std::any::Any;
use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kinfolk_protocol::{
    Arrival, Blob, BrokenLoan, Entry, FrameError, Header, Kind, Lent, Limits, Loans, MAX_REGIONS, Table, WireError,
};
use tokio::sync::Semaphore;

use super::returned::{Condition, Returned, number};
use super::{Arrived, Packed};
use crate::error::Misbehaviour;
use crate::pool;
use crate::sync::lock;
use crate::sys::{Foreign, Frozen, View, nature};
use crate::transport::Passed;
use crate::writer::Writer;

/// Whether a peer leaves memory alone that it has lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// It does: the memory is read where it is.
    Trusted,
    /// It may not: the memory is copied.
    Untrusted,
}

/// What the peer has lent us.
pub(crate) struct Borrowing {
    writer: Arc<Writer>,
    trust: Trust,
    /// As many descriptors as the peer may have us hold besides those we do.
    descriptors: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    loans: Loans,
    regions: HashMap<u32, Arc<Region>>,
    /// What is to be given back once there is room in the queue: as many as may be lent, at most.
    owed: Vec<Returned>,
}

/// Memory of the peer's.
enum Region {
    /// Mapped, of a peer that is trusted.
    Mapped { view: View, length: u64 },
    /// To be copied from.
    Unmapped { foreign: Foreign, length: u64 },
    /// There was no descriptor left for it.
    Lost,
}

impl fmt::Debug for Borrowing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowing").field("trust", &self.trust).finish_non_exhaustive()
    }
}

impl Borrowing {
    /// For what we accept.
    pub(crate) fn new(writer: Arc<Writer>, trust: Trust, ours: &Limits) -> Arc<Self> {
        let state = State { loans: Loans::new(ours.blob_bytes), regions: HashMap::new(), owed: Vec::new() };
        let descriptors = Arc::new(Semaphore::new((ours.descriptors as usize).min(Semaphore::MAX_PERMITS)));
        Arc::new(Self { writer, trust, descriptors, state: Mutex::new(state) })
    }

    /// The message in a payload, with what came along.
    pub(crate) fn arrived(
        self: &Arc<Self>,
        header: &Header,
        mut payload: Bytes,
        passed: Passed,
    ) -> Result<Arrived, Misbehaviour> {
        if header.attachments == 0 {
            return Ok(Arrived::from(payload));
        }
        let length = payload.len();
        let table = Table::decode(&payload, header.attachments)?;
        let mut descriptors = Descriptors::new(header, &table, passed)?;
        let held = Arc::clone(&self.descriptors).try_acquire_many_owned(descriptors.count()).ok();
        if held.is_none() {
            descriptors = Descriptors::beyond();
        }
        let mut data = payload.split_off(table.message);
        let mut cargo = Vec::with_capacity(table.entries.len());
        for entry in table.entries {
            cargo.push(match entry {
                Entry::Data { length } => Arrival::Data(data.split_to(length as usize)),
                Entry::Descriptor => descriptors.next().map_or_else(Arrival::Lost, arrival),
                Entry::Sealed { loan, length } => self.sealed(loan, length, descriptors.next())?,
                Entry::Lent { loan, length } => self.lent(loan, length)?,
                _ => return Err(out_of_place("a region or a board in a message").into()),
            });
        }
        Ok(Arrived::new(payload, cargo, length, held))
    }

    fn borrowed(self: &Arc<Self>, loan: u32, length: u64, memory: Memory) -> Result<Arrival, Misbehaviour> {
        lock(&self.state).loans.lend(loan, length)?;
        let borrowing = Arc::clone(self);
        Ok(Arrival::Lent(Arc::new(Borrowed { borrowing, loan, length, memory })))
    }

    fn sealed(self: &Arc<Self>, loan: u32, length: u64, fd: Came) -> Result<Arrival, Misbehaviour> {
        let memory = Memory::Sealed(Mutex::new(fd.map_or_else(Sealed::Lost, Sealed::Unmapped)));
        self.borrowed(loan, length, memory)
    }

    fn lent(self: &Arc<Self>, loan: u32, length: u64) -> Result<Arrival, Misbehaviour> {
        let region = lock(&self.state).regions.get(&loan).cloned().ok_or(BrokenLoan::Region { loan })?;
        let capacity = region.length();
        if length > capacity {
            return Err(BrokenLoan::BeyondRegion { loan, length, capacity }.into());
        }
        self.borrowed(loan, length, Memory::Region(region))
    }

    /// The peer announces memory.
    pub(crate) fn region(&self, header: &Header, payload: &Bytes, passed: Passed) -> Result<(), Misbehaviour> {
        let table = Table::decode(payload, header.attachments)?;
        let [Entry::Region { loan, length }] = table.entries[..] else {
            return Err(out_of_place("anything but a region").into());
        };
        let region = match Descriptors::new(header, &table, passed)?.next() {
            Ok(fd) => self.open(fd, length)?,
            Err(_) => Region::Lost,
        };
        let mut state = lock(&self.state);
        let full = state.regions.len() >= MAX_REGIONS;
        match state.regions.entry(loan) {
            Place::Vacant(vacant) if !full => {
                vacant.insert(Arc::new(region));
                Ok(())
            }
            _ => Err(BrokenLoan::Region { loan }.into()),
        }
    }

    fn open(&self, fd: OwnedFd, length: u64) -> Result<Region, Misbehaviour> {
        let foreign = Foreign::open(fd, length).map_err(|error| Misbehaviour::Memory(error.to_string()))?;
        Ok(match self.trust {
            Trust::Untrusted => Region::Unmapped { foreign, length },
            Trust::Trusted => match foreign.map() {
                Ok(view) => Region::Mapped { view, length },
                // For want of memory: it can be read all the same.
                Err(_) => Region::Unmapped { foreign, length },
            },
        })
    }

    /// The peer lends no more from a region. What it has lent stays.
    pub(crate) fn retired(&self, payload: &[u8]) -> Result<(), Misbehaviour> {
        let loan = number("Retired", payload)?;
        match lock(&self.state).regions.remove(&loan) {
            Some(_) => Ok(()),
            None => Err(BrokenLoan::Region { loan }.into()),
        }
    }

    /// The link has ended: no more is lent from any region. What was lent stays.
    pub(crate) fn end(&self) {
        lock(&self.state).regions.clear();
    }

    /// Not while the queue is full: a peer that does not read must not have what it lends pile up here. Until then it
    /// counts as lent.
    fn give_back(&self, returned: Returned) {
        let mut state = lock(&self.state);
        // Looked at under the lock, so that whoever makes room finds what is owed.
        if !self.writer.has_room(0) {
            state.owed.push(returned);
            return;
        }
        // It was noted when it came, and is given back once.
        let back = state.loans.give_back(returned.loan);
        drop(state);
        debug_assert_eq!(back, Ok(()));
        let mut payload = Packed::from(returned.encode());
        self.writer.push(&Header::control(Kind::Returned, payload.len() as u32), &mut payload);
        self.writer.wake();
    }

    /// Gives back what had to wait for room.
    pub(crate) fn give_back_owed(&self) {
        let owed = std::mem::take(&mut lock(&self.state).owed);
        owed.into_iter().for_each(|returned| self.give_back(returned));
    }
}

/// A descriptor that came.
#[must_use]
pub fn arrival(descriptor: OwnedFd) -> Arrival {
    let nature = nature(&descriptor);
    Arrival::Descriptor(descriptor, nature)
}

fn out_of_place(found: &str) -> WireError {
    WireError::Invalid { frame: "attachment", field: "kind", found: found.to_owned() }
}

/// A descriptor, or why there is none.
type Came = Result<OwnedFd, &'static str>;

/// The descriptors of a frame, in the order of its table.
struct Descriptors {
    came: std::vec::IntoIter<OwnedFd>,
    /// Why there are no more of them.
    end: &'static str,
}

impl Descriptors {
    /// Checks that there are as many as the table says, unless the kernel had to drop some.
    fn new(header: &Header, table: &Table, passed: Passed) -> Result<Self, FrameError> {
        let (found, expected) = (passed.descriptors.len(), table.descriptors());
        if found == expected || (passed.lost.is_some() && found < expected) {
            return Ok(Self { came: passed.descriptors.into_iter(), end: Arrival::NONE_LEFT });
        }
        Err(FrameError::DescriptorCount { kind: header.kind, found, expected })
    }

    /// None, because those that came are more than the peer may have us hold.
    fn beyond() -> Self {
        Self { came: Vec::new().into_iter(), end: Arrival::TOO_MANY }
    }

    fn count(&self) -> u32 {
        self.came.len() as u32
    }

    fn next(&mut self) -> Came {
        self.came.next().ok_or(self.end)
    }
}

impl Region {
    fn length(&self) -> u64 {
        match self {
            Self::Mapped { length, .. } | Self::Unmapped { length, .. } => *length,
            // Whatever is said to be in it is lost.
            Self::Lost => u64::MAX,
        }
    }
}

/// Memory that was lent: given back when nobody reads it any more.
struct Borrowed {
    borrowing: Arc<Borrowing>,
    loan: u32,
    length: u64,
    memory: Memory,
}

enum Memory {
    Region(Arc<Region>),
    Sealed(Mutex<Sealed>),
}

/// Sealed memory, mapped once it is read.
enum Sealed {
    Unmapped(OwnedFd),
    Mapped(Arc<Frozen>),
    Lost(&'static str),
}

impl fmt::Debug for Borrowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Borrowed").field("loan", &self.loan).field("length", &self.length).finish_non_exhaustive()
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let lost = matches!(&self.memory, Memory::Region(region) if matches!(**region, Region::Lost));
        let condition = if lost { Condition::Lost } else { Condition::Good };
        self.borrowing.give_back(Returned { loan: self.loan, condition });
    }
}

/// Bytes of a region, and the loan they are of.
struct InRegion {
    view: View,
    length: usize,
    _loan: Arc<Borrowed>,
}

impl AsRef<[u8]> for InRegion {
    fn as_ref(&self) -> &[u8] {
        &self.view.as_ref()[..self.length]
    }
}

/// Sealed bytes, and the loan they are.
struct InSealed {
    frozen: Arc<Frozen>,
    _loan: Arc<Borrowed>,
}

impl AsRef<[u8]> for InSealed {
    fn as_ref(&self) -> &[u8] {
        self.frozen.as_ref().as_ref()
    }
}

impl Lent for Borrowed {
    fn open(self: Arc<Self>) -> io::Result<Blob> {
        let length = self.length as usize;
        match &self.memory {
            Memory::Region(region) => match &**region {
                Region::Mapped { view, .. } => {
                    let view = view.clone();
                    Ok(Blob::from(Bytes::from_owner(InRegion { view, length, _loan: self })))
                }
                Region::Unmapped { foreign, .. } => copied(foreign, length),
                Region::Lost => Err(io::Error::other(Arrival::NONE_LEFT)),
            },
            Memory::Sealed(sealed) => {
                let frozen = self.frozen(&mut lock(sealed))?;
                let bytes = Bytes::from_owner(InSealed { frozen: Arc::clone(&frozen), _loan: Arc::clone(&self) });
                Ok(Blob::with_origin(bytes, frozen as Arc<dyn Any + Send + Sync>))
            }
        }
    }
}

/// A copy, in memory that is used again: fresh memory would take longer than the copy.
fn copied(foreign: &Foreign, length: usize) -> io::Result<Blob> {
    let mut buffer = foreign.copy(length, pool::take(length).unwrap_or_default())?;
    let bytes = buffer.split().freeze();
    pool::put(buffer, length);
    Ok(Blob::from(bytes))
}

impl Borrowed {
    fn frozen(&self, sealed: &mut Sealed) -> io::Result<Arc<Frozen>> {
        if let Sealed::Unmapped(_) = sealed {
            let lost = Sealed::Lost(Arrival::NONE_LEFT);
            let Sealed::Unmapped(fd) = std::mem::replace(sealed, lost) else { unreachable!("looked at above") };
            *sealed = Sealed::Mapped(Arc::new(Frozen::open(fd, self.length).map_err(io::Error::other)?));
        }
        match sealed {
            Sealed::Mapped(frozen) => Ok(Arc::clone(frozen)),
            Sealed::Lost(why) => Err(io::Error::other(*why)),
            Sealed::Unmapped(_) => unreachable!("it was mapped above"),
        }
    }
}
