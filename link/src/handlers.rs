//! The table of handlers: a message id leads to one virtual call, behind which codec, decoding and future are static.
//! The same for a child, for a parent and for a port.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kinfolk_protocol::{
    Answer, Contract, Failure, Kind, MAX_WELCOMED, Message, MessageId, MessageName, PanicInfo, Welcomed,
};
use tokio::sync::{Semaphore, mpsc};

use crate::attachments::Arrived;
use crate::conn::{Answering, Asked, Conn, Letter, Scope, ShapeMismatch};
use crate::handling::{Caught, answer, handle};
use crate::sync::panic_text;

/// Handlers by message id. `X` is what each is given besides its message and its call.
pub struct Handlers<X> {
    /// Sorted by id.
    entries: Vec<Entry<X>>,
    caught: Caught,
}

/// A registered handler.
struct Entry<X> {
    /// How many were registered before it.
    place: usize,
    name: &'static str,
    /// True if its messages are calls.
    answered: bool,
    welcomed: Welcomed,
    handler: Box<dyn Erased<X>>,
}

/// A handler with its types hidden.
trait Erased<X>: Send + Sync {
    fn call(&self, with: X, call: Incoming, caught: Caught) -> BoxFuture<'static, ()>;
    fn message(&self, with: X, payload: Arrived, caught: Caught) -> BoxFuture<'static, Result<(), Failure>>;
}

/// A call of the peer's on its way to its handler.
struct Incoming {
    scope: Arc<Scope>,
    payload: Arrived,
    permits: Option<Arc<Semaphore>>,
}

struct Typed<M, F> {
    handler: Arc<F>,
    message: PhantomData<fn(M)>,
}

impl<X, M, F, Fut> Erased<X> for Typed<M, F>
where
    X: Send + 'static,
    M: Message,
    F: Fn(X, Option<Arc<Scope>>, M) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer<M>> + Send + 'static,
{
    fn call(&self, with: X, call: Incoming, caught: Caught) -> BoxFuture<'static, ()> {
        let Incoming { scope, payload, permits } = call;
        let handler = Arc::clone(&self.handler);
        Box::pin(async move {
            // Held until the answer is queued, so that answers nobody reads stop further handlers.
            let _permit = match permits {
                Some(permits) => permits.acquire_owned().await.ok(),
                None => None,
            };
            let within = Some(Arc::clone(&scope));
            answer::<M, _>(scope, payload, |message| handler(with, within, message), caught).await;
        })
    }

    fn message(&self, with: X, payload: Arrived, caught: Caught) -> BoxFuture<'static, Result<(), Failure>> {
        let handler = Arc::clone(&self.handler);
        // A one-way handler's answer says nothing.
        Box::pin(async move { handle::<M, _>(payload, |message| handler(with, None, message), caught).await.map(drop) })
    }
}

impl<X> fmt::Debug for Handlers<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| entry.name)).finish()
    }
}

impl<X> Default for Handlers<X> {
    /// None, in a program whose own panic hook has printed where a handler panicked.
    fn default() -> Self {
        Self::new(words_of)
    }
}

fn words_of(panic: &(dyn Any + Send)) -> PanicInfo {
    PanicInfo::new(panic_text(panic), String::new(), String::new())
}

impl<X> Handlers<X> {
    /// None. `caught` tells what a panic becomes.
    #[must_use]
    pub fn new(caught: Caught) -> Self {
        Self { entries: Vec::new(), caught }
    }

    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What the peer is told, in the order in which they were added: not all shapes may fit.
    #[must_use]
    pub fn welcomed(&self) -> Vec<Welcomed> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| entry.place);
        entries.into_iter().map(|entry| entry.welcomed.clone()).collect()
    }

    /// A type of which this side speaks, by its name if there is a handler for it.
    #[must_use]
    pub fn name(&self, id: MessageId) -> MessageName {
        let at = self.entries.binary_search_by_key(&id, |entry| entry.welcomed.message).ok();
        MessageName::new(id, at.map(|at| self.entries[at].name))
    }

    fn find(&self, id: MessageId, answered: bool) -> Option<&Entry<X>> {
        let at = self.entries.binary_search_by_key(&id, |entry| entry.welcomed.message).ok()?;
        Some(&self.entries[at]).filter(|entry| entry.answered == answered)
    }
}

impl<X> Entry<X> {
    /// Compares the type with what the sender means by it, if the sender could not.
    fn check(&self, definition: Option<&Welcomed>) -> Result<(), Failure> {
        let compared = definition.map_or(Ok(()), |theirs| ShapeMismatch::check(self.name, &self.welcomed, theirs));
        compared.map_err(|mismatch| Failure::BadMessage(mismatch.to_string()))
    }
}

impl<X: Send + 'static> Handlers<X> {
    /// Adds the handler of `M`, which gets the call it belongs to, unless the message is a one-way message.
    ///
    /// # Panics
    /// If there is one already, if another name has the same id, or if there are 2,048: a mistake in the program, found
    /// at its start.
    pub fn add<M, F, Fut>(&mut self, handler: F)
    where
        M: Message,
        F: Fn(X, Option<Arc<Scope>>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        let id = MessageId::of(M::NAME);
        let Err(at) = self.entries.binary_search_by_key(&id, |entry| entry.welcomed.message) else {
            let known = self.entries.iter().find(|entry| entry.welcomed.message == id).map_or("", |entry| entry.name);
            let (name, message) = (M::NAME, type_name::<M>());
            panic!("`{message}` is registered under `{name}`, whose id is taken by the handler of `{known}`");
        };
        let place = self.entries.len();
        assert!(place < MAX_WELCOMED, "one side handles {MAX_WELCOMED} types of messages at most");
        let handler = Box::new(Typed { handler: Arc::new(handler), message: PhantomData::<fn(M)> });
        let (answered, welcomed) = (M::Contract::ANSWERED, Welcomed::of::<M>());
        self.entries.insert(at, Entry { place, name: M::NAME, answered, welcomed, handler });
    }

    /// The handling of a call that has arrived, from the wait for a permit to its answer.
    pub fn call(
        &self,
        with: X,
        conn: &Arc<Conn>,
        asked: Asked,
        permits: Option<Arc<Semaphore>>,
    ) -> BoxFuture<'static, ()> {
        let found = self.find(asked.message, true).ok_or(Failure::Unsupported);
        let checked = found.and_then(|entry| entry.check(asked.definition.as_deref()).map(|()| entry));
        match checked {
            Ok(entry) => {
                let scope = Scope::new(conn, &asked);
                entry.handler.call(with, Incoming { scope, payload: asked.payload, permits }, self.caught)
            }
            Err(failure) => {
                let answering = Answering::new(Arc::clone(conn), asked.call);
                async move { answering.fail(&failure).await }.boxed()
            }
        }
    }

    /// The handling of a one-way message.
    ///
    /// # Errors
    /// The message, if there is no handler for it.
    pub fn message(&self, with: X, letter: Letter) -> Result<BoxFuture<'static, Result<(), Failure>>, Letter> {
        match self.find(letter.message, false) {
            Some(entry) => Ok(match entry.check(letter.definition.as_deref()) {
                Ok(()) => entry.handler.message(with, letter.payload, self.caught),
                Err(failure) => std::future::ready(Err(failure)).boxed(),
            }),
            None => Err(letter),
        }
    }
}

/// Handles one-way messages one after another until no more can come, gives their credit back, and tells the peer of
/// those that could not be handled.
pub async fn deliver<X: Clone + Send + 'static>(
    handlers: Arc<Handlers<X>>,
    with: X,
    conn: Arc<Conn>,
    mut letters: mpsc::UnboundedReceiver<Letter>,
) {
    while let Some(letter) = letters.recv().await {
        let (message, bytes) = (letter.message, letter.payload.len());
        let result = match handlers.message(with.clone(), letter) {
            Ok(handling) => handling.await,
            Err(_) => Err(Failure::Unsupported),
        };
        if let Err(failure) = result {
            conn.about(Kind::Rejected, message, failure.encode());
        }
        conn.taken(bytes);
    }
}
