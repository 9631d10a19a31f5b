//! A Unix stream socket that wakes its owner for reading only.
//!
//! tokio's own `UnixStream` registers for writing too, and a Unix socket signals that whenever its peer reads, so every
//! message would wake its sender for nothing. Here writing is watched only while a write is blocked, on a duplicate of
//! the descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{ioctl_fionbio, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    Shutdown, recv, recvmsg, sendmsg, shutdown,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use crate::sync::lock;
use crate::transport::Transport;

/// One end of a connected Unix stream socket.
#[derive(Debug)]
pub struct Socket {
    read: AsyncFd<OwnedFd>,
    /// How a blocked write waits.
    write: Mutex<Blocked>,
    /// The runtime that waits for both. A write may block on any thread, which need not have a runtime at all.
    runtime: Handle,
    /// To be passed with the next bytes.
    passenger: Mutex<Option<OwnedFd>>,
    has_passenger: AtomicBool,
}

/// How a blocked write waits for room.
#[derive(Debug, Default)]
enum Blocked {
    /// None is blocked.
    #[default]
    No,
    /// By a duplicate of the descriptor.
    Watched(Arc<AsyncFd<OwnedFd>>),
    /// By time, for want of a descriptor.
    Unwatched(Pin<Box<Sleep>>),
}

/// Until a write is tried again that cannot be watched.
const RETRY: Duration = Duration::from_millis(5);

impl Socket {
    /// Takes a connected socket over. Needs a runtime.
    ///
    /// # Errors
    /// The descriptor is no socket, or cannot be watched.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        ioctl_fionbio(&fd, true)?;
        Ok(Self {
            read: watch(fd, Interest::READABLE)?,
            write: Mutex::default(),
            runtime: Handle::current(),
            passenger: Mutex::new(None),
            has_passenger: AtomicBool::new(false),
        })
    }
}

impl Socket {
    /// Sends, with the passenger if there is one.
    fn send(&self, fd: &OwnedFd, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.has_passenger.load(Ordering::Acquire) {
            return send(fd, buffers);
        }
        let mut passenger = lock(&self.passenger);
        let sent = match passenger.as_ref() {
            Some(descriptor) => send_with(fd, buffers, descriptor.as_fd())?,
            None => send(fd, buffers)?,
        };
        // It left with the first byte.
        passenger.take();
        self.has_passenger.store(false, Ordering::Release);
        Ok(sent)
    }
}

fn watch(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the registration and the descriptor are dropped together, and nothing else closes the descriptor.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(io::Error::from)
}

const SEND: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

fn send(fd: &OwnedFd, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(sendmsg(fd, buffers, &mut SendAncillaryBuffer::default(), SEND)?)
}

/// Sends a descriptor along.
fn send_with(fd: &OwnedFd, buffers: &[IoSlice<'_>], descriptor: BorrowedFd<'_>) -> io::Result<usize> {
    let descriptors = [descriptor];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    Ok(sendmsg(fd, buffers, &mut control, SEND)?)
}

/// Reads from a blocking socket, and the descriptor that came along.
///
/// # Errors
/// The socket's.
pub fn receive_with_descriptor(link: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    // A process that is stopped and goes on, under a debugger say, is interrupted in a wait with a limit.
    let receive = || recvmsg(link, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC);
    let received = retry_on_intr(receive)?;
    // More than one finds no room and is closed by the kernel.
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok((received.bytes, descriptor))
}

/// Receives into the spare capacity. Says too whether the socket has been emptied.
fn receive(fd: &OwnedFd, buffer: &mut BytesMut, limit: usize) -> io::Result<(usize, bool)> {
    let spare = buffer.spare_capacity_mut();
    let room = spare.len().min(limit);
    let spare = &mut spare[..room];
    let (_, count) = recv(fd, spare, RecvFlags::DONTWAIT)?;
    let count = count.min(room);
    // SAFETY: the kernel has filled the first `count` bytes of the spare capacity.
    unsafe { buffer.set_len(buffer.len() + count) };
    Ok((count, count < room))
}

impl Transport for Socket {
    fn try_read(&self, buffer: &mut BytesMut, limit: usize) -> io::Result<usize> {
        let mut short = None;
        let result = self.read.try_io(Interest::READABLE, |fd| match receive(fd, buffer, limit)? {
            // Emptied: told as "would block" so that the readiness is cleared without a further system call.
            (count, true) if count > 0 => {
                short = Some(count);
                Err(io::ErrorKind::WouldBlock.into())
            }
            (count, _) => Ok(count),
        });
        short.map_or(result, Ok)
    }

    fn read_now(&self, buffer: &mut BytesMut, limit: usize) -> io::Result<usize> {
        receive(self.read.get_ref(), buffer, limit).map(|(count, _)| count)
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.read.poll_read_ready(cx).map_ok(|mut ready| ready.retain_ready())
    }

    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut write = lock(&self.write);
        if let Blocked::Watched(watched) = &*write {
            return watched.try_io(Interest::WRITABLE, |fd| self.send(fd, buffers));
        }
        let result = self.send(self.read.get_ref(), buffers);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            let _runtime = self.runtime.enter();
            let duplicate = self.read.get_ref().as_fd().try_clone_to_owned();
            // Without a descriptor left for it, it is tried again now and then.
            *write = match duplicate.and_then(|duplicate| watch(duplicate, Interest::WRITABLE)) {
                Ok(watched) => Blocked::Watched(Arc::new(watched)),
                Err(_) => Blocked::Unwatched(Box::pin(sleep(RETRY))),
            };
        }
        result
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watched = match &mut *lock(&self.write) {
            Blocked::No => return Poll::Ready(Ok(())),
            Blocked::Unwatched(timer) => return timer.as_mut().poll(cx).map(Ok),
            Blocked::Watched(watched) => Arc::clone(watched),
        };
        ready!(watched.poll_write_ready(cx))?.retain_ready();
        Poll::Ready(Ok(()))
    }

    fn write_done(&self) {
        *lock(&self.write) = Blocked::No;
    }

    fn write_blocking(&self, buffers: &[IoSlice<'_>], limit: Duration) -> io::Result<usize> {
        let fd = self.read.get_ref();
        match self.send(fd, buffers) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
        let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
        match poll(&mut [PollFd::new(fd, PollFlags::OUT)], Some(&limit))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => self.send(fd, buffers),
        }
    }

    fn pass(&self, descriptor: OwnedFd) -> Result<(), OwnedFd> {
        *lock(&self.passenger) = Some(descriptor);
        self.has_passenger.store(true, Ordering::Release);
        Ok(())
    }

    fn finish(&self) {
        // An error means that the peer has gone already, which is what is asked for.
        let _ = shutdown(self.read.get_ref(), Shutdown::Write);
    }

    fn abort(&self) {
        let _ = shutdown(self.read.get_ref(), Shutdown::Both);
    }
}

/// True if the peer of a socket has ended its direction, whether or not that end has been read.
#[must_use]
pub fn peer_has_finished(fd: &OwnedFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut [PollFd::new(fd, PollFlags::RDHUP)], Some(&now)), Ok(1))
}

/// Blocks until the peer of a socket has ended both directions: it closed its end, or died. Data does not end the
/// wait, nor does the end of one direction. True if it has, false if that was not so within `limit`.
///
/// # Errors
/// The descriptor cannot be polled.
pub fn peer_is_gone(fd: &OwnedFd, limit: Option<Duration>) -> io::Result<bool> {
    let limit =
        limit.map(|limit| Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) });
    loop {
        // No event is asked for: a hang-up is reported all the same, and nothing else is.
        match poll(&mut [PollFd::new(fd, PollFlags::empty())], limit.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map(|ready| ready == 1).map_err(io::Error::from),
        }
    }
}
