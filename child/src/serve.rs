//! A child's handlers, and its life from ready to leave.

use std::fmt;
use std::sync::Arc;

use kinfolk_protocol::{Answer, Fault, Kind, Message, Protocol, Ready, ToChild, Towards};
use tokio::sync::Semaphore;

use crate::cx::{Cx, Job};
use crate::handlers::Handlers;
use crate::parent::ParentHandle;
use crate::runtime::{Phase, Runtime, Threads};

/// Async handlers at work at once, unless [`Serve::concurrency`] says otherwise.
const DEFAULT_CALLS: usize = 256;

/// The handlers of a child, to be [`run`](Self::run).
#[must_use = "nothing is served before `run`"]
pub struct Serve<P: Protocol, S = ()> {
    parent: ParentHandle<P>,
    state: Arc<S>,
    handlers: Handlers,
    concurrency: Option<usize>,
}

impl<P: Protocol, S> fmt::Debug for Serve<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("protocol", &P::NAME).field("handlers", &self.handlers).finish_non_exhaustive()
    }
}

impl<P: Protocol, S: Send + Sync + 'static> Serve<P, S> {
    pub(crate) fn new(parent: ParentHandle<P>, state: S) -> Self {
        Self { parent, state: Arc::new(state), handlers: Handlers::new(), concurrency: None }
    }

    /// Handles messages of type `M`: a closure or a plain `async fn`, which returns `()` for a one-way message and
    /// `Result<Reply, Error>` for a call.
    ///
    /// Calls run at once, up to [`concurrency`](Self::concurrency); one-way messages are handled one after another, in
    /// the order they were sent. When a call is cancelled its handler is dropped at its next `await`. A handler that
    /// computes for long without an `await` holds up every other one: use [`on_blocking`](Self::on_blocking).
    ///
    /// # Panics
    /// If there is a handler for `M::NAME` already.
    pub fn on_message<M, F, Fut>(mut self, handler: F) -> Self
    where
        M: Message,
        M::To: Towards<ToChild<P>>,
        F: Fn(Cx<M, S>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        self.handlers.add(&self.state, handler);
        self
    }

    /// Handles messages of type `M` with a plain closure on a thread of its own: for work that computes or blocks.
    ///
    /// A thread cannot be dropped when its call is cancelled: long work asks [`Job::check`] now and then.
    ///
    /// # Panics
    /// If there is a handler for `M::NAME` already.
    pub fn on_blocking<M, F>(self, handler: F) -> Self
    where
        M: Message,
        M::To: Towards<ToChild<P>>,
        F: Fn(&Job<M, S>, M) -> Answer<M> + Send + Sync + 'static,
    {
        let handler = Arc::new(handler);
        self.on_message(move |cx: Cx<M, S>, message: M| {
            let handler = Arc::clone(&handler);
            cx.blocking(move |job| handler(&job, message))
        })
    }

    /// How many handlers may be at work at once; further calls wait for them.
    ///
    /// Too low: calls wait although there are idle processors. Too high: each computing call gets a smaller share of
    /// them, and all hold their memory at once. Default: as many computing handlers as there are processors, and 256
    /// async ones. At least 1.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = Some(calls.max(1));
        self
    }

    /// Tells the parent that this child is ready, and serves until the parent wants it to leave, or is gone. Before it
    /// returns it finishes what was begun, and everything sent has been written.
    ///
    /// # Errors
    /// None so far: the result has the type of a worker's, so that it can be its last expression.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the handlers: they go on until the worker returns. Then calls that run are
    /// dropped with the process, and messages that were sent are still written.
    pub async fn run(self) -> Result<(), Fault> {
        let runtime = Arc::clone(&self.parent.runtime);
        let welcomed = self.handlers.welcomed();
        self.set_limits(&runtime);
        let letters = self.handlers.open(&runtime);
        runtime.conn.control(Kind::Ready, Ready { welcomed }.encode());
        runtime.mark_ready();
        if runtime.until_leaving().await == Phase::Draining {
            let finished = async {
                close_mailbox(&runtime);
                // The task only ends by the closing of its mailbox; panics of handlers are caught within.
                let _ = letters.await;
                runtime.conn.idle().await;
                runtime.threads_done().await;
                runtime.conn.last_grant();
                // Nothing is accepted after this, so nothing accepted is left behind.
                runtime.conn.close();
                runtime.conn.flushed().await;
            };
            tokio::select! {
                () = finished => {}
                // Nobody is left to finish for.
                () = runtime.until_gone() => {}
            }
        }
        runtime.conn.close();
        runtime.finish();
        Ok(())
    }

    fn set_limits(&self, runtime: &Runtime) {
        let calls = self.concurrency.unwrap_or(DEFAULT_CALLS);
        // `run` is called once per link, so the places are free.
        let _ = runtime.calls.set(Arc::new(Semaphore::new(calls)));
        if let Some(threads) = self.concurrency {
            let _ = runtime.threads.set(Threads::new(threads));
        }
    }
}

fn close_mailbox(runtime: &Runtime) {
    if let Some(handlers) = runtime.handlers.get() {
        handlers.close();
    }
}
