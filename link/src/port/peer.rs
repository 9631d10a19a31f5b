//! The other end of a port, as this one sees it.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use kinfolk_protocol::{Answered, Direction, Message, Protocol, Streamed, Towards, Unanswered};

use super::shared::{Close, Closed, Shared};
use crate::conn::{Scope, SendError};
use crate::request::{self, Asker};

/// A call over a port that is about to be made: `.await` it for the reply.
pub type Request<'a, M> = request::Request<'a, M, Asker>;
/// A call over a port on its way.
pub type Pending<'a, M> = request::Pending<'a, M, Asker>;
/// The replies of the other end of a port, as a stream.
pub type Replies<M> = request::Replies<M, Asker>;

/// The other end of a port, to which messages declared `D` are sent. Clones are cheap and mean the same link.
///
/// While there is a handle, or a call made by one, this end stays open. When the last one is dropped, an end without
/// handlers is closed as by [`close`](Self::close); one with handlers serves on until the other end is gone.
pub struct PeerHandle<D> {
    pub(super) shared: Arc<Shared>,
    asker: Asker,
    direction: PhantomData<fn() -> D>,
}

impl<D> Clone for PeerHandle<D> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), asker: self.asker.clone(), direction: PhantomData }
    }
}

impl<D: Direction> fmt::Debug for PeerHandle<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = <D::Protocol as Protocol>::NAME;
        f.debug_struct("PeerHandle").field("protocol", &protocol).field("sends", &D::WAY).finish_non_exhaustive()
    }
}

impl<D: Direction> PeerHandle<D> {
    /// For a handler, if there is a `scope`.
    pub(super) fn new(shared: &Arc<Shared>, scope: Option<&Scope>) -> Self {
        let kept: Arc<dyn Any + Send + Sync> = Arc::<Shared>::clone(shared);
        let asker = Asker::new(&shared.conn, scope).keeping(kept);
        Self { shared: Arc::clone(shared), asker, direction: PhantomData }
    }

    /// Asks the other end; await it for the reply. Waits for room while the other end has as many calls as it takes.
    ///
    /// # Errors
    /// [`CallError`](super::CallError): every call ends exactly once, and says how.
    ///
    /// # Cancel safety
    /// Dropping the future cancels: the other end is told, its handler is dropped at its next `await`, and a late reply
    /// is thrown away.
    ///
    /// # Examples
    /// ```
    /// # use std::time::Duration;
    /// # use kinfolk_link::port::{CallError, PeerHandle};
    /// # use kinfolk_protocol::{Answered, ErrorOf, Message, Reply};
    /// # async fn ask<M: Message<Contract: Answered>>(peer: PeerHandle<M::To>, resize: M)
    /// #     -> Result<Reply<M>, CallError<ErrorOf<M>>>
    /// # {
    /// let image = peer.request(resize).deadline(Duration::from_secs(2)).await?;
    /// # Ok(image)
    /// # }
    /// ```
    pub fn request<M>(&self, message: M) -> Request<'static, M>
    where
        M: Message,
        M::To: Towards<D>,
        M::Contract: Answered,
    {
        Request::new(self.asker.clone(), message)
    }

    /// Asks the other end for many replies: a stream of them.
    ///
    /// # Errors
    /// [`CallError`](super::CallError) as the last item, if the stream does not come to its end.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels.
    pub fn stream<M>(&self, message: M) -> Replies<M>
    where
        M: Message,
        M::To: Towards<D>,
        M::Contract: Streamed,
    {
        Replies::new(self.asker.clone(), message)
    }

    /// Sends a one-way message, waiting for room: the other end holds
    /// [`Limits::window`](kinfolk_protocol::Limits::window) of them until its handler has taken some. `Ok` means that
    /// it is queued and will be written in order, not that it was handled.
    ///
    /// # Errors
    /// [`SendError`] with the message and the reason.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, the message was not sent.
    pub async fn send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        M: Message,
        M::To: Towards<D>,
        M::Contract: Unanswered,
    {
        self.shared.conn.send(message).await
    }

    /// Sends a one-way message if there is room for it now.
    ///
    /// # Errors
    /// [`SendError`] with the message and the reason.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        M: Message,
        M::To: Towards<D>,
        M::Contract: Unanswered,
    {
        self.shared.conn.try_send(message)
    }

    /// True until one of the two ends closes the link, or is gone.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.conn.is_open()
    }

    /// Waits until the link has ended and every one-way message that came over it has been handled. Returns how it
    /// ended.
    ///
    /// A handler of one-way messages that waits for this waits for itself.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn closed(&self) -> Closed {
        let mut closed = self.shared.closed.clone();
        match closed.wait_for(Option::is_some).await {
            Ok(closed) => closed.clone().unwrap_or(Closed::Cut),
            // The driver says how before it goes; only its panic could keep it from that.
            Err(_) => Closed::Cut,
        }
    }

    /// Closes this end, also if there are further handles, and waits until that is done: nothing new is let in; what
    /// has been accepted is written, the calls and messages of the other end that are being handled are finished, and
    /// the other end has read it all. That takes [`grace`](super::Peering::grace) at most; then the link is cut. Calls
    /// of this end that have no answer by then end as `Disconnected`: await first what is still wanted. Returns
    /// how the link ended.
    ///
    /// A handler that waits for this waits for itself, until the grace is over.
    ///
    /// # Cancel safety
    /// Dropped after it was polled, the link closes all the same.
    pub async fn close(&self) -> Closed {
        // One is as good as many: a place that is taken says so already.
        let _ = self.shared.close.try_send(Close);
        self.closed().await
    }
}
