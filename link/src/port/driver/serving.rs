//! What the other end of a port asks for, on its way to the handlers.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kinfolk_protocol::{Failure, Kind, MessageName};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::super::shared::Shared;
use crate::conn::{Answering, Asked, Conn, Letter};
use crate::handlers::{Handlers, deliver};

/// What one end of a port was opened with.
pub(in crate::port) struct Terms {
    pub(in crate::port) handlers: Handlers<Arc<Shared>>,
    pub(in crate::port) concurrency: usize,
    pub(in crate::port) grace: Duration,
    pub(in crate::port) rejected: Option<Rejected>,
}

/// Is told of one-way messages that the other end could not handle.
pub(in crate::port) type Rejected = Box<dyn Fn(MessageName, Failure) + Send + Sync>;

/// The handlers in use.
pub(super) enum Serving {
    /// They hold the link open like a handle of the program's.
    On(Handling),
    /// There are none, or they take nothing more.
    Off,
}

pub(super) struct Handling {
    handlers: Arc<Handlers<Arc<Shared>>>,
    shared: Arc<Shared>,
    permits: Arc<Semaphore>,
    /// One-way messages, handled one after another.
    mailbox: mpsc::UnboundedSender<Letter>,
    /// The task that handles them; dropped with this.
    task: JoinSet<()>,
}

impl Serving {
    pub(super) fn start(shared: &Arc<Shared>, terms: Terms) -> Self {
        if terms.handlers.is_empty() {
            return Self::Off;
        }
        #[expect(clippy::disallowed_methods, reason = "the window of one-way messages bounds it")]
        let (mailbox, letters) = mpsc::unbounded_channel();
        let (handlers, shared) = (Arc::new(terms.handlers), Arc::clone(shared));
        let mut task = JoinSet::new();
        task.spawn(deliver(Arc::clone(&handlers), Arc::clone(&shared), Arc::clone(&shared.conn), letters));
        Self::On(Handling { handlers, shared, permits: Arc::new(Semaphore::new(terms.concurrency)), mailbox, task })
    }

    /// Handles a call on a task of its own, which ends with the call.
    pub(super) fn call(&self, conn: &Arc<Conn>, asked: Asked) {
        let call = asked.call;
        let handling = match self {
            Self::On(handling) => handling.call(conn, asked),
            Self::Off => {
                let answering = Answering::new(Arc::clone(conn), call);
                async move { answering.fail(&Failure::Unsupported).await }.boxed()
            }
        };
        conn.attach(call, tokio::spawn(handling).abort_handle());
    }

    /// Has a one-way message handled behind those before it.
    pub(super) fn message(&self, conn: &Conn, letter: Letter) {
        match self {
            Self::On(handling) => {
                // Its task ends only after this sender is gone.
                let _ = handling.mailbox.send(letter);
            }
            Self::Off => {
                conn.about(Kind::Rejected, letter.message, Failure::Unsupported.encode());
                conn.taken(letter.payload.len());
            }
        }
    }

    /// Takes nothing more. What comes back resolves when every one-way message that was taken has been handled;
    /// dropping it ends the handler of one at its next `await`.
    pub(super) fn close(&mut self) -> BoxFuture<'static, ()> {
        let Self::On(Handling { mut task, .. }) = std::mem::replace(self, Self::Off) else {
            return std::future::ready(()).boxed();
        };
        async move { while task.join_next().await.is_some() {} }.boxed()
    }
}

impl Handling {
    fn call(&self, conn: &Arc<Conn>, asked: Asked) -> BoxFuture<'static, ()> {
        self.handlers.call(Arc::clone(&self.shared), conn, asked, Some(Arc::clone(&self.permits)))
    }
}
