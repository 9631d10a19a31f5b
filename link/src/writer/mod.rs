//! Frames into a stream of bytes: tried at once where that helps latency, otherwise everything queued in one write.

mod queue;

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kinfolk_protocol::Header;
use tokio::sync::Notify;

use self::queue::Queue;
use crate::sync::lock;
use crate::transport::Transport;

/// What may wait to be written before [`Writer::room`] makes its caller wait.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Frames.
    pub items: usize,
    /// Bytes.
    pub bytes: usize,
}

/// Writes frames to a [`Transport`], independent of whatever reads from it.
///
/// Frames are pushed without waiting, in order, from any thread; whoever may push without having been let in by flow
/// control waits for [`room`](Self::room) first. One task runs [`run`](Self::run).
#[derive(Debug)]
pub struct Writer {
    transport: Arc<dyn Transport>,
    queue: Mutex<Queue>,
    bounds: Bounds,
    /// Wakes `run`: something was queued.
    queued: Notify,
    /// Wakes those who wait for room or for everything to be written.
    progress: Notify,
}

/// What a flush left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushed {
    /// Nothing, or only what another flusher is writing.
    All,
    /// Frames the transport has no room for.
    Blocked,
}

impl Writer {
    /// A writer whose queue is full at `bounds`.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, bounds: Bounds) -> Self {
        let (queued, progress) = (Notify::new(), Notify::new());
        Self { transport, queue: Mutex::default(), bounds, queued, progress }
    }

    /// Queues a frame and says where in the stream it ends; [`written`](Self::written) says later whether it left.
    /// A long payload is taken, a short one copied. After the link ended the frame is dropped.
    pub fn push(&self, header: &Header, payload: &mut Vec<u8>) -> u64 {
        lock(&self.queue).push(header, payload)
    }

    /// Queues our first bytes, before any frame.
    pub fn preamble(&self) {
        lock(&self.queue).preamble();
    }

    /// Has [`run`](Self::run) write what is queued at its next turn.
    pub fn wake(&self) {
        self.queued.notify_one();
    }

    /// Writes what is queued now, as far as there is room; the rest is left to [`run`](Self::run).
    pub fn flush(&self) {
        match self.try_flush() {
            Ok(Flushed::All) => {}
            // `run` meets the error itself, or waits for room.
            Ok(Flushed::Blocked) | Err(_) => self.wake(),
        }
    }

    fn try_flush(&self) -> io::Result<Flushed> {
        let mut wrote = false;
        loop {
            let Some(batch) = lock(&self.queue).take() else {
                if wrote {
                    self.transport.write_done();
                    self.progress.notify_waiters();
                }
                return Ok(Flushed::All);
            };
            let result = batch.with_slices(|slices| self.transport.try_write(slices));
            let mut queue = lock(&self.queue);
            queue.put_back(batch, *result.as_ref().unwrap_or(&0));
            drop(queue);
            match result {
                Ok(_) => wrote = true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.progress.notify_waiters();
                    return Ok(Flushed::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes whatever is queued, for as long as the link takes it, and returns why it does not any more.
    ///
    /// # Cancel safety
    /// Nothing is lost: what is not written stays queued.
    pub async fn run(&self) -> io::Error {
        loop {
            match self.try_flush() {
                Ok(Flushed::All) => self.queued.notified().await,
                Ok(Flushed::Blocked) => {
                    if let Err(error) = poll_fn(|cx| self.transport.poll_write_ready(cx)).await {
                        self.close();
                        return error;
                    }
                }
                Err(error) => {
                    self.close();
                    return error;
                }
            }
        }
    }

    /// Waits until the queue is below its bounds, or the link has ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn room(&self) {
        self.wait_until(|queue| {
            queue.is_closed() || (queue.items() < self.bounds.items && queue.bytes() < self.bounds.bytes)
        })
        .await;
    }

    /// Waits until everything queued has been written, or the link has ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn flushed(&self) {
        self.wake();
        self.wait_until(Queue::is_empty).await;
    }

    async fn wait_until(&self, done: impl Fn(&Queue) -> bool) {
        loop {
            let progress = self.progress.notified();
            tokio::pin!(progress);
            // Registered before the look, so that progress in between is not missed.
            progress.as_mut().enable();
            if done(&lock(&self.queue)) {
                return;
            }
            progress.await;
        }
    }

    /// Writes what is queued without a runtime, for at most `limit`: a process is about to exit. True if all of it
    /// was written.
    pub fn flush_blocking(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Another thread may hold the lock or the buffers; it may also have ended with them.
            let Ok(mut queue) = self.queue.try_lock() else {
                if left.is_zero() {
                    return false;
                }
                std::thread::yield_now();
                continue;
            };
            if queue.is_empty() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
            let batch = queue.take();
            drop(queue);
            let Some(batch) = batch else {
                std::thread::yield_now();
                continue;
            };
            let result = batch.with_slices(|slices| self.transport.write_blocking(slices, left));
            lock(&self.queue).put_back(batch, *result.as_ref().unwrap_or(&0));
            if result.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
                return false;
            }
        }
    }

    /// How far the stream has been written. A frame left if its end is not beyond.
    pub fn written(&self) -> u64 {
        lock(&self.queue).written()
    }

    /// Drops what is queued; nothing is written any more.
    pub fn close(&self) {
        lock(&self.queue).close();
        self.progress.notify_waiters();
    }

    /// Ends our direction: the peer reads what was written, then the end.
    pub fn finish(&self) {
        self.close();
        self.transport.finish();
    }

    /// Ends both directions at once.
    pub fn abort(&self) {
        self.close();
        self.transport.abort();
    }
}
