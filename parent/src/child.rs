//! The handle of a child.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use kinfolk_link::{Conn, SendError, Sending};
use kinfolk_protocol::{Answered, ChildName, Message, Protocol, Streamed, ToChild, Towards, Unanswered};

use crate::events::Events;
use crate::report::{ExitReport, Why};
use crate::request::{Asker, Replies, Request};
use crate::shared::{Shared, Wish};

/// A child that speaks `P`. Clones are cheap and mean the same child; dropping them all does nothing to it, since its
/// [`Parent`](crate::Parent) owns it.
pub struct Child<P: Protocol> {
    shared: Arc<Shared>,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol> Clone for Child<P> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl<P: Protocol> fmt::Debug for Child<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("name", self.name())
            .field("pid", &self.pid())
            .field("protocol", &P::NAME)
            .finish()
    }
}

impl<P: Protocol> Child<P> {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, protocol: PhantomData }
    }

    /// What its spec called it.
    #[must_use]
    pub fn name(&self) -> &ChildName {
        &self.shared.name
    }

    /// Its process id. After it has ended the number may come to mean another process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.shared.process.pid()
    }

    /// Sends a one-way message, waiting for room: the child holds [`Limits::window`](kinfolk_protocol::Limits) of
    /// them until its handler has taken some. `Ok` means that it is queued and will be written in order, not that it
    /// was handled; the exit report counts what the child has not confirmed. One-way messages of one sender are handled
    /// in order; a call that is made after them may overtake them.
    ///
    /// # Errors
    /// [`SendError`] with the message and the reason.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, the message was not sent.
    pub fn send<M>(&self, message: M) -> Sending<M>
    where
        M: Message,
        M::To: Towards<ToChild<P>>,
        M::Contract: Unanswered,
    {
        self.conn().send(message)
    }

    /// Sends a one-way message if there is room for it now.
    ///
    /// # Errors
    /// [`SendError`] with the message and the reason; [`SendCause::Full`](kinfolk_link::SendCause::Full) if the child
    /// has not taken those before it.
    pub fn try_send<M>(&self, message: M) -> Result<(), SendError<M>>
    where
        M: Message,
        M::To: Towards<ToChild<P>>,
        M::Contract: Unanswered,
    {
        self.conn().try_send(message)
    }

    /// Asks the child; await it for the reply. Waits for room while the child has as many calls as it takes.
    ///
    /// # Errors
    /// [`CallError`](crate::CallError): every call ends exactly once, and says how.
    ///
    /// # Cancel safety
    /// Dropping the future cancels: the child is told, its handler is dropped at its next `await`, and a late reply is
    /// thrown away.
    pub fn request<M>(&self, message: M) -> Request<'static, M>
    where
        M: Message,
        M::To: Towards<ToChild<P>>,
        M::Contract: Answered,
    {
        Request::new(Asker(Arc::clone(&self.shared)), message)
    }

    /// Asks the child for many replies: a stream of them, with credits, so that a slow reader holds up nothing but the
    /// handler that sends them.
    ///
    /// # Errors
    /// [`CallError`](crate::CallError) as the last item, if the stream does not come to its end.
    ///
    /// # Cancel safety
    /// Dropping the stream cancels: the child is told, and its handler is dropped at its next `await`.
    pub fn stream<M>(&self, message: M) -> Replies<M>
    where
        M: Message,
        M::To: Towards<ToChild<P>>,
        M::Contract: Streamed,
    {
        Replies::new(Asker(Arc::clone(&self.shared)), message)
    }

    /// What happens to it: its lifecycle from its start on, and the rest from what not every reader before has seen.
    /// Messages without a handler wait for a reader: without any, the child's `send` waits once the window is full.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(&self.shared))
    }

    /// True while messages travel: it is ready, and its link has not ended and is not being drained.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.conn().is_open()
    }

    /// Wants the child to finish what it has begun and to end its link; nothing new is let in from now on. Returns at
    /// once: [`ChildEvent::Disconnected`](crate::ChildEvent::Disconnected) tells when it has, after its grace at the
    /// latest. A child without a link has the grace once more to end by itself.
    pub fn disconnect(&self) {
        self.shared.wish(Wish::Disconnect);
    }

    /// Kills the child and its group at once, and waits for its end. Calls that are open end as
    /// [`CallError::Exited`](crate::CallError::Exited).
    ///
    /// # Cancel safety
    /// Dropping the future does not take the kill back; it happens at the first poll.
    pub async fn kill(&self) -> Arc<ExitReport> {
        self.shared.end(Why::Killed);
        self.wait().await
    }

    /// Ends the child: it finishes what it has begun and leaves; if it does not within its grace its group is asked by
    /// SIGTERM, and after another grace killed.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the shutdown back.
    pub async fn shutdown(&self) -> Arc<ExitReport> {
        self.shared.wish(Wish::Shutdown);
        self.wait().await
    }

    /// Waits until the child has ended, however long it lives.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn wait(&self) -> Arc<ExitReport> {
        self.shared.until_ended().await
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// How many handlers may be at work there for calls that were given up by force.
    pub(crate) fn owed(&self) -> usize {
        self.shared.owed()
    }

    /// How many calls had begun there when its link ended.
    pub(crate) fn begun_at_end(&self) -> usize {
        self.conn().begun_at_end()
    }

    fn conn(&self) -> &Arc<Conn> {
        self.shared.conn.get().expect("a handle is given out only once the child has said hello")
    }
}
