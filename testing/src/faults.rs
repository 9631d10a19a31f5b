//! A link that fails at a given frame.

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use kinfolk_link::{Passed, Room, Transport, lock};
use kinfolk_parent::ChildSpec;
use kinfolk_protocol::Protocol;
use tokio::time::{Sleep, sleep};

use crate::tracker::Tracker;

/// What happens to a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It ends, in both directions.
    Cut,
    /// Nothing passes for this long.
    Delay(Duration),
    /// The frame's kind is another one.
    Garble,
    /// Nothing passes any more, and nobody is told.
    Stall,
}

/// Which faults a link has, and at which frames. Each direction counts its own, from 1: the first of the child's is its
/// hello, the second says that it is ready; the first to the child is its init value.
///
/// ```
/// use std::time::Duration;
/// use kinfolk_testing::{Fault, FaultPlan};
/// let plan = FaultPlan::new().from_child(3, Fault::Cut).to_child(2, Fault::Delay(Duration::from_millis(50)));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a plan does nothing before it is applied to a spec"]
pub struct FaultPlan {
    from_child: Vec<(u64, Fault)>,
    to_child: Vec<(u64, Fault)>,
}

impl FaultPlan {
    /// A plan without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// A fault in place of, or before, the child's frame of this number.
    pub fn from_child(mut self, frame: u64, fault: Fault) -> Self {
        self.from_child.push((frame, fault));
        self
    }

    /// A fault in place of, or before, the parent's frame of this number.
    pub fn to_child(mut self, frame: u64, fault: Fault) -> Self {
        self.to_child.push((frame, fault));
        self
    }

    /// A spec whose link has these faults. Not for attached children.
    pub fn apply<P: Protocol, I>(self, spec: ChildSpec<P, I>) -> ChildSpec<P, I> {
        spec.through(move |inner| {
            let inbound = Mutex::new(Lane::new(self.from_child));
            let outbound = Mutex::new(Lane::new(self.to_child));
            Arc::new(Faulty { inner, inbound, outbound, read: Mutex::default() })
        })
    }
}

/// One direction.
#[derive(Debug)]
struct Lane {
    faults: Vec<(u64, Fault)>,
    tracker: Tracker,
    state: State,
}

enum State {
    Open,
    /// The header that passes is another one.
    Garbling,
    Waiting(Pin<Box<Sleep>>),
    Stalled,
    Cut,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Garbling => "Garbling",
            Self::Waiting(_) => "Waiting",
            Self::Stalled => "Stalled",
            Self::Cut => "Cut",
        })
    }
}

/// The place of the kind in a header.
const KIND: usize = 4;

impl Lane {
    fn new(faults: Vec<(u64, Fault)>) -> Self {
        Self { faults, tracker: Tracker::new(), state: State::Open }
    }

    /// Looks for a fault at the frame that comes next.
    fn enter(&mut self) {
        let due = self.tracker.next_frame().and_then(|next| self.faults.iter().position(|(frame, _)| *frame == next));
        if let (Some(at), State::Open) = (due, &self.state) {
            self.state = match self.faults.swap_remove(at).1 {
                Fault::Cut => State::Cut,
                Fault::Delay(limit) => State::Waiting(Box::pin(sleep(limit))),
                Fault::Garble => State::Garbling,
                Fault::Stall => State::Stalled,
            };
        }
    }

    /// What may pass of `bytes`, as they pass.
    fn pass(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut passed = Vec::new();
        while passed.len() < bytes.len() {
            self.enter();
            let rest = &bytes[passed.len()..];
            match self.state {
                State::Open | State::Garbling => {}
                _ if !passed.is_empty() => break,
                State::Waiting(_) | State::Stalled => return Err(io::ErrorKind::WouldBlock.into()),
                State::Cut => return Err(io::ErrorKind::ConnectionReset.into()),
            }
            let offset = self.tracker.within_header();
            let count = self.tracker.pass(rest);
            let start = passed.len();
            passed.extend_from_slice(&rest[..count]);
            if let (State::Garbling, Some(offset)) = (&self.state, offset) {
                if offset <= KIND && KIND < offset + count {
                    passed[start + KIND - offset] ^= 0xff;
                    self.state = State::Open;
                }
            }
        }
        Ok(passed)
    }

    /// Ready once bytes may pass again.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Waiting(timer) => {
                ready!(timer.as_mut().poll(cx));
                self.state = State::Open;
                Poll::Ready(())
            }
            State::Stalled => Poll::Pending,
            State::Open | State::Garbling | State::Cut => Poll::Ready(()),
        }
    }
}

/// What was taken from the link and has not passed.
#[derive(Debug, Default)]
struct Held {
    raw: BytesMut,
    passed: BytesMut,
    descriptors: Passed,
}

#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Transport>,
    inbound: Mutex<Lane>,
    outbound: Mutex<Lane>,
    read: Mutex<Held>,
}

/// Read from the link at once.
const READ: usize = 64 * 1024;

impl Transport for Faulty {
    fn try_read(&self, room: Room<'_>, passed: &mut Passed) -> io::Result<usize> {
        self.read_by(|raw, passed| self.inner.try_read(raw, passed), room, passed)
    }

    fn read_now(&self, room: Room<'_>, passed: &mut Passed) -> io::Result<usize> {
        self.read_by(|raw, passed| self.inner.read_now(raw, passed), room, passed)
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(lock(&self.inbound).poll(cx));
        let held = lock(&self.read);
        if held.passed.is_empty() && held.raw.is_empty() { self.inner.poll_read_ready(cx) } else { Poll::Ready(Ok(())) }
    }

    fn try_write(&self, buffers: &[IoSlice<'_>], mut descriptors: &[OwnedFd]) -> io::Result<usize> {
        // One buffer at a time, and all of it: a garbled header must not be asked for again.
        let bytes = buffers.iter().find(|buffer| !buffer.is_empty()).map_or(&[][..], |buffer| buffer);
        let mut lane = lock(&self.outbound);
        let passed = lane.pass(bytes).inspect_err(|error| self.cut(error))?;
        drop(lane);
        let mut written = 0;
        while written < passed.len() {
            let slice = [IoSlice::new(&passed[written..])];
            match self.inner.write_blocking(&slice, descriptors, Duration::from_secs(10)) {
                Ok(count) => {
                    written += count;
                    descriptors = &[];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(passed.len())
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.outbound).poll(cx).map(Ok)
    }

    fn write_done(&self) {
        self.inner.write_done();
    }

    fn write_blocking(&self, buffers: &[IoSlice<'_>], descriptors: &[OwnedFd], _: Duration) -> io::Result<usize> {
        self.try_write(buffers, descriptors)
    }

    fn carries_descriptors(&self) -> bool {
        self.inner.carries_descriptors()
    }

    fn finish(&self) {
        self.inner.finish();
    }

    fn abort(&self) {
        self.inner.abort();
    }
}

impl Faulty {
    fn read_by(
        &self,
        read: impl FnOnce(Room<'_>, &mut Passed) -> io::Result<usize>,
        room: Room<'_>,
        descriptors: &mut Passed,
    ) -> io::Result<usize> {
        let held = &mut *lock(&self.read);
        if held.passed.is_empty() {
            if held.raw.is_empty() {
                held.raw.reserve(READ);
                let raw = Room { first: &mut held.raw, limit: READ, then: None };
                if read(raw, &mut held.descriptors)? == 0 {
                    return Ok(0);
                }
                held.descriptors.within = held.raw.len();
            }
            let passed = lock(&self.inbound).pass(&held.raw).inspect_err(|error| self.cut(error))?;
            held.raw.advance(passed.len());
            held.passed.extend_from_slice(&passed);
        }
        let Room { first: buffer, limit, .. } = room;
        let count = held.passed.len().min(limit).min(buffer.capacity() - buffer.len());
        buffer.extend_from_slice(&held.passed.split_to(count));
        *descriptors = std::mem::take(&mut held.descriptors);
        Ok(count)
    }

    fn cut(&self, error: &io::Error) {
        if error.kind() == io::ErrorKind::ConnectionReset {
            self.inner.abort();
        }
    }
}
