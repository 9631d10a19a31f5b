//! A link within one process: for tests of everything above it.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BufMut;

use crate::sync::lock;
use crate::transport::{Passed, Room, Transport};

/// One end of two pipes in memory, each with room for a fixed number of bytes.
pub struct Memory {
    inbound: Arc<Mutex<Pipe>>,
    outbound: Arc<Mutex<Pipe>>,
}

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn wake_all(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

impl Memory {
    /// Two ends; each direction holds `capacity` bytes at most.
    #[must_use]
    pub fn pair(capacity: usize) -> (Self, Self) {
        let pipe = || Arc::new(Mutex::new(Pipe { capacity, ..Pipe::default() }));
        let (there, back) = (pipe(), pipe());
        (Self { inbound: Arc::clone(&back), outbound: Arc::clone(&there) }, Self { inbound: there, outbound: back })
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Transport for Memory {
    fn try_read(&self, room: Room<'_>, _: &mut Passed) -> io::Result<usize> {
        let Room { first: buffer, limit, .. } = room;
        let mut pipe = lock(&self.inbound);
        let count = pipe.bytes.len().min(buffer.capacity() - buffer.len()).min(limit);
        if count == 0 && !pipe.ended {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buffer.put(pipe.bytes.drain(..count).collect::<Vec<_>>().as_slice());
        pipe.wake_all();
        Ok(count)
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.inbound);
        if pipe.bytes.is_empty() && !pipe.ended {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn try_write(&self, buffers: &[IoSlice<'_>], descriptors: &[OwnedFd]) -> io::Result<usize> {
        debug_assert!(descriptors.is_empty(), "nothing is passed where nothing can be");
        let mut pipe = lock(&self.outbound);
        if pipe.ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let room = pipe.capacity - pipe.bytes.len();
        let before = pipe.bytes.len();
        for byte in buffers.iter().flat_map(|buffer| buffer.iter()).take(room) {
            pipe.bytes.push_back(*byte);
        }
        let written = pipe.bytes.len() - before;
        if written == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        pipe.wake_all();
        Ok(written)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.outbound);
        if pipe.bytes.len() >= pipe.capacity && !pipe.ended {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn write_done(&self) {}

    fn write_blocking(&self, buffers: &[IoSlice<'_>], descriptors: &[OwnedFd], _: Duration) -> io::Result<usize> {
        self.try_write(buffers, descriptors)
    }

    fn carries_descriptors(&self) -> bool {
        false
    }

    fn finish(&self) {
        let mut pipe = lock(&self.outbound);
        pipe.ended = true;
        pipe.wake_all();
    }

    fn abort(&self) {
        self.finish();
        let mut pipe = lock(&self.inbound);
        pipe.ended = true;
        pipe.wake_all();
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.abort();
    }
}
