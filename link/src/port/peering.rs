//! Everything that may be set about one end of a port before it is opened.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_protocol::{Answer, Direction, Failure, Greeting, Limits, Message, MessageName, Port, Protocol, Towards};
use tokio::sync::{mpsc, watch};

use super::cx::Cx;
use super::driver::{self, Rejected, Terms};
use super::opening::{OpenError, Opened, open};
use super::peer::PeerHandle;
use super::shared::Shared;
use crate::attachments::Trust;
use crate::conn::{Conn, Peer};
use crate::handlers::Handlers;

/// Handlers at work at once, unless [`Peering::concurrency`] says otherwise.
const CONCURRENCY: usize = 256;
/// How long the other end may take to open, unless [`Peering::open_within`] says otherwise.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// How long closing may take, unless [`Peering::grace`] says otherwise.
const GRACE: Duration = Duration::from_secs(5);

/// One end of a port that is about to be opened, with its handlers. Each end may be opened in any process with a tokio
/// runtime: in a child, or in their parent.
///
/// ```
/// # use kinfolk_link::port::{OpenError, PeerHandle, Peering};
/// # use kinfolk_protocol::{Answer, Direction, Message, OneWay, Port, Towards};
/// # async fn example<D: Direction, M: Message<Contract = OneWay>>(port: Port<D>) -> Result<PeerHandle<D>, OpenError>
/// # where M::To: Towards<D::Back>
/// # {
/// let peer = Peering::new(port)
///     .on_message(|_, message: M| async move { drop(message) })
///     .open()
///     .await?;
/// # Ok(peer)
/// # }
/// ```
#[must_use = "a port is opened by `open`"]
pub struct Peering<D: Direction> {
    port: Port<D>,
    handlers: Handlers<Arc<Shared>>,
    rejected: Option<Rejected>,
    limits: Limits,
    trust: Trust,
    concurrency: usize,
    open_within: Duration,
    grace: Duration,
}

impl<D: Direction> fmt::Debug for Peering<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peering").field("port", &self.port).field("handlers", &self.handlers).finish_non_exhaustive()
    }
}

impl<D: Direction> Peering<D> {
    /// For `port`, with no handlers so far.
    pub fn new(port: Port<D>) -> Self {
        Self {
            port,
            handlers: Handlers::default(),
            rejected: None,
            limits: <D::Protocol as Protocol>::LIMITS,
            trust: Trust::Untrusted,
            concurrency: CONCURRENCY,
            open_within: OPEN_WITHIN,
            grace: GRACE,
        }
    }

    /// Handles messages of type `M` from the other end: a closure or a plain `async fn`, which returns `()` for a
    /// one-way message and `Result<Reply, Error>` for a call.
    ///
    /// Calls run at once, up to [`concurrency`](Self::concurrency); one-way messages are handled one after another, in
    /// the order they were sent. When a call is cancelled its handler is dropped at its next `await`. A handler that
    /// computes for long without an `await` holds up everything else on its thread: use
    /// [`tokio::task::spawn_blocking`].
    ///
    /// # Panics
    /// If there is a handler for `M::NAME` already.
    pub fn on_message<M, F, Fut>(mut self, handler: F) -> Self
    where
        M: Message,
        M::To: Towards<D::Back>,
        F: Fn(Cx<M>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        self.handlers.add(move |shared, scope, message| handler(Cx::new(shared, scope), message));
        self
    }

    /// Tells `f` of each one-way message to the other end that was not handled there: it did not decode, or its handler
    /// panicked. `f` runs on the task that reads the link, and is not to block. By default nobody is told.
    pub fn on_rejected(mut self, f: impl Fn(MessageName, Failure) + Send + Sync + 'static) -> Self {
        self.rejected = Some(Box::new(f));
        self
    }

    /// What this end accepts from the other one. Default: [`Protocol::LIMITS`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Has this end read large blobs where the other end put them, in memory both share, instead of copying each once.
    /// Default: not trusted.
    ///
    /// # What the caller vouches for
    /// The program at the other end does not write to a blob's memory after it has sent it. That would change bytes
    /// behind a `&[u8]` of this end's, which is undefined behaviour in Rust. It is true of every program that uses
    /// kinfolk and runs no foreign code: say it of programs of your own only.
    ///
    /// This is not `unsafe`, because the undefined behaviour would be another process's doing, as with any memory that
    /// is shared with it: no code of this program can break the promise, and the type system cannot see the other one.
    pub fn trusted(mut self) -> Self {
        self.trust = Trust::Trusted;
        self
    }

    /// How many handlers of calls may be at work at once; further calls wait for them. Too low: calls wait although
    /// their handlers would only wait too. Too high: all hold their memory at once. Default: 256. At least 1.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    /// How long [`open`](Self::open) waits for the other end to be opened too. Too short: a process that is still
    /// starting, or busy, is given up. Too long: a process that will never open it is noticed late, unless it ends.
    /// Default: 10 s.
    pub fn open_within(mut self, limit: Duration) -> Self {
        self.open_within = limit;
        self
    }

    /// How long closing may take: what has been accepted is written, what is being handled is finished. Too short:
    /// that is cut off. Too long: a peer that does not read holds up whoever closes. Default: 5 s.
    pub fn grace(mut self, limit: Duration) -> Self {
        self.grace = limit;
        self
    }

    /// Opens this end, waiting for the other one to be opened too.
    ///
    /// # Errors
    /// [`OpenError`]: the two ends do not go together, or there is nobody at the other one.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer and its driver for I/O enabled.
    ///
    /// # Cancel safety
    /// Dropping the future drops the port: the other end learns that this one is gone.
    pub async fn open(self) -> Result<PeerHandle<D>, OpenError> {
        let Self { port, handlers, rejected, limits, trust, concurrency, open_within, grace } = self;
        let ours = Greeting::of::<D>(limits, handlers.welcomed());
        let Opened { transport, reader, theirs } = open(port.into_stream(), &ours, open_within).await?;
        let peer = Peer::Port(<D::Protocol as Protocol>::NAME);
        let conn = Arc::new(Conn::new(transport, peer, trust, &limits, &theirs.limits));
        conn.welcome(theirs.welcomed);
        let (close, wishes) = mpsc::channel(1);
        let (told, closed) = watch::channel(None);
        let shared = Arc::new(Shared { conn, close, closed });
        driver::start(&shared, Terms { handlers, concurrency, grace, rejected }, reader, wishes, told);
        Ok(PeerHandle::new(&shared, None))
    }
}
