//! The parent, as its child sees it.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use kinfolk_link::{Asker, Scope, SendError, Sending};
use kinfolk_protocol::{Answered, Message, Protocol, Streamed, ToParent, Towards, Unanswered};

use crate::runtime::Runtime;

/// A call to the parent that is about to be made: `.await` it for the reply.
pub type Request<'a, M> = kinfolk_link::Request<'a, M, Asker>;
/// A call to the parent on its way.
pub type Pending<'a, M> = kinfolk_link::Pending<'a, M, Asker>;
/// The replies of the parent, as a stream.
pub type Replies<M> = kinfolk_link::Replies<M, Asker>;

/// The parent, as a child sees it. Clones are cheap and mean the same parent.
pub struct ParentHandle<P: Protocol> {
    pub(crate) runtime: Arc<Runtime>,
    asker: Asker,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol> Clone for ParentHandle<P> {
    fn clone(&self) -> Self {
        Self { runtime: Arc::clone(&self.runtime), asker: self.asker.clone(), protocol: PhantomData }
    }
}

impl<P: Protocol> fmt::Debug for ParentHandle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParentHandle").field("protocol", &P::NAME).finish_non_exhaustive()
    }
}

impl<P: Protocol> ParentHandle<P> {
    pub(crate) fn new(runtime: &Arc<Runtime>) -> Self {
        Self::within(runtime, None)
    }

    /// For a handler.
    pub(crate) fn within(runtime: &Arc<Runtime>, scope: Option<&Scope>) -> Self {
        let asker = Asker::new(&runtime.conn, scope);
        Self { runtime: Arc::clone(runtime), asker, protocol: PhantomData }
    }

    /// A `tracing` layer that ships this program's log to its parent.
    ///
    /// ```
    /// # fn example<P: kinfolk_protocol::Protocol>(me: &kinfolk_child::Me<P>) {
    /// use tracing_subscriber::layer::SubscriberExt;
    /// let subscriber = tracing_subscriber::registry().with(me.parent().logs());
    /// // A second try would be refused: a program has one.
    /// let _ = tracing::subscriber::set_global_default(subscriber);
    /// # }
    /// ```
    #[cfg(feature = "tracing")]
    #[must_use]
    pub fn logs(&self) -> crate::logs::ShipLogs {
        crate::logs::ShipLogs::new(&self.runtime.conn)
    }

    /// Asks the parent; await it for the reply. Its spec has the handlers, which are there from the initialization on.
    /// Waits for room while the parent has as many calls as it takes.
    ///
    /// # Errors
    /// [`CallError`](crate::CallError): every call ends exactly once, and says how.
    ///
    /// # Cancel safety
    /// Dropping the future cancels: the parent is told, its handler is dropped at its next `await`, and a late reply is
    /// thrown away.
    pub fn request<M>(&self, message: M) -> Request<'static, M>
    where
        M: Message,
        M::To: Towards<ToParent<P>>,
        M::Contract: Answered,
    {
        Request::new(self.asker.clone(), message)
    }

    /// Asks the parent for many replies: a stream of them.
    ///
    /// # Errors
    /// [`CallError`](crate::CallError) as the last item, if the stream does not come to its end.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels.
    pub fn stream<M>(&self, message: M) -> Replies<M>
    where
        M: Message,
        M::To: Towards<ToParent<P>>,
        M::Contract: Streamed,
    {
        Replies::new(self.asker.clone(), message)
    }

    /// Sends a one-way message, waiting for room: the parent holds [`Limits::window`](kinfolk_protocol::Limits) of
    /// them until its handler has taken some. `Ok` means that it is queued and will be written in order, also when the
    /// process exits right after.
    ///
    /// # Errors
    /// [`SendError`] with the message and the reason.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, the message was not sent.
    pub fn send<M>(&self, message: M) -> Sending<M>
    where
        M: Message,
        M::To: Towards<ToParent<P>>,
        M::Contract: Unanswered,
    {
        self.runtime.conn.send(message)
    }

    /// Sends a one-way message if there is room for it now.
    ///
    /// # Errors
    /// [`SendError`] with the message and the reason.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        M: Message,
        M::To: Towards<ToParent<P>>,
        M::Contract: Unanswered,
    {
        self.runtime.conn.try_send(message)
    }

    /// True until the link has ended.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.runtime.conn.is_open()
    }

    /// Waits until the link has ended: the parent is gone, or has cut it.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn disconnected(&self) {
        self.runtime.until_gone().await;
    }
}
