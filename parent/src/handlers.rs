//! Handlers for a child's messages, given on its spec: one task per child runs them one after another.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use kinfolk_link::{CodecOf, panic_text};
use kinfolk_protocol::{Codec, Failure, Message, MessageId, PanicInfo, Protocol, ToParent};
use tokio::sync::mpsc;

use crate::child::Child;
use crate::event::{ChildEvent, Unhandled};
use crate::shared::Shared;

/// What a handler has at hand besides its message.
pub struct Cx<M> {
    shared: Arc<Shared>,
    message: PhantomData<fn() -> M>,
}

impl<M> Clone for Cx<M> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), message: PhantomData }
    }
}

impl<M: Message> fmt::Debug for Cx<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("message", &M::NAME).field("child", &self.shared.name).finish()
    }
}

impl<P: Protocol, M: Message<To = ToParent<P>>> Cx<M> {
    /// The child the message came from. A handler that waits for its end (`shutdown`, `kill`, `wait`) waits for
    /// itself, for one grace: leave that to another task.
    #[must_use]
    pub fn child(&self) -> Child<P> {
        Child::new(Arc::clone(&self.shared))
    }
}

/// A handler with its types hidden.
type Erased = Box<dyn Fn(Arc<Shared>, Bytes) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// Handlers by message id.
#[derive(Default)]
pub(crate) struct Handlers(Vec<(MessageId, &'static str, Erased)>);

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, name, _)| name)).finish()
    }
}

impl Handlers {
    /// Adds the handler of `M`.
    ///
    /// # Panics
    /// If there is one already, or if another name has the same id: a mistake in the program, found at its start.
    pub(crate) fn add<M, F, Fut>(&mut self, handler: F)
    where
        M: Message,
        F: Fn(Cx<M>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let id = MessageId::of(M::NAME);
        if let Some((_, known, _)) = self.0.iter().find(|(taken, _, _)| *taken == id) {
            let (name, message) = (M::NAME, type_name::<M>());
            panic!("`{message}` is registered under `{name}`, whose id is taken by the handler of `{known}`");
        }
        let handler = Arc::new(handler);
        let erased: Erased = Box::new(move |shared, payload| {
            let handler = Arc::clone(&handler);
            async move { handle(&*handler, shared, payload).await }.boxed()
        });
        self.0.push((id, M::NAME, erased));
    }

    fn find(&self, id: MessageId) -> Option<&Erased> {
        self.0.iter().find(|(known, _, _)| *known == id).map(|(_, _, handler)| handler)
    }
}

async fn handle<M, F, Fut>(handler: &F, shared: Arc<Shared>, payload: Bytes) -> Result<(), Failure>
where
    M: Message,
    F: Fn(Cx<M>, M) -> Fut,
    Fut: Future<Output = ()>,
{
    // Decoding runs the program's code too: a panic in either fails this message alone.
    let handling = async {
        let message = CodecOf::<M>::decode::<M>(&payload).map_err(|error| Failure::BadMessage(error.to_string()))?;
        drop(payload);
        handler(Cx { shared, message: PhantomData }, message).await;
        Ok(())
    };
    AssertUnwindSafe(handling).catch_unwind().await.unwrap_or_else(|panic| {
        // Its place was printed by this program's own panic hook.
        Err(Failure::Panicked(PanicInfo::new(panic_text(&*panic), String::new(), String::new())))
    })
}

/// A message on its way to its handler.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) message: MessageId,
    pub(crate) payload: Bytes,
}

/// Handles messages in their order until no more can come. Those without a handler go to the events, which give their
/// credit back when they have been read.
pub(crate) async fn deliver(handlers: Handlers, shared: Arc<Shared>, mut letters: mpsc::UnboundedReceiver<Letter>) {
    while let Some(Letter { message, payload }) = letters.recv().await {
        let Some(handler) = handlers.find(message) else {
            shared.push(ChildEvent::Message(Unhandled::new(message, payload)));
            continue;
        };
        let bytes = payload.len();
        if let Err(failure) = handler(Arc::clone(&shared), payload).await {
            shared.push(ChildEvent::Failed { message, failure });
        }
        if let Some(conn) = shared.conn.get() {
            conn.taken(bytes);
        }
    }
}
