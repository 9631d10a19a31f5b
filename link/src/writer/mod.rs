//! Frames into a stream of bytes: tried at once where that helps latency, otherwise everything queued in one write.

mod batch;
mod exit;
mod long;
mod queue;

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use kinfolk_protocol::{Header, SHORT};
use tokio::sync::Notify;
use tokio::task::yield_now;

use self::batch::{Batch, LONG_BATCH, Lanes};
pub(crate) use self::long::{GivenUp, Order};
pub(crate) use self::queue::Mark;
use self::queue::Queue;
use crate::attachments::Packed;
use crate::sync::lock;
use crate::transport::Transport;

/// What may wait to be written before [`Writer::room`] makes its caller wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Short frames.
    pub(crate) items: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
    /// Bytes of long payloads, which are counted apart: they must not keep short frames waiting.
    pub(crate) long: usize,
}

/// True for a payload that is handed over as it is, and waits behind all shorter ones, which are copied behind their
/// headers and leave together.
pub(crate) fn is_long(length: usize) -> bool {
    length > SHORT as usize
}

/// A flusher that has written so much lets others have their turn: whoever reads may run on the same task.
const TURN: usize = 256 * 1024;

/// Writes frames to a [`Transport`], independent of whatever reads from it.
///
/// Frames are pushed without waiting, in order, from any thread; whoever may push without having been let in by flow
/// control waits for [`room`](Self::room) first. One task runs [`run`](Self::run).
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Mutex<Queue>,
    bounds: Bounds,
    /// Wakes `run`: something was queued.
    queued: Notify,
    /// Wakes those who wait for room or for everything to be written.
    progress: Notify,
    /// Wakes whoever lets calls in: there is room again.
    freed: Notify,
    /// `run` waits for the transport.
    blocked: AtomicBool,
}

/// What a flush left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flushed {
    /// Nothing, or only what another flusher is writing.
    All,
    /// Frames the transport has no room for.
    Blocked,
    /// Frames for which there may be room, after others have had their turn.
    More,
}

impl Writer {
    /// A writer whose queue is full at `bounds`.
    #[must_use]
    pub(crate) fn new(transport: Arc<dyn Transport>, bounds: Bounds) -> Self {
        Self {
            queue: Mutex::new(Queue::new(transport)),
            bounds,
            queued: Notify::new(),
            progress: Notify::new(),
            freed: Notify::new(),
            blocked: AtomicBool::new(false),
        }
    }

    /// Queues a frame; [`has_left`](Self::has_left) says later whether it has. A long payload is taken, a short one
    /// copied. After the link ended the frame is dropped.
    pub(crate) fn push(&self, header: &Header, payload: &mut Packed) -> Mark {
        self.push_with(header, &[], payload)
    }

    /// [`push`](Self::push) of a payload with something in front of it.
    pub(crate) fn push_with(&self, header: &Header, front: &[u8], payload: &mut Packed) -> Mark {
        lock(&self.queue).push(header, front, payload)
    }

    /// Gives up the long payload of this order, if there is one that has not left whole, and what of its order waits
    /// for
    /// it. True if there was.
    pub(crate) fn give_up(&self, order: Order) -> bool {
        let mut queue = lock(&self.queue);
        let given_up = queue.give_up(order);
        if given_up == GivenUp::Nothing {
            return false;
        }
        let freed = queue.take_awaited();
        drop(queue);
        if freed {
            self.freed.notify_one();
        }
        // Nothing of it is written any more, so no write will tell those who wait for its room.
        self.progress.notify_waiters();
        self.wake();
        true
    }

    /// Queues our first bytes, before any frame.
    pub(crate) fn preamble(&self) {
        lock(&self.queue).preamble();
    }

    /// Has [`run`](Self::run) write what is queued at its next turn.
    pub(crate) fn wake(&self) {
        self.queued.notify_one();
    }

    /// Writes what is queued now, as far as there is room; the rest is left to [`run`](Self::run).
    pub(crate) fn flush(&self) {
        match self.try_flush() {
            // `run` waits for room that is not needed any more, on a registration that is gone.
            Ok(Flushed::All) if self.blocked.swap(false, Ordering::AcqRel) => self.wake(),
            Ok(Flushed::All) => {}
            // `run` meets the error itself, or waits for room, or goes on.
            Ok(Flushed::Blocked | Flushed::More) | Err(_) => self.wake(),
        }
    }

    fn try_flush(&self) -> io::Result<Flushed> {
        let mut wrote: Option<Arc<dyn Transport>> = None;
        let mut left = TURN;
        loop {
            if left == 0 {
                self.progress.notify_waiters();
                return Ok(Flushed::More);
            }
            let (batch, lanes) = self.take();
            let Some(batch) = batch else {
                if lanes == Lanes::Short {
                    self.progress.notify_waiters();
                    return Ok(Flushed::Blocked);
                }
                if let Some(transport) = wrote {
                    transport.write_done();
                    self.progress.notify_waiters();
                }
                return Ok(Flushed::All);
            };
            let transport = batch.transport();
            let result = batch.with_slices(|slices| transport.try_write(slices, batch.descriptors()));
            self.put_back(batch, *result.as_ref().unwrap_or(&0));
            match result {
                Ok(count) => {
                    left = left.saturating_sub(count);
                    wrote = Some(transport);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.progress.notify_waiters();
                    return Ok(Flushed::Blocked);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next buffers to write, and what they were taken from. A short frame overtakes nothing that is in the socket,
    /// so little is put there while such are expected.
    fn take(&self) -> (Option<Batch>, Lanes) {
        let (mut queue, mut lanes) = (lock(&self.queue), Lanes::Both);
        if let Some(transport) = queue.is_beside().then(|| queue.transport()).flatten() {
            drop(queue);
            if !transport.has_room() {
                lanes = Lanes::Short;
            }
            queue = lock(&self.queue);
        }
        let (batch, spent) = (queue.take(lanes), queue.take_spent());
        drop(queue);
        drop(spent);
        (batch, lanes)
    }

    fn put_back(&self, batch: Batch, written: usize) {
        let mut queue = lock(&self.queue);
        queue.put_back(batch, written);
        // Those who wait see for themselves which kind of room there is; if it is not theirs they wait again.
        let (freed, spent) = (queue.take_awaited(), queue.take_spent());
        drop(queue);
        drop(spent);
        if freed {
            self.freed.notify_one();
        }
    }

    fn has_room_in(&self, queue: &Queue, length: usize) -> bool {
        let occupied = queue.occupied();
        queue.is_closed()
            || if is_long(length) {
                occupied.long < self.bounds.long
            } else {
                occupied.items < self.bounds.items && occupied.bytes < self.bounds.bytes
            }
    }

    /// True if there is room for a payload of this length; if there is not, [`freed`](Self::freed) resolves once there
    /// is.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        let mut queue = lock(&self.queue);
        let below = self.has_room_in(&queue, length);
        if !below {
            queue.await_room();
        }
        below
    }

    /// Waits until the queue is below its bounds again, after [`has_room`](Self::has_room) said that it is not.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// Writes whatever is queued, for as long as the link takes it, and returns why it does not any more.
    ///
    /// # Cancel safety
    /// Nothing is lost: what is not written stays queued.
    pub(crate) async fn run(&self) -> io::Error {
        loop {
            match self.try_flush() {
                Ok(Flushed::All) => self.queued.notified().await,
                Ok(Flushed::More) => yield_now().await,
                Ok(Flushed::Blocked) => {
                    self.blocked.store(true, Ordering::Release);
                    tokio::select! {
                        ready = self.writable() => if let Err(error) = ready {
                            self.close();
                            return error;
                        },
                        () = self.queued.notified() => {}
                    }
                }
                Err(error) => {
                    self.close();
                    return error;
                }
            }
        }
    }

    async fn writable(&self) -> io::Result<()> {
        let transport = lock(&self.queue).transport();
        match transport {
            Some(transport) => poll_fn(|cx| transport.poll_write_ready(cx)).await,
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Waits until there is room for a payload of this length, or the link has ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub(crate) async fn room(&self, length: usize) {
        self.wait_until(|queue| self.has_room_in(queue, length)).await;
    }

    /// Waits until less of this order's long payloads is queued than leaves at once, or the link has ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub(crate) async fn caught_up(&self, order: Order) {
        let done = |queue: &Queue| queue.is_closed() || queue.long_of(order) < LONG_BATCH;
        if !done(&lock(&self.queue)) {
            self.wait_until(done).await;
            // What has arrived is read first: a call, perhaps, whose answer would wait for all that is made now.
            yield_now().await;
        }
    }

    /// Waits until a short frame was written, or the link has ended. False if it was not.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub(crate) async fn written(&self, mark: Mark) -> bool {
        self.wait_until(|queue| queue.is_closed() || queue.is_written(mark)).await;
        lock(&self.queue).is_written(mark)
    }

    /// Waits until everything queued has been written, or the link has ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub(crate) async fn flushed(&self) {
        self.wake();
        self.wait_until(Queue::is_empty).await;
    }

    async fn wait_until(&self, done: impl Fn(&Queue) -> bool) {
        // Nearly always true: then nothing is registered.
        if done(&lock(&self.queue)) {
            return;
        }
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

    /// Bytes that wait to be written.
    pub(crate) fn queued(&self) -> usize {
        lock(&self.queue).bytes()
    }

    /// True if a frame may have left whole.
    pub(crate) fn has_left(&self, mark: Mark) -> bool {
        lock(&self.queue).has_left(mark)
    }

    /// True if a frame may have left whole, or may yet.
    pub(crate) fn may_leave(&self, mark: Mark) -> bool {
        let queue = lock(&self.queue);
        !queue.is_closed() || queue.has_left(mark)
    }

    /// Drops what is queued; nothing is written any more.
    pub(crate) fn close(&self) {
        let mut queue = lock(&self.queue);
        queue.close();
        let spent = queue.take_spent();
        drop(queue);
        drop(spent);
        self.progress.notify_waiters();
        self.freed.notify_one();
    }

    /// Ends our direction: the peer reads what was written, then the end.
    pub(crate) fn finish(&self) {
        self.close();
        let transport = lock(&self.queue).transport();
        if let Some(transport) = transport {
            transport.finish();
        }
    }

    /// Drops what is queued and lets go of the transport: nobody writes any more.
    pub(crate) fn release(&self) -> Option<Arc<dyn Transport>> {
        self.close();
        lock(&self.queue).release()
    }

    /// Ends both directions at once, and lets go of the transport: its descriptor does not wait for the last handle.
    pub(crate) fn abort(&self) {
        if let Some(transport) = self.release() {
            transport.abort();
        }
    }
}

#[cfg(test)]
mod tests;
