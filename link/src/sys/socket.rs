//! A Unix stream socket that wakes its owner for reading only.
//!
//! tokio's own `UnixStream` registers for writing too, and a Unix socket signals that whenever its peer reads, so every
//! message would wake its sender for nothing. Here writing is watched only while a write is blocked, on a duplicate of
//! the descriptor.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::net::{Shutdown, shutdown};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep};

use super::passing::{receive, send};
use crate::sync::lock;
use crate::transport::{Passed, Room, Transport};

/// One end of a connected Unix stream socket.
#[derive(Debug)]
pub struct Socket {
    read: AsyncFd<OwnedFd>,
    /// How a blocked write waits.
    write: Mutex<Blocked>,
    /// The runtime that waits for both. A write may block on any thread, which need not have a runtime at all.
    runtime: Handle,
}

/// How a blocked write waits for room.
#[derive(Debug, Default)]
enum Blocked {
    /// None is blocked.
    #[default]
    No,
    /// By a duplicate of the descriptor.
    Watched(Arc<AsyncFd<OwnedFd>>, Refused),
    /// By time, for want of a descriptor.
    Unwatched(Pin<Box<Sleep>>),
}

/// What there was no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// What a write tried.
    All,
    /// Much; a little may yet be written.
    Much,
}

/// Of what waits in the socket nothing can be overtaken, so it is to be little; less makes large payloads slower. In
/// bytes; the kernel doubles it, for its own needs.
const SEND_BUFFER: usize = 64 * 1024;

/// Until a write is tried again that cannot be watched.
const RETRY: Duration = Duration::from_millis(5);

impl Socket {
    /// Takes a connected socket over. Needs a runtime.
    ///
    /// # Errors
    /// The descriptor is no socket, or cannot be watched.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        ioctl_fionbio(&fd, true)?;
        // A link works with any: a socket that does not take this one keeps its own.
        let _ = set_socket_send_buffer_size(&fd, SEND_BUFFER);
        Ok(Self { read: watch(fd, Interest::READABLE)?, write: Mutex::default(), runtime: Handle::current() })
    }
}

impl Socket {
    /// How a write is to wait that found no room.
    fn watch_writing(&self, refused: Refused) -> Blocked {
        let _runtime = self.runtime.enter();
        let duplicate = self.read.get_ref().as_fd().try_clone_to_owned();
        match duplicate.and_then(|duplicate| watch(duplicate, Interest::WRITABLE)) {
            Ok(watched) => Blocked::Watched(Arc::new(watched), refused),
            // Without a descriptor left for it, it is tried again now and then.
            Err(_) => self.retry_later(),
        }
    }

    fn retry_later(&self) -> Blocked {
        let _runtime = self.runtime.enter();
        Blocked::Unwatched(Box::pin(sleep(RETRY)))
    }
}

/// True if a user's processes have passed as many descriptors as they may have open, and nobody has taken them yet:
/// unix(7).
fn too_many_on_their_way(error: &io::Error) -> bool {
    rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::TOOMANYREFS)
}

/// Would block while more than a quarter of it is in use: the kernel announces room below that only.
fn is_nearly_empty(fd: &OwnedFd) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::new(fd, PollFlags::OUT)], Some(&now))? {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        _ => Ok(()),
    }
}

/// Sends unless that was refused before, and no room has been announced since.
fn send_watched(
    watched: &AsyncFd<OwnedFd>,
    refused: Refused,
    buffers: &[IoSlice<'_>],
    descriptors: &[OwnedFd],
) -> io::Result<usize> {
    let (mut tried, mut part) = (false, None);
    let sent = watched.try_io(Interest::WRITABLE, |fd| {
        tried = true;
        match send(fd, buffers, descriptors)? {
            // Filled: told as "would block" so that the next write waits without a further system call.
            count if count < buffers.iter().map(|buffer| buffer.len()).sum() => {
                part = Some(count);
                Err(io::ErrorKind::WouldBlock.into())
            }
            count => Ok(count),
        }
    });
    if !tried && refused == Refused::Much {
        return send(watched.get_ref(), buffers, descriptors);
    }
    part.map_or(sent, Ok)
}

fn watch(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the registration and the descriptor are dropped together, and nothing else closes the descriptor.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(io::Error::from)
}

/// Receives, and says too whether the socket has been emptied.
fn receive_into(fd: &OwnedFd, room: &mut Room<'_>, passed: &mut Passed) -> io::Result<(usize, bool)> {
    let spare = room.first.spare_capacity_mut();
    let first = spare.len().min(room.limit);
    let then = room.then.as_mut().map_or(&mut [][..], |(then, limit)| {
        let spare = then.spare_capacity_mut();
        let most = spare.len().min(*limit);
        &mut spare[..most]
    });
    let most = first + then.len();
    let count = receive(fd.as_fd(), [&mut spare[..first], then], libc::MSG_DONTWAIT, passed)?.min(most);
    // SAFETY: the kernel has filled the first `count` bytes of both, one after the other.
    unsafe { room.first.set_len(room.first.len() + count.min(first)) };
    if let Some((then, _)) = room.then.as_mut() {
        // SAFETY: as above.
        unsafe { then.set_len(then.len() + count.saturating_sub(first)) };
    }
    // A read ends with the bytes of a write that passed descriptors: there may be more.
    Ok((count, count < most && passed.is_empty()))
}

impl Transport for Socket {
    fn try_read(&self, mut room: Room<'_>, passed: &mut Passed) -> io::Result<usize> {
        let mut short = None;
        let result = self.read.try_io(Interest::READABLE, |fd| match receive_into(fd, &mut room, passed)? {
            // Emptied: told as "would block" so that the readiness is cleared without a further system call.
            (count, true) if count > 0 => {
                short = Some(count);
                Err(io::ErrorKind::WouldBlock.into())
            }
            (count, _) => Ok(count),
        });
        short.map_or(result, Ok)
    }

    fn read_now(&self, mut room: Room<'_>, passed: &mut Passed) -> io::Result<usize> {
        receive_into(self.read.get_ref(), &mut room, passed).map(|(count, _)| count)
    }

    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.read.poll_read_ready(cx).map_ok(|mut ready| ready.retain_ready())
    }

    fn try_write(&self, buffers: &[IoSlice<'_>], descriptors: &[OwnedFd]) -> io::Result<usize> {
        let mut write = lock(&self.write);
        let result = match &*write {
            Blocked::Watched(watched, refused) => send_watched(watched, *refused, buffers, descriptors),
            _ => send(self.read.get_ref(), buffers, descriptors),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                match &mut *write {
                    Blocked::Watched(_, refused) => *refused = Refused::All,
                    unwatched => *unwatched = self.watch_writing(Refused::All),
                }
                Err(error)
            }
            // No event says when the descriptors that are on their way have been taken.
            Err(error) if too_many_on_their_way(&error) => {
                *write = self.retry_later();
                Err(io::ErrorKind::WouldBlock.into())
            }
            result => result,
        }
    }

    fn has_room(&self) -> bool {
        let mut write = lock(&self.write);
        match &mut *write {
            Blocked::No => {}
            Blocked::Unwatched(_) => return true,
            Blocked::Watched(watched, refused) => {
                let look = |fd: &OwnedFd| is_nearly_empty(fd).inspect_err(|_| *refused = Refused::Much);
                return watched.try_io(Interest::WRITABLE, look).is_ok();
            }
        }
        let room = is_nearly_empty(self.read.get_ref()).is_ok();
        if !room {
            *write = self.watch_writing(Refused::Much);
        }
        room
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watched = match &mut *lock(&self.write) {
            Blocked::No => return Poll::Ready(Ok(())),
            Blocked::Unwatched(timer) => return timer.as_mut().poll(cx).map(Ok),
            Blocked::Watched(watched, _) => Arc::clone(watched),
        };
        ready!(watched.poll_write_ready(cx))?.retain_ready();
        Poll::Ready(Ok(()))
    }

    fn write_done(&self) {
        *lock(&self.write) = Blocked::No;
    }

    fn write_blocking(&self, buffers: &[IoSlice<'_>], descriptors: &[OwnedFd], limit: Duration) -> io::Result<usize> {
        let fd = self.read.get_ref();
        match send(fd, buffers, descriptors) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if too_many_on_their_way(&error) => {
                std::thread::sleep(RETRY.min(limit));
                return Err(io::ErrorKind::Interrupted.into());
            }
            result => return result,
        }
        let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
        match poll(&mut [PollFd::new(fd, PollFlags::OUT)], Some(&limit))? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => send(fd, buffers, descriptors),
        }
    }

    fn carries_descriptors(&self) -> bool {
        true
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
    // No event is asked for: a hang-up is reported all the same, and nothing else is.
    reports(fd, PollFlags::empty(), limit)
}

/// Blocks until a descriptor reports one of `events`. False if it has not within `limit`.
pub(super) fn reports(fd: &OwnedFd, events: PollFlags, limit: Option<Duration>) -> io::Result<bool> {
    let limit =
        limit.map(|limit| Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) });
    loop {
        match poll(&mut [PollFd::new(fd, events)], limit.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map(|ready| ready == 1).map_err(io::Error::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::os::unix::net::UnixStream;

    use bytes::BytesMut;

    use super::*;

    const CHUNK: [u8; 16 * 1024] = [1; 16 * 1024];

    fn drain(socket: &Socket) -> usize {
        let (mut buffer, mut count) = (BytesMut::new(), 0);
        while {
            buffer.clear();
            buffer.reserve(CHUNK.len());
            let room = Room { first: &mut buffer, limit: usize::MAX, then: None };
            socket.read_now(room, &mut Passed::default()).is_ok_and(|read| read > 0)
        } {
            count += buffer.len();
        }
        count
    }

    #[tokio::test]
    async fn a_little_is_written_where_much_would_be_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let [ours, theirs] = [ours, theirs].map(|stream| Socket::new(stream.into()).unwrap());
        let (mut written, mut rounds) = (0, 0);
        while rounds < 3 {
            while ours.has_room() {
                written += ours.try_write(&[IoSlice::new(&CHUNK)], &[]).unwrap();
            }
            assert!(!ours.has_room(), "nothing has been read");
            written += ours.try_write(&[IoSlice::new(&[2])], &[]).expect("there is room for a little");
            assert_eq!(drain(&theirs), written);
            // The room that was made is announced, so that whoever waits for it goes on.
            poll_fn(|cx| ours.poll_write_ready(cx)).await.unwrap();
            (written, rounds) = (0, rounds + 1);
        }
    }

    #[tokio::test]
    async fn what_found_no_room_waits_until_some_is_announced() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let [ours, theirs] = [ours, theirs].map(|stream| Socket::new(stream.into()).unwrap());
        let mut written = 0;
        let write = |written: &mut usize| match ours.try_write(&[IoSlice::new(&CHUNK)], &[]) {
            Ok(count) => *written += count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        };
        // More often than there is room for it.
        (0..64).for_each(|_| write(&mut written));
        assert!(!ours.has_room() && written < 64 * CHUNK.len());
        assert_eq!(drain(&theirs), written);
        poll_fn(|cx| ours.poll_write_ready(cx)).await.unwrap();
        assert!(ours.has_room());
        written = 0;
        write(&mut written);
        assert_eq!(drain(&theirs), written);
        assert!(written > 0);
    }
}
