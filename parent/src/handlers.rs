//! Handlers for a child's messages, given on its spec. One task per child runs those of one-way messages one after
//! another; each call has a task of its own.

use std::sync::Arc;

use kinfolk_link::{Asked, Conn, Handlers as Table, Letter};
use kinfolk_protocol::{Answer, Message, Welcomed};
use tokio::sync::mpsc;

use crate::cx::Cx;
use crate::event::ChildEvent;
use crate::shared::Shared;
use crate::unhandled::Unhandled;

/// The handlers of a spec.
#[derive(Debug, Default)]
pub(crate) struct Handlers(Table<Arc<Shared>>);

impl Handlers {
    /// Adds the handler of `M`.
    ///
    /// # Panics
    /// See [`Table::add`].
    pub(crate) fn add<M, F, Fut>(&mut self, handler: F)
    where
        M: Message,
        F: Fn(Cx<M>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        self.0.add(move |shared, scope, message| handler(Cx::new(shared, scope), message));
    }

    /// What INIT tells the child.
    pub(crate) fn welcomed(&self) -> Vec<Welcomed> {
        self.0.welcomed()
    }

    /// Handles a call of the child's on a task of its own, which ends with the call.
    pub(crate) fn call(&self, shared: &Arc<Shared>, conn: &Arc<Conn>, asked: Asked) {
        let call = asked.call;
        let handling = self.0.call(Arc::clone(shared), conn, asked, None);
        conn.attach(call, tokio::spawn(handling).abort_handle());
    }
}

/// Handles messages in their order until no more can come. Those without a handler go to the events, which give their
/// credit back when they have been read.
pub(crate) async fn deliver(
    handlers: Arc<Handlers>,
    shared: Arc<Shared>,
    mut letters: mpsc::UnboundedReceiver<Letter>,
) {
    while let Some(letter) = letters.recv().await {
        let (message, bytes) = (letter.message, letter.payload.len());
        let handled = match handlers.0.message(Arc::clone(&shared), letter) {
            Ok(handling) => handling.await,
            Err(letter) => {
                shared.push(ChildEvent::Message(Unhandled::new(letter)));
                continue;
            }
        };
        if let Err(failure) = handled {
            shared.push(ChildEvent::Failed { message: handlers.0.name(message), failure });
        }
        if let Some(conn) = shared.conn.get() {
            conn.taken(bytes);
        }
    }
}
