//! A typed call, from its message to its reply: the same for a parent's calls and for a child's.

mod asker;
mod asking;
mod error;
mod pending;
mod replies;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_protocol::{Answered, CallId, ErrorOf, Message, PanicInfo, Progress, Streamed};
use tokio_util::sync::CancellationToken;

pub use self::asker::Asker;
use self::asking::Asking;
pub use self::error::{CallError, CallSite};
pub use self::pending::Pending;
pub use self::replies::Replies;
use crate::ambient::Ambient;
use crate::conn::{Conn, Delivery, ShapeMismatch};

/// Whose calls they are: the parent's, which know a child's exit report, or a child's.
pub trait Caller: fmt::Debug + Clone + Send + Sync + Unpin + 'static {
    /// How a call ends without a reply, `E` being the message's own error.
    type Error<E>;
    /// The link, once there is one.
    fn conn(&self) -> Option<&Arc<Conn>>;
    /// The call of the peer's on whose behalf calls are made.
    fn cause(&self) -> Option<CallId>;
    /// What calls inherit without being told.
    fn ambient(&self) -> Ambient {
        Ambient::current()
    }
    /// An end in the caller's own words.
    fn error<E>(&self, message: &'static str, end: End<E>) -> Self::Error<E>;
    /// `call` was given up: its handler must have ended within `grace`.
    fn condemn(&self, call: CallId, grace: Duration);
}

/// A caller that can end its peer by force.
pub trait Forceful: Caller {}

/// How a call ended without a reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum End<E> {
    /// The handler's own error.
    App(E),
    /// Nobody answered in time.
    Deadline {
        /// How long was waited.
        after: Duration,
        /// How far the call had come.
        delivery: Delivery,
    },
    /// The caller's token was cancelled.
    Cancelled {
        /// How far the call had come.
        delivery: Delivery,
    },
    /// The handler panicked.
    Panicked(PanicInfo),
    /// There is no handler for it.
    Unsupported,
    /// The peer means something else by it.
    ShapeMismatch(Box<ShapeMismatch>),
    /// The message cannot be delivered, in words.
    BadMessage(String),
    /// The reply, or an item before it, cannot be read, in words.
    BadReply(String),
    /// The link ended.
    Lost(Delivery),
}

impl<E> End<E> {
    /// In one word, for logs.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::App(_) => "declined",
            Self::Deadline { .. } => "deadline",
            Self::Cancelled { .. } => "cancelled",
            Self::Panicked(_) => "panicked",
            Self::Unsupported => "unsupported",
            Self::ShapeMismatch(_) => "shape mismatch",
            Self::BadMessage(_) => "bad message",
            Self::BadReply(_) => "bad reply",
            Self::Lost(_) => "lost",
        }
    }
}

/// What happens to the handler of a call that is given up: by dropping its future, by its token, or at its deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CancelMode {
    /// It is dropped at its next `await`; a computation is asked to stop and goes on until it asks
    /// `job.check()` or `job.is_cancelled()`.
    #[default]
    Cooperative,
    /// If it has not ended after this long the child is killed. Other calls to it end as `Exited`, with how far each
    /// had come.
    KillAfter(Duration),
}

/// A call that is about to be made: `.await` it for the reply.
#[must_use = "a call is sent when it is awaited"]
pub struct Request<'a, M: Message, C: Caller> {
    asking: Asking<M, C>,
    progress: Option<Box<dyn FnMut(Progress<M>) + Send + 'a>>,
}

impl<M: Message, C: Caller> fmt::Debug for Request<'_, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Request").field(&self.asking).finish()
    }
}

impl<M: Message<Contract: Answered>, C: Caller> Request<'static, M, C> {
    /// A call of `message` by `caller`.
    pub fn new(caller: C, message: M) -> Self {
        Self { asking: Asking::new(caller, message), progress: None }
    }
}

impl<'a, M: Message, C: Caller> Request<'a, M, C> {
    /// Ends the call as `Deadline` if there is no answer within `limit` of the first poll, whatever the other side
    /// does;
    /// it is told that nobody waits any more. The time that is left travels with the call: the handler sees it as
    /// `cx.deadline()`, and calls the handler makes end by then. Within a handler the deadline of its own call holds if
    /// it is earlier. Without any, a call is bounded by its child's life.
    ///
    /// # Panics
    /// When polled outside a tokio runtime with its timer enabled.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.asking.deadline(limit);
        self
    }

    /// Ends the call as `Cancelled` when `token` is cancelled.
    pub fn cancel_on(mut self, token: CancellationToken) -> Self {
        self.asking.cancel_on(token);
        self
    }

    /// What the call is told by where the handlers of upcalls see on whose behalf they are made. It is not sent.
    pub fn tag(mut self, tag: u64) -> Self {
        self.asking.tag(tag);
        self
    }

    /// Keeps the message beyond its encoding, for [`Pending::take_message`].
    pub fn keep_message(mut self) -> Self {
        self.asking.keep_message();
        self
    }

    /// Calls `f` with each progress value, in order, all of them before the reply. It runs on the task that polls this
    /// call, and may borrow what lives there. A slow one holds up its own call's handler alone, which waits once
    /// [`Limits::items`](kinfolk_protocol::Limits::items) wait. Without it progress is dropped as it comes.
    pub fn on_progress<'b>(self, f: impl FnMut(Progress<M>) + Send + 'b) -> Request<'b, M, C>
    where
        'a: 'b,
    {
        Request { asking: self.asking.with_items(), progress: Some(Box::new(f)) }
    }
}

impl<M: Message, C: Forceful> Request<'_, M, C> {
    /// What happens to the handler if this call is given up. Default: [`CancelMode::Cooperative`].
    pub fn cancel_mode(mut self, mode: CancelMode) -> Self {
        self.asking.cancel_mode(mode);
        self
    }
}

impl<'a, M: Message, C: Caller> IntoFuture for Request<'a, M, C> {
    type Output = Result<kinfolk_protocol::Reply<M>, C::Error<ErrorOf<M>>>;
    type IntoFuture = Pending<'a, M, C>;

    fn into_future(self) -> Pending<'a, M, C> {
        Pending::new(self.asking, self.progress)
    }
}

impl<M: Message<Contract: Streamed>, C: Caller> Replies<M, C> {
    /// A stream of what the handler of `message` sends.
    pub fn new(caller: C, message: M) -> Self {
        Self::of(Asking::new(caller, message).with_items())
    }
}
