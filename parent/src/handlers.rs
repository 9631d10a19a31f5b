//! Handlers for a child's messages, given on its spec. One task per child runs those of one-way messages one after
//! another; each call has a task of its own.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use kinfolk_link::{Answering, Arrived, Asked, Conn, Scope, answer, handle, panic_text};
use kinfolk_protocol::{Answer, Contract, Failure, MAX_WELCOMED, Message, MessageId, PanicInfo, Welcomed};
use tokio::sync::mpsc;

use crate::cx::Cx;
use crate::event::{ChildEvent, Unhandled};
use crate::shared::Shared;

/// A handler with its types hidden.
trait Erased: Send + Sync {
    fn message(&self, shared: Arc<Shared>, payload: Arrived) -> BoxFuture<'static, Result<(), Failure>>;
    fn call(&self, shared: Arc<Shared>, scope: Arc<Scope>, payload: Arrived) -> BoxFuture<'static, ()>;
}

struct Typed<M, F> {
    handler: Arc<F>,
    message: std::marker::PhantomData<fn(M)>,
}

impl<M, F, Fut> Erased for Typed<M, F>
where
    M: Message,
    F: Fn(Cx<M>, M) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer<M>> + Send + 'static,
{
    fn message(&self, shared: Arc<Shared>, payload: Arrived) -> BoxFuture<'static, Result<(), Failure>> {
        let handler = Arc::clone(&self.handler);
        // A one-way handler's answer says nothing.
        async move { handle::<M, _>(payload, |message| handler(Cx::new(shared, None), message), caught).await.map(drop) }
            .boxed()
    }

    fn call(&self, shared: Arc<Shared>, scope: Arc<Scope>, payload: Arrived) -> BoxFuture<'static, ()> {
        let handler = Arc::clone(&self.handler);
        let cx = Cx::new(shared, Some(Arc::clone(&scope)));
        answer::<M, _>(scope, payload, move |message| handler(cx, message), caught).boxed()
    }
}

/// A handler's panic. Its place was printed by this program's own panic hook.
fn caught(panic: &(dyn Any + Send)) -> PanicInfo {
    PanicInfo::new(panic_text(panic), String::new(), String::new())
}

struct Entry {
    name: &'static str,
    answered: bool,
    welcomed: Welcomed,
    handler: Box<dyn Erased>,
}

/// Handlers by message id.
#[derive(Default)]
pub(crate) struct Handlers(Vec<Entry>);

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|entry| entry.name)).finish()
    }
}

impl Handlers {
    /// Adds the handler of `M`.
    ///
    /// # Panics
    /// If there is one already, if another name has the same id, or if there are 2,048: a mistake in the program, found
    /// at its start.
    pub(crate) fn add<M, F, Fut>(&mut self, handler: F)
    where
        M: Message,
        F: Fn(Cx<M>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        let id = MessageId::of(M::NAME);
        if let Some(Entry { name: known, .. }) = self.0.iter().find(|entry| entry.welcomed.message == id) {
            let (name, message) = (M::NAME, type_name::<M>());
            panic!("`{message}` is registered under `{name}`, whose id is taken by the handler of `{known}`");
        }
        assert!(self.0.len() < MAX_WELCOMED, "a spec handles {MAX_WELCOMED} types of messages at most");
        let typed = Typed { handler: Arc::new(handler), message: std::marker::PhantomData::<fn(M)> };
        let (answered, welcomed) = (M::Contract::ANSWERED, Welcomed::of::<M>());
        self.0.push(Entry { name: M::NAME, answered, welcomed, handler: Box::new(typed) });
    }

    /// What INIT tells the child.
    pub(crate) fn welcomed(&self) -> Vec<Welcomed> {
        self.0.iter().map(|entry| entry.welcomed.clone()).collect()
    }

    fn find(&self, id: MessageId, answered: bool) -> Option<&dyn Erased> {
        let mut all = self.0.iter().filter(|entry| entry.answered == answered);
        all.find(|entry| entry.welcomed.message == id).map(|entry| &*entry.handler)
    }

    /// Handles a call of the child's on a task of its own, which ends with the call.
    pub(crate) fn call(&self, shared: &Arc<Shared>, conn: &Arc<Conn>, asked: Asked) {
        let call = asked.call;
        let handling = match self.find(asked.message, true) {
            Some(handler) => handler.call(Arc::clone(shared), Scope::new(conn, &asked), asked.payload),
            None => {
                let answering = Answering::new(Arc::clone(conn), call);
                async move { answering.fail(&Failure::Unsupported).await }.boxed()
            }
        };
        conn.attach(call, tokio::spawn(handling).abort_handle());
    }
}

/// A message on its way to its handler.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) message: MessageId,
    pub(crate) payload: Arrived,
}

/// Handles messages in their order until no more can come. Those without a handler go to the events, which give their
/// credit back when they have been read.
pub(crate) async fn deliver(
    handlers: Arc<Handlers>,
    shared: Arc<Shared>,
    mut letters: mpsc::UnboundedReceiver<Letter>,
) {
    while let Some(Letter { message, payload }) = letters.recv().await {
        let Some(handler) = handlers.find(message, false) else {
            shared.push(ChildEvent::Message(Unhandled::new(message, payload)));
            continue;
        };
        let bytes = payload.len();
        if let Err(failure) = handler.message(Arc::clone(&shared), payload).await {
            shared.push(ChildEvent::Failed { message, failure });
        }
        if let Some(conn) = shared.conn.get() {
            conn.taken(bytes);
        }
    }
}
