//! What carries the bytes of a link.

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;

/// Where a read puts what it gets.
#[derive(Debug)]
pub struct Room<'a> {
    /// The spare capacity of this one first, which is not empty.
    pub first: &'a mut BytesMut,
    /// At most so many bytes of it.
    pub limit: usize,
    /// Then so many of that of this one, if the transport can fill two at once.
    pub then: Option<(&'a mut BytesMut, usize)>,
}

/// Descriptors that came with a read.
#[derive(Debug, Default)]
pub struct Passed {
    /// In the order in which they were sent.
    pub descriptors: Vec<OwnedFd>,
    /// Why there are not all that were sent.
    pub lost: Option<Lost>,
    /// Their frame begins within so many bytes from where this read began, or within those that were read, if that is
    /// more.
    pub within: usize,
}

impl Passed {
    /// True if nothing came.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.descriptors.is_empty() && self.lost.is_none()
    }
}

/// Why descriptors were sent and did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// More were sent at once than any frame may have.
    TooMany,
    /// This process has as many files open as it may.
    NoneLeft,
}

/// Two streams of bytes, one each way, that never make the caller wait.
///
/// Reading and writing are independent: one task may poll both, or two tasks one each. Each direction remembers the
/// waker of its last poll only.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Reads as much as there is and as there is room for. `Ok(0)` is the end. One read brings descriptors that were
    /// sent with one write only, and ends with the bytes of that write.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there; then
    /// [`poll_read_ready`](Self::poll_read_ready) says when to try again.
    fn try_read(&self, room: Room<'_>, passed: &mut Passed) -> io::Result<usize>;

    /// Reads like [`try_read`](Self::try_read), also where readiness has not been announced yet: for a last look.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there.
    fn read_now(&self, room: Room<'_>, passed: &mut Passed) -> io::Result<usize> {
        self.try_read(room, passed)
    }

    /// Waits until reading may succeed.
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes as much as there is room for. `descriptors` leave with the first byte, if any byte does.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is none; then [`poll_write_ready`](Self::poll_write_ready) says when to
    /// try again.
    fn try_write(&self, buffers: &[IoSlice<'_>], descriptors: &[OwnedFd]) -> io::Result<usize>;

    /// True unless much of what was written waits to be read; then [`poll_write_ready`](Self::poll_write_ready) says when
    /// to ask again.
    fn has_room(&self) -> bool {
        true
    }

    /// Waits until writing may succeed.
    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Everything that was to be written has been: nobody waits for room any more.
    fn write_done(&self);

    /// [`try_write`](Self::try_write) without a runtime, blocking for at most `limit`: for a process that is about to
    /// exit.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] if there was no room within the limit.
    fn write_blocking(&self, buffers: &[IoSlice<'_>], descriptors: &[OwnedFd], limit: Duration) -> io::Result<usize>;

    /// True if descriptors can be written.
    fn carries_descriptors(&self) -> bool;

    /// Ends our direction: the peer reads what was written, then the end.
    fn finish(&self);

    /// Ends both directions at once.
    fn abort(&self);
}
