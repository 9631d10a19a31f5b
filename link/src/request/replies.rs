//! A request on its way to many replies.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::stream::{FusedStream, Stream};
use kinfolk_protocol::{ErrorOf, Message, Progress};
use tokio_util::sync::CancellationToken;

use super::asking::Asking;
use super::{Caller, CancelMode, Forceful};

/// The items a handler sends, in order, then the end; or an error, which is the last. The message is sent when the
/// stream is first polled.
///
/// A slow reader holds up its own call's handler alone, which waits once
/// [`Limits::items`](kinfolk_protocol::Limits::items) wait.
///
/// # Cancel safety
/// A dropped `next` loses no item. Dropping the stream cancels: the other side is told, and its handler is dropped at
/// its next `await`.
#[must_use = "a call is sent when its stream is polled"]
pub struct Replies<M: Message, C: Caller> {
    asking: Asking<M, C>,
    ended: bool,
}

impl<M: Message, C: Caller> fmt::Debug for Replies<M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replies").field("call", &self.asking).field("ended", &self.ended).finish()
    }
}

impl<M: Message, C: Caller> Replies<M, C> {
    pub(super) fn of(asking: Asking<M, C>) -> Self {
        Self { asking, ended: false }
    }

    /// Ends the stream as `Deadline` if its end has not come within `limit` of the first poll. See
    /// [`Request::deadline`](super::Request::deadline).
    ///
    /// # Panics
    /// When polled outside a tokio runtime with its timer enabled.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.asking.deadline(limit);
        self
    }

    /// Ends the stream as `Cancelled` when `token` is cancelled.
    pub fn cancel_on(mut self, token: CancellationToken) -> Self {
        self.asking.cancel_on(token);
        self
    }

    /// Keeps the message beyond its encoding, for [`take_message`](Self::take_message).
    pub fn keep_message(mut self) -> Self {
        self.asking.keep_message();
        self
    }

    /// The message, to ask somebody else: see [`Pending::take_message`](super::Pending::take_message).
    pub fn take_message(&mut self) -> Option<M> {
        self.asking.take_message()
    }

    /// See [`Request::tag`](super::Request::tag).
    pub fn tag(mut self, tag: u64) -> Self {
        self.asking.tag(tag);
        self
    }
}

impl<M: Message, C: Forceful> Replies<M, C> {
    /// See [`Request::cancel_mode`](super::Request::cancel_mode).
    pub fn cancel_mode(mut self, mode: CancelMode) -> Self {
        self.asking.cancel_mode(mode);
        self
    }
}

impl<M: Message, C: Caller> Stream for Replies<M, C> {
    type Item = Result<Progress<M>, C::Error<ErrorOf<M>>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        if let Some(item) = ready!(this.asking.poll_item(cx)) {
            this.ended = item.is_err();
            return Poll::Ready(Some(item));
        }
        let end = ready!(this.asking.poll_end(cx));
        this.ended = true;
        Poll::Ready(end.err().map(Err))
    }
}

impl<M: Message, C: Caller> FusedStream for Replies<M, C> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}
