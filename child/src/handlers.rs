//! The table of handlers: a message id leads to one virtual call, behind which codec, decoding and future are static.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use futures::FutureExt;
use kinfolk_link::{Answering, Arrived, Asked, Received, Scope, answer, handle, lock};
use kinfolk_protocol::{Answer, Contract, Failure, Kind, MAX_WELCOMED, Message, MessageId, Welcomed};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

use crate::cx::Cx;
use crate::panics;
use crate::runtime::{Dispatch, Handling, Runtime, Start};

/// A handler with its types hidden.
trait Erased: Send + Sync {
    /// Starts to handle a call. `None` if that is done already.
    fn call(&self, runtime: &Arc<Runtime>, asked: Asked, start: Start) -> Option<AbortHandle>;
    /// Handles a one-way message.
    fn message(&self, runtime: &Arc<Runtime>, payload: Arrived) -> Handling;
}

struct Typed<M, S, F> {
    handler: Arc<F>,
    state: Arc<S>,
    message: PhantomData<fn(M)>,
}

impl<M, S, F, Fut> Erased for Typed<M, S, F>
where
    M: Message,
    S: Send + Sync + 'static,
    F: Fn(Cx<M, S>, M) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Answer<M>> + Send + 'static,
{
    fn call(&self, runtime: &Arc<Runtime>, asked: Asked, start: Start) -> Option<AbortHandle> {
        let scope = Scope::new(&runtime.conn, &asked);
        let calls = runtime.calls.get().cloned();
        let cx = Cx::new(runtime, &self.state, Some(Arc::clone(&scope)));
        let handler = Arc::clone(&self.handler);
        let mut handling = Box::pin(async move {
            // Held until the answer is queued, so that answers nobody reads stop further handlers.
            let _permit = match calls {
                Some(calls) => calls.acquire_owned().await.ok(),
                None => None,
            };
            answer::<M, _>(scope, asked.payload, |message| handler(cx, message), panics::caught).await;
        });
        if start == Start::AtOnce && runtime.conn.batched(|| (&mut handling).now_or_never()).is_some() {
            return None;
        }
        // The task polls once more before it waits, so a waker that was lost on the first poll is not missed.
        Some(tokio::spawn(handling).abort_handle())
    }

    fn message(&self, runtime: &Arc<Runtime>, payload: Arrived) -> Handling {
        let cx = Cx::new(runtime, &self.state, None);
        let handler = Arc::clone(&self.handler);
        async move {
            // A one-way handler's answer says nothing.
            handle::<M, _>(payload, |message| handler(cx, message), panics::caught).await.map(drop)
        }
        .boxed()
    }
}

/// A registered handler.
struct Entry {
    id: MessageId,
    name: &'static str,
    /// True if its messages are calls.
    answered: bool,
    welcomed: Welcomed,
    handler: Box<dyn Erased>,
}

/// A one-way message on its way to its handler.
#[derive(Debug)]
struct Letter {
    message: MessageId,
    payload: Arrived,
}

/// Handlers by message id.
pub(crate) struct Handlers {
    /// Sorted by id once it is in use.
    entries: Vec<Entry>,
    /// One-way messages, handled one after another. Gone once the child drains.
    mailbox: Mutex<Option<mpsc::UnboundedSender<Letter>>>,
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| entry.name)).finish()
    }
}

impl Handlers {
    pub(crate) fn new() -> Self {
        Self { entries: Vec::new(), mailbox: Mutex::new(None) }
    }

    /// Adds the handler of `M`.
    ///
    /// # Panics
    /// If there is one already, if another name has the same id, or if there are 2,048: a mistake in the program, found
    /// at its start.
    pub(crate) fn add<M, S, F, Fut>(&mut self, state: &Arc<S>, handler: F)
    where
        M: Message,
        S: Send + Sync + 'static,
        F: Fn(Cx<M, S>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        let id = MessageId::of(M::NAME);
        if let Some(known) = self.entries.iter().find(|entry| entry.id == id) {
            let (known, name, message) = (known.name, M::NAME, type_name::<M>());
            panic!("`{message}` is registered under `{name}`, whose id is taken by the handler of `{known}`");
        }
        assert!(self.entries.len() < MAX_WELCOMED, "a child handles {MAX_WELCOMED} types of messages at most");
        let typed = Typed { handler: Arc::new(handler), state: Arc::clone(state), message: PhantomData::<fn(M)> };
        let (answered, welcomed) = (M::Contract::ANSWERED, Welcomed::of::<M>());
        self.entries.push(Entry { id, name: M::NAME, answered, welcomed, handler: Box::new(typed) });
    }

    /// What READY tells the parent.
    pub(crate) fn welcomed(&self) -> Vec<Welcomed> {
        self.entries.iter().map(|entry| entry.welcomed.clone()).collect()
    }

    /// Puts the table to use; the task that comes back handles one-way messages until [`close`](Self::close).
    pub(crate) fn open(mut self, runtime: &Arc<Runtime>) -> JoinHandle<()> {
        self.entries.sort_unstable_by_key(|entry| entry.id);
        #[expect(clippy::disallowed_methods, reason = "the window of one-way messages bounds it")]
        let (sender, mut letters) = mpsc::unbounded_channel::<Letter>();
        *lock(&self.mailbox) = Some(sender);
        runtime.open(Box::new(self));
        let runtime = Arc::clone(runtime);
        tokio::spawn(async move {
            while let Some(letter) = letters.recv().await {
                deliver(&runtime, letter).await;
            }
        })
    }

    fn find(&self, id: MessageId, answered: bool) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        Some(&self.entries[at]).filter(|entry| entry.answered == answered)
    }
}

/// Handles a one-way message and gives its credit back; tells the parent if it could not be handled.
async fn deliver(runtime: &Arc<Runtime>, Letter { message, payload }: Letter) {
    let bytes = payload.len();
    let handled = runtime.handlers.get().and_then(|handlers| handlers.start(runtime, message, payload));
    let result = match handled {
        Some(handled) => handled.await,
        None => Err(Failure::Unsupported),
    };
    if let Err(failure) = result {
        runtime.conn.about(Kind::Rejected, message, failure.encode());
    }
    runtime.conn.taken(bytes);
}

impl Dispatch for Handlers {
    fn dispatch(&self, runtime: &Arc<Runtime>, received: Received, start: Start) {
        match received {
            Received::Call(asked) => self.call(runtime, asked, start),
            Received::Message { message, payload } => {
                // Without a mailbox the child is leaving, and the message counts as not taken.
                if let Some(mailbox) = &*lock(&self.mailbox) {
                    // Its task ends only after this sender is gone.
                    let _ = mailbox.send(Letter { message, payload });
                }
            }
            _ => {}
        }
    }

    fn start(&self, runtime: &Arc<Runtime>, message: MessageId, payload: Arrived) -> Option<Handling> {
        self.find(message, false).map(|entry| entry.handler.message(runtime, payload))
    }

    fn close(&self) {
        lock(&self.mailbox).take();
    }
}

impl Handlers {
    fn call(&self, runtime: &Arc<Runtime>, asked: Asked, start: Start) {
        let call = asked.call;
        let abort = match self.find(asked.message, true) {
            Some(entry) => entry.handler.call(runtime, asked, start),
            None => {
                let answering = Answering::new(Arc::clone(&runtime.conn), call);
                Some(tokio::spawn(async move { answering.fail(&Failure::Unsupported).await }).abort_handle())
            }
        };
        if let Some(abort) = abort {
            runtime.conn.attach(call, abort);
        }
    }
}
