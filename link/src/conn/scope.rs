//! One call of the peer's, from its arrival to the end of the last thing that works on it.

use std::sync::Arc;
use std::time::Instant;

use kinfolk_protocol::{CallId, Cancelled, Header, Kind, Message, Progress, Trace};

use super::{Answering, Asked, Conn, Peer};
use crate::ambient::Ambient;
use crate::attachments::Packed;
use crate::sync::lock;

/// Held by everything that works on one call of the peer's; the call has ended when the last of them has dropped it.
#[derive(Debug)]
pub struct Scope {
    conn: Arc<Conn>,
    call: CallId,
    deadline: Option<Instant>,
    cause: Option<CallId>,
    trace: Option<Trace>,
}

impl Scope {
    /// For a call that has arrived.
    #[must_use]
    pub fn new(conn: &Arc<Conn>, asked: &Asked) -> Arc<Self> {
        let context = &asked.context;
        let deadline = context.remaining.and_then(|remaining| Instant::now().checked_add(remaining));
        let (cause, trace) = (context.cause, context.trace.clone());
        Arc::new(Self { conn: Arc::clone(conn), call: asked.call, deadline, cause, trace })
    }

    /// The call.
    #[must_use]
    pub fn call(&self) -> CallId {
        self.call
    }

    /// Who made it.
    #[cfg_attr(not(feature = "tracing"), expect(dead_code, reason = "only spans name the peer"))]
    pub(crate) fn peer(&self) -> &Peer {
        &self.conn.peer
    }

    /// When its caller stops waiting.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The call of ours on whose behalf it is made.
    #[must_use]
    pub fn cause(&self) -> Option<CallId> {
        self.cause
    }

    /// What calls made on its behalf inherit.
    #[must_use]
    pub fn ambient(&self) -> Ambient {
        Ambient { deadline: self.deadline, trace: self.trace.clone() }
    }

    /// Where its answer goes.
    #[must_use]
    pub fn answering(&self) -> Answering {
        Answering::new(Arc::clone(&self.conn), self.call)
    }

    /// Sends progress, or an item of a stream: see [`Answering::item`].
    ///
    /// # Errors
    /// [`Cancelled`]: the call is over.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, nothing was sent.
    pub async fn item<M: Message>(&self, item: &Progress<M>) -> Result<(), Cancelled> {
        self.answering().item::<M>(item).await
    }

    /// Lets the caller know that the handler begins, in a way that outlives this process. False if it must not begin:
    /// then the call is over, and nobody waits for an answer.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, the caller may or may not know.
    pub async fn begin(&self) -> bool {
        let begun = self.conn.begin(self.call).await;
        if !begun {
            self.conn.forget(self.call);
        }
        begun
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if let Some(board) = self.conn.our_board.get() {
            board.end(self.call);
        }
        if lock(&self.conn.state).reporting.remove(&self.call) {
            self.conn.stopped(self.call);
        }
    }
}

impl Conn {
    /// Tells the caller that the handler of a cancelled call has ended.
    pub(super) fn stopped(&self, call: CallId) {
        self.writer.push(&Header::of_call(Kind::Stopped, call, 0), &mut Packed::default());
        self.writer.flush();
    }
}
