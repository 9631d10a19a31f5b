//! A child's handlers at work: how each starts, and the one task for one-way messages.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use kinfolk_link::{Asked, Handlers as Table, Letter, Received, deliver, lock};
use kinfolk_protocol::{Answer, Message, Welcomed};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::cx::Cx;
use crate::panics;
use crate::runtime::{Dispatch, Runtime, Start};

/// The handlers of a child.
#[derive(Debug)]
pub(crate) struct Handlers(Table<Arc<Runtime>>);

impl Handlers {
    pub(crate) fn new() -> Self {
        Self(Table::new(panics::caught))
    }

    /// Adds the handler of `M`.
    ///
    /// # Panics
    /// See [`Table::add`].
    pub(crate) fn add<M, S, F, Fut>(&mut self, state: &Arc<S>, handler: F)
    where
        M: Message,
        S: Send + Sync + 'static,
        F: Fn(Cx<M, S>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        let state = Arc::clone(state);
        self.0.add(move |runtime, scope, message| handler(Cx::new(&runtime, &state, scope), message));
    }

    /// What READY tells the parent.
    pub(crate) fn welcomed(&self) -> Vec<Welcomed> {
        self.0.welcomed()
    }

    /// Puts the table to use; the task that comes back handles one-way messages until the mailbox is closed.
    pub(crate) fn open(self, runtime: &Arc<Runtime>) -> JoinHandle<()> {
        #[expect(clippy::disallowed_methods, reason = "the window of one-way messages bounds it")]
        let (mailbox, letters) = mpsc::unbounded_channel();
        let table = Arc::new(self.0);
        let task = deliver(Arc::clone(&table), Arc::clone(runtime), Arc::clone(&runtime.conn), letters);
        runtime.open(Box::new(Serving { table, mailbox: Mutex::new(Some(mailbox)) }));
        tokio::spawn(task)
    }
}

/// Handlers in use.
#[derive(Debug)]
struct Serving {
    table: Arc<Table<Arc<Runtime>>>,
    /// One-way messages, handled one after another. Gone once the child drains.
    mailbox: Mutex<Option<mpsc::UnboundedSender<Letter>>>,
}

impl Dispatch for Serving {
    fn dispatch(&self, runtime: &Arc<Runtime>, received: Received, start: Start) {
        match received {
            Received::Call(asked) => self.call(runtime, asked, start),
            Received::Message(letter) => {
                // Without a mailbox the child is leaving, and the message counts as not taken.
                if let Some(mailbox) = &*lock(&self.mailbox) {
                    // Its task ends only after this sender is gone.
                    let _ = mailbox.send(letter);
                }
            }
            _ => {}
        }
    }

    fn close(&self) {
        lock(&self.mailbox).take();
    }
}

impl Serving {
    fn call(&self, runtime: &Arc<Runtime>, asked: Asked, start: Start) {
        let (call, conn) = (asked.call, &runtime.conn);
        let mut handling = self.table.call(Arc::clone(runtime), conn, asked, runtime.calls.get().cloned());
        if start == Start::AtOnce && conn.batched(|| (&mut handling).now_or_never()).is_some() {
            return;
        }
        // The task polls once more before it waits, so a waker that was lost on the first poll is not missed.
        conn.attach(call, tokio::spawn(handling).abort_handle());
    }
}
