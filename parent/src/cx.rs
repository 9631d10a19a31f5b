//! What a parent's handler has at hand besides its message.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use kinfolk_link::Scope;
use kinfolk_protocol::{Message, Progress, Protocol, ToParent};

use crate::child::Child;
use crate::shared::Shared;

/// The surroundings of one handler at work: the child the message came from, and on whose behalf.
pub struct Cx<M> {
    shared: Arc<Shared>,
    /// None for a one-way message.
    scope: Option<Arc<Scope>>,
    message: PhantomData<fn() -> M>,
}

impl<M> Clone for Cx<M> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), scope: self.scope.clone(), message: PhantomData }
    }
}

impl<M: Message> fmt::Debug for Cx<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("message", &M::NAME).field("child", &self.shared.name).finish()
    }
}

/// A call of this parent's on whose behalf a child asks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cause {
    /// The name of its message's type.
    pub message: &'static str,
    /// What [`Request::tag`](kinfolk_link::Request::tag) gave it, or 0.
    pub tag: u64,
}

impl<M: Message> Cx<M> {
    pub(crate) fn new(shared: Arc<Shared>, scope: Option<Arc<Scope>>) -> Self {
        Self { shared, scope, message: PhantomData }
    }

    /// The call of this parent's whose handler asks, if it is one that asks and the call is not over: a child may also
    /// ask at any other time.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        let call = self.scope.as_ref()?.cause()?;
        let (message, tag) = self.shared.conn.get()?.call_tag(call)?;
        Some(Cause { message, tag })
    }

    /// Sends progress, or an item of a stream, to the child that asked; waits while
    /// [`Limits::items`](kinfolk_protocol::Limits::items) of them have not been taken.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, nothing was sent.
    pub async fn send(&self, item: Progress<M>) {
        if let Some(scope) = &self.scope {
            // The runtime drops the handler of a call that is over.
            let _ = scope.item::<M>(&item).await;
        }
    }

    /// When the child stops waiting, if it has set a deadline or has inherited one. Calls made by this handler, to
    /// whichever child, inherit it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.scope.as_ref().and_then(|scope| scope.deadline())
    }
}

impl<P: Protocol, M: Message<To = ToParent<P>>> Cx<M> {
    /// The child the message came from. A handler that waits for its end (`shutdown`, `kill`, `wait`) waits for
    /// itself, for one grace: leave that to another task. The same holds for a call to a child that is not ready yet:
    /// it
    /// is answered once the child is, which may be waiting for this handler.
    #[must_use]
    pub fn child(&self) -> Child<P> {
        Child::new(Arc::clone(&self.shared))
    }
}
