//! A session at work over a link: what both the parent's and the child's runtime do with frames.
//!
//! One mutex around the pure [`Session`] holds the call table; no user code runs under it. One-way messages are let in
//! by the peer's credit, which bounds how many of them are queued. Calls are let in by the peer's limits and by the
//! room in the queue: a call that is given up frees its place in the limits at once, but not in the queue. Answers wait
//! for room in the queue.

mod answer;
mod call;
mod control;
mod delivery;
mod item;
mod lane;
mod pulse;
mod receive;
mod scope;
mod send;
mod table;
mod told;
mod turns;

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use kinfolk_protocol::{CallId, ChildName, Codec, CodecError, Limits, Session, Untaken, Welcomed};
use serde::Serialize;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;

pub use self::answer::Answering;
pub use self::call::{CallOutcome, Calling, Manner};
pub use self::delivery::{Delivery, Known};
use self::lane::{Lane, Place};
pub use self::receive::{Asked, Letter, Received};
pub use self::scope::Scope;
pub use self::send::{SendCause, SendError, Sending};
use self::table::Table;
pub use self::table::{Admission, ShapeMismatch};
use self::told::{Introduced, Learned};
use self::turns::{Ticket, Turns};
use crate::attachments::{Arrived, Borrowing, Carrying, Lending, Packed, Trust};
use crate::sync::lock;
use crate::sys::{Bell, Board};
use crate::transport::Transport;
use crate::writer::{Bounds, Mark, Writer};

/// Beyond this answers wait in their handlers, and calls with their callers.
const QUEUE: Bounds = Bounds { items: 4_096, bytes: 4 << 20, long: 16 << 20 };

/// Who is at the other end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Peer {
    /// A child.
    Child(ChildName),
    /// The parent.
    Parent,
    /// Whoever has the other end of a port for this protocol.
    Port(&'static str),
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Child(name) => write!(f, "child `{name}`"),
            Self::Parent => f.write_str("the parent"),
            Self::Port(protocol) => write!(f, "the other end of the `{protocol}` port"),
        }
    }
}

/// The link has ended, or nothing new is let in any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Closed;

/// A link after its handshake.
pub struct Conn {
    peer: Peer,
    /// What the peer accepts.
    theirs: Limits,
    writer: Arc<Writer>,
    /// What we lend, and what we are lent.
    lending: Arc<Lending>,
    borrowing: Arc<Borrowing>,
    carrier: Carrying,
    state: Mutex<State>,
    /// The last of the peer's calls was answered.
    idle: Notify,
    /// The first call of ours after a rest was made.
    used: Notify,
    /// Whoever reads is at it: answers leave together when it is done.
    batching: AtomicBool,
    /// The message types the peer handles, once it has said so.
    welcomed: OnceLock<Table>,
    /// Where a child notes which calls of ours it has begun.
    their_board: OnceLock<Board>,
    /// What a child answers by beating on its board, until the link is aborted: a handle that is kept holds no
    /// descriptor.
    their_bell: Mutex<Option<Bell>>,
    /// Where we, a child, note which calls of our parent's we have begun.
    our_board: OnceLock<Board>,
    /// A child, and each end of a port, says by a frame that it begins a call where there is no board for it.
    reports_starts: bool,
    /// Calls of ours that were at work when the link ended.
    begun_at_end: AtomicUsize,
}

/// What is lent, and what we are lent, holds the writer: its queue would hold itself by what it is to lend, and a blob
/// that is kept its transport.
impl Drop for Conn {
    fn drop(&mut self) {
        self.writer.release();
    }
}

impl fmt::Debug for Conn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conn").field("peer", &self.peer).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    session: Session<Waiter, Job>,
    callers: Turns,
    long_callers: Turns,
    senders: Turns,
    /// Calls of the peer's that were cancelled, whose end it wants to know of.
    reporting: HashSet<CallId>,
    /// Calls whose items, and [`CallId::NONE`] if one-way messages, have credit to be given back once there is room.
    owed: HashSet<CallId>,
    /// Somebody wants to know of the next call of ours.
    resting: bool,
    introduced: Introduced,
    learned: Learned,
    /// Shared by every caller of ours that waits for items: so they are counted.
    streams: Arc<()>,
    closed: bool,
}

/// A caller of ours.
#[derive(Debug)]
struct Waiter {
    answer: oneshot::Sender<CallOutcome>,
    items: Option<Items>,
    /// Tells whether its call has left.
    mark: Mark,
    /// The peer has said that its handler has begun.
    started: bool,
    name: &'static str,
    tag: u64,
}

/// The way of items to their caller.
#[derive(Debug)]
struct Items {
    sender: mpsc::UnboundedSender<Arrived>,
    /// One of the [`State::streams`].
    _counted: Arc<()>,
}

impl State {
    /// True if no call of ours is in flight beside this one, but for such as wait for items.
    fn is_alone(&self) -> bool {
        self.session.in_flight() <= Arc::strong_count(&self.streams)
    }

    fn waiter(
        &self,
        manner: &Manner,
    ) -> (Waiter, oneshot::Receiver<CallOutcome>, Option<mpsc::UnboundedReceiver<Arrived>>) {
        let (answer, answered) = oneshot::channel();
        #[expect(clippy::disallowed_methods, reason = "the credit for items bounds it")]
        let (sender, received) = manner.items.then(mpsc::unbounded_channel).unzip();
        let items = sender.map(|sender| Items { sender, _counted: Arc::clone(&self.streams) });
        let Manner { name, tag, .. } = *manner;
        (Waiter { answer, items, mark: Mark::End(u64::MAX), started: false, name, tag }, answered, received)
    }
}

/// What runs for a call of the peer's.
#[derive(Debug, Default)]
struct Job {
    /// Drops the handler at its next `await`.
    abort: Option<AbortHandle>,
    /// Those who wait for credit for its items.
    turns: Turns,
}

impl Job {
    fn cancel(mut self) {
        if let Some(abort) = self.abort {
            abort.abort();
        }
        self.turns.dismiss();
    }
}

impl Conn {
    /// A connection on which we accept `ours` and the peer, which is trusted or not, accepts `theirs`. One task runs
    /// [`write`](Self::write), one reads frames and hands them to [`receive`](Self::receive).
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, peer: Peer, trust: Trust, ours: &Limits, theirs: &Limits) -> Self {
        let (ours, theirs) = (ours.within_ceiling(), theirs.within_ceiling());
        let session = Session::new(&ours, &theirs);
        let descriptors = transport.carries_descriptors();
        let writer = Arc::new(Writer::new(transport, QUEUE));
        let lending = Lending::new(Arc::clone(&writer), descriptors, &theirs);
        let borrowing = Borrowing::new(Arc::clone(&writer), trust, &ours);
        // A parent need not say: its children do not outlive it.
        let reports_starts = !matches!(peer, Peer::Child(_));
        Self {
            peer,
            theirs,
            writer,
            carrier: Carrying(Arc::clone(&lending)),
            lending,
            borrowing,
            state: Mutex::new(State {
                session,
                callers: Turns::default(),
                long_callers: Turns::default(),
                senders: Turns::default(),
                reporting: HashSet::new(),
                owed: HashSet::new(),
                resting: false,
                introduced: Introduced::new(),
                learned: Learned::default(),
                streams: Arc::default(),
                closed: false,
            }),
            idle: Notify::new(),
            used: Notify::new(),
            batching: AtomicBool::new(false),
            welcomed: OnceLock::new(),
            their_board: OnceLock::new(),
            their_bell: Mutex::default(),
            our_board: OnceLock::new(),
            reports_starts,
            begun_at_end: AtomicUsize::new(0),
        }
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Encodes a value that is to be sent, with what it takes along.
    ///
    /// # Errors
    /// The value cannot be expressed in the codec, or takes along what this link cannot carry.
    pub fn pack<C: Codec, T: Serialize>(&self, value: &T) -> Result<Packed, CodecError> {
        Packed::new::<C, T>(&self.carrier, value)
    }

    /// Writes whatever is queued until the link takes no more.
    ///
    /// # Cancel safety
    /// Nothing is lost: what is not written stays queued.
    pub async fn write(&self) -> io::Error {
        let let_in = async {
            loop {
                self.writer.freed().await;
                self.repay_owed();
                self.borrowing.give_back_owed();
                lock(&self.state).wake_callers();
            }
        };
        tokio::select! {
            biased;
            error = self.writer.run() => error,
            never = let_in => never,
        }
    }

    /// Remembers which message types the peer handles: others are refused where they are sent.
    pub fn welcome(&self, table: Vec<Welcomed>) {
        // A peer that says it twice is caught by the lifecycle; the first word holds.
        let _ = self.welcomed.set(Table::new(table));
    }

    /// Runs `turn` with its answers only queued: for the task that also writes, which does so once it has read all.
    pub fn batched<T>(&self, turn: impl FnOnce() -> T) -> T {
        self.batching.store(true, Ordering::Relaxed);
        let result = turn();
        self.batching.store(false, Ordering::Relaxed);
        result
    }

    /// True until [`close`](Self::close).
    #[must_use]
    pub fn is_open(&self) -> bool {
        !lock(&self.state).closed
    }

    /// Calls of ours without an answer.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        lock(&self.state).session.in_flight()
    }

    /// One-way messages of ours the peer has not given credit back for.
    #[must_use]
    pub fn untaken(&self) -> Vec<Untaken> {
        lock(&self.state).session.untaken()
    }

    /// Lets nothing new in: whoever waits for room, or comes later, learns that the link has ended. What has been let
    /// in is not touched.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.callers.dismiss();
        state.long_callers.dismiss();
        state.senders.dismiss();
    }

    /// Waits until every call of the peer's has been answered, or ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            idle.as_mut().enable();
            if lock(&self.state).session.running() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// Waits until everything queued has been written, or the link has ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn flushed(&self) {
        self.writer.flushed().await;
    }

    /// Writes what is queued without a runtime, for at most `limit`. True if all of it was written.
    pub fn flush_blocking(&self, limit: Duration) -> bool {
        self.writer.flush_blocking(limit)
    }

    /// Drops what is queued; nothing is written any more.
    pub fn drop_queue(&self) {
        self.writer.close();
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.writer.queued()
    }

    /// Ends our direction: the peer reads what was written, then the end.
    pub fn finish(&self) {
        self.writer.finish();
    }

    /// Ends both directions at once. Nothing may be received after it.
    pub fn abort(&self) {
        self.writer.abort();
        lock(&self.their_bell).take();
        self.lending.end();
        self.borrowing.end();
    }
}

#[cfg(test)]
mod tests;
