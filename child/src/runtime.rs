//! What the tasks of a child share, and the task that reads its link.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::available_parallelism;

use kinfolk_link::{Conn, Frame, Known, LinkError, Reader, Received, lock};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, watch};

use crate::lane::Lane;
use crate::orphan;

/// Where frames for handlers go, once there are handlers.
pub(crate) trait Dispatch: fmt::Debug + Send + Sync {
    /// Takes what [`Conn::receive`] left to the runtime.
    fn dispatch(&self, runtime: &Arc<Runtime>, received: Received, start: Start);
    /// Takes no further one-way messages: those that were taken are still handled.
    fn close(&self);
}

/// How a handler starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// On a task of its own.
    Spawned,
    /// At once, as far as its first wait; only if it waits does it get a task.
    AtOnce,
}

impl Start {
    /// On a single thread it makes no difference to others who polls a handler first, and a handler that never waits
    /// needs no task. On several threads a task of its own is what lets another thread have it.
    fn of_this_runtime() -> Self {
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => Self::AtOnce,
            _ => Self::Spawned,
        }
    }
}

/// Threads for handlers that compute, and permits for them.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) lane: Lane,
    count: u32,
}

impl Threads {
    pub(crate) fn new(count: usize) -> Self {
        // More cannot be asked for at once, and would be of no use.
        let count = count.min(Semaphore::MAX_PERMITS).min(u32::MAX as usize);
        Self { permits: Arc::new(Semaphore::new(count)), lane: Lane::new(count), count: count as u32 }
    }
}

/// How far the link has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Messages travel.
    Open,
    /// The parent wants us to finish and leave.
    Draining,
    /// The parent is gone.
    Gone,
}

/// Shared by everything that runs in a child.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) conn: Arc<Conn>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) handlers: OnceLock<Box<dyn Dispatch>>,
    /// Permits for async handlers; threads for those that compute.
    pub(crate) calls: OnceLock<Arc<Semaphore>>,
    pub(crate) threads: OnceLock<Threads>,
    /// How the driver starts handlers.
    start: Start,
    ready: AtomicBool,
    /// What came before there were handlers.
    early: Mutex<Vec<Received>>,
}

impl Runtime {
    pub(crate) fn new(conn: Arc<Conn>) -> Arc<Self> {
        Arc::new(Self {
            conn,
            phase: watch::Sender::new(Phase::Open),
            handlers: OnceLock::new(),
            calls: OnceLock::new(),
            threads: OnceLock::new(),
            start: Start::of_this_runtime(),
            ready: AtomicBool::new(false),
            early: Mutex::default(),
        })
    }

    /// Reads and writes until the link ends. Reading never waits for writing: what is read is answered in one write
    /// when nothing more has arrived.
    pub(crate) async fn drive(self: Arc<Self>, mut reader: Reader) {
        let conn = Arc::clone(&self.conn);
        let write = conn.write();
        tokio::pin!(write);
        let mut writing = true;
        loop {
            let received = tokio::select! {
                biased;
                frame = reader.next() => frame,
                _ = &mut write, if writing => {
                    // Nothing is sent any more; what the parent sent before it ended is still to be read.
                    self.conn.close();
                    writing = false;
                    continue;
                }
            };
            match received.and_then(|frame| self.take(frame)) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    // A link that ended within a frame was cut, and is not to look like a parent's death.
                    if matches!(error, LinkError::Misbehaved(_)) {
                        self.conn.abort();
                    }
                    report(&error);
                    break;
                }
            }
        }
        self.conn.close();
        self.conn.end_calls(Known::Part);
        // Nobody writes any more, so nobody may wait for it.
        self.conn.drop_queue();
        self.phase.send_replace(Phase::Gone);
    }

    /// True if the link goes on.
    fn take(self: &Arc<Self>, frame: Option<Frame>) -> Result<bool, LinkError> {
        let Some(frame) = frame else { return Ok(false) };
        match self.conn.receive(frame)? {
            Received::Handled => {}
            Received::Drain => {
                self.phase.send_if_modified(|phase| {
                    let open = *phase == Phase::Open;
                    *phase = Phase::Draining;
                    open
                });
            }
            received @ (Received::Call(_) | Received::Message(_)) => self.dispatch(received),
            // What only a child says means nothing from a parent.
            _ => {}
        }
        Ok(true)
    }

    /// Hands a frame to the handlers, or keeps it until there are some: a parent may answer a message of ours before
    /// we are ready. The limits bound what is kept.
    fn dispatch(self: &Arc<Self>, received: Received) {
        let mut early = lock(&self.early);
        match self.handlers.get() {
            Some(handlers) => {
                drop(early);
                handlers.dispatch(self, received, self.start);
            }
            None => early.push(received),
        }
    }

    /// Puts the handlers to use, first for what came early.
    pub(crate) fn open(self: &Arc<Self>, handlers: Box<dyn Dispatch>) {
        let mut early = lock(&self.early);
        for received in early.drain(..) {
            // Not at once: the lock is held, which keeps what comes later behind.
            handlers.dispatch(self, received, Start::Spawned);
        }
        // `run` is called once per link, so the place is free.
        let _ = self.handlers.set(handlers);
    }

    /// Threads that compute: as many as there are processors, unless the program says otherwise. Counting those reads
    /// a dozen files, so it is left to the first who needs one.
    pub(crate) fn threads(&self) -> &Threads {
        self.threads.get_or_init(|| Threads::new(available_parallelism().map_or(1, usize::from)))
    }

    /// Waits until no thread computes any more, for a call that was cancelled either: it cleans up, perhaps.
    pub(crate) async fn threads_done(&self) {
        if let Some(Threads { permits, count, .. }) = self.threads.get() {
            // They are never closed.
            let _ = permits.acquire_many(*count).await;
        }
    }

    /// READY has been sent: what goes wrong from now on is no failure of the initialization.
    pub(crate) fn mark_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    pub(crate) fn was_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Ends our direction of the link, after everything was written. Not if the parent has ended its own: with both
    /// ended, the link looks as if the parent had died.
    pub(crate) fn finish(&self) {
        if *self.phase.borrow() != Phase::Gone && !orphan::parent_has_finished() {
            self.conn.finish();
        }
    }

    /// Waits until the parent wants us to leave, or is gone.
    pub(crate) async fn until_leaving(&self) -> Phase {
        let mut phase = self.phase.subscribe();
        // The sender lives in `self`, so the wait can only end by the phase.
        phase.wait_for(|phase| *phase != Phase::Open).await.map_or(Phase::Gone, |phase| *phase)
    }

    /// Waits until the parent is gone.
    pub(crate) async fn until_gone(&self) {
        let _ = self.phase.subscribe().wait_for(|phase| *phase == Phase::Gone).await;
    }
}

/// A parent that breaks its own protocol cannot be told so: its child's log can.
fn report(error: &LinkError) {
    #[expect(clippy::print_stderr, reason = "the link is gone, and this is the child's log")]
    {
        eprintln!("kinfolk: the link to the parent ended: {error}");
    }
}
