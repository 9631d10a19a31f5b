//! What carries the bytes of a link.

use std::fmt;
use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;

/// Two streams of bytes, one each way, that never make the caller wait.
///
/// Reading and writing are independent: one task may poll both, or two tasks one each. Each direction remembers the
/// waker of its last poll only.
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Reads into the spare capacity of `buffer`, which is not empty, at most `limit` bytes. `Ok(0)` is the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there; then
    /// [`poll_read_ready`](Self::poll_read_ready) says when to try again.
    fn try_read(&self, buffer: &mut BytesMut, limit: usize) -> io::Result<usize>;

    /// Reads like [`try_read`](Self::try_read), also where readiness has not been announced yet: for a last look.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing is there.
    fn read_now(&self, buffer: &mut BytesMut, limit: usize) -> io::Result<usize> {
        self.try_read(buffer, limit)
    }

    /// Waits until reading may succeed.
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Writes as much as there is room for.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if there is none; then [`poll_write_ready`](Self::poll_write_ready) says when to
    /// try again.
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Waits until writing may succeed.
    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Everything that was to be written has been: nobody waits for room any more.
    fn write_done(&self);

    /// Writes without a runtime, blocking for at most `limit`: for a process that is about to exit.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] if there was no room within the limit.
    fn write_blocking(&self, buffers: &[IoSlice<'_>], limit: Duration) -> io::Result<usize>;

    /// Passes a descriptor along with the next bytes written. It comes back if this transport cannot carry any.
    ///
    /// # Errors
    /// The descriptor, unused.
    fn pass(&self, descriptor: OwnedFd) -> Result<(), OwnedFd>;

    /// Ends our direction: the peer reads what was written, then the end.
    fn finish(&self);

    /// Ends both directions at once.
    fn abort(&self);
}
