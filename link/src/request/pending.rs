//! A request on its way to its one reply.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use kinfolk_protocol::{ErrorOf, Message, Progress, Reply};

use super::{Asking, Caller};

/// A call on its way.
///
/// # Cancel safety
/// Dropping it cancels: the other side is told, its handler is dropped at its next `await`, and a late reply is thrown
/// away.
#[must_use = "a call is sent when it is awaited"]
pub struct Pending<'a, M: Message, C: Caller> {
    asking: Asking<M, C>,
    progress: Option<Box<dyn FnMut(Progress<M>) + Send + 'a>>,
}

impl<M: Message, C: Caller> fmt::Debug for Pending<'_, M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pending").field(&self.asking).finish()
    }
}

impl<'a, M: Message, C: Caller> Pending<'a, M, C> {
    pub(super) fn new(asking: Asking<M, C>, progress: Option<Box<dyn FnMut(Progress<M>) + Send + 'a>>) -> Self {
        Self { asking, progress }
    }

    /// The message, to ask somebody else: if it was [kept](super::Request::keep_message), or the call ended before it
    /// was encoded. A call that is not over is given up.
    pub fn take_message(&mut self) -> Option<M> {
        self.asking.take_message()
    }
}

impl<M: Message, C: Caller> Future for Pending<'_, M, C> {
    type Output = Result<Reply<M>, C::Error<ErrorOf<M>>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(progress) = &mut this.progress {
            while let Some(item) = ready!(this.asking.poll_item(cx)) {
                match item {
                    Ok(item) => progress(item),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        }
        this.asking.poll_end(cx)
    }
}
