//! What a handler of one end of a port has at hand besides its message.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Instant;

use kinfolk_protocol::{Direction, Message, Progress};

use super::peer::PeerHandle;
use super::shared::Shared;
use crate::conn::Scope;

/// The surroundings of one handler at work: its caller, and the other end of the port.
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
        f.debug_struct("Cx").field("message", &M::NAME).finish_non_exhaustive()
    }
}

impl<M: Message> Cx<M> {
    pub(super) fn new(shared: Arc<Shared>, scope: Option<Arc<Scope>>) -> Self {
        Self { shared, scope, message: PhantomData }
    }

    /// Sends progress, or an item of a stream, to whoever asked; waits while
    /// [`Limits::items`](kinfolk_protocol::Limits::items) of them have not been taken. They arrive in order, before the
    /// reply.
    ///
    /// It returns nothing, since there is nothing to decide: when the caller has stopped waiting, the handler is
    /// dropped at its next `await`, this one included. An item that cannot be encoded ends the call as `BadReply`.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, nothing was sent.
    pub async fn send(&self, item: Progress<M>) {
        if let Some(scope) = &self.scope {
            // The runtime drops the handler of a call that is over.
            let _ = scope.item::<M>(&item).await;
        }
    }

    /// When the caller stops waiting, if it has set a deadline. Calls made by this handler inherit it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.scope.as_ref().and_then(|scope| scope.deadline())
    }

    /// The other end, to ask it back. Calls made by this handle end by the deadline of this one, wherever they are
    /// polled.
    #[must_use]
    pub fn peer(&self) -> PeerHandle<<M::To as Direction>::Back> {
        PeerHandle::new(&self.shared, self.scope.as_deref())
    }
}
