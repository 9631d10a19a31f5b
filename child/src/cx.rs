//! What a handler has at hand besides its message.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use kinfolk_link::Scope;
use kinfolk_protocol::{Cancelled, Message, Progress, Protocol, ToChild};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::panics;
use crate::parent::ParentHandle;
use crate::runtime::Runtime;

/// The surroundings of one handler at work: the program's state, its caller, and its parent.
pub struct Cx<M, S = ()> {
    runtime: Arc<Runtime>,
    state: Arc<S>,
    /// None for a one-way message.
    scope: Option<Arc<Scope>>,
    message: PhantomData<fn() -> M>,
}

impl<M, S> Clone for Cx<M, S> {
    fn clone(&self) -> Self {
        Self {
            runtime: Arc::clone(&self.runtime),
            state: Arc::clone(&self.state),
            scope: self.scope.clone(),
            message: PhantomData,
        }
    }
}

impl<M: Message, S> fmt::Debug for Cx<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cx").field("message", &M::NAME).finish_non_exhaustive()
    }
}

impl<M: Message, S> Cx<M, S> {
    pub(crate) fn new(runtime: &Arc<Runtime>, state: &Arc<S>, scope: Option<Arc<Scope>>) -> Self {
        Self { runtime: Arc::clone(runtime), state: Arc::clone(state), scope, message: PhantomData }
    }

    /// What [`Me::state`](crate::Me::state) was given.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Sends progress, or an item of a stream, to whoever asked; waits while
    /// [`Limits::items`](kinfolk_protocol::Limits::items) of them have not been taken. They arrive in order, before the
    /// reply.
    ///
    /// It returns nothing, since there is nothing to decide: when the caller has stopped waiting, the handler is
    /// dropped
    /// at its next `await`, this one included. An item that cannot be encoded ends the call as `BadReply`.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, nothing was sent.
    pub async fn send(&self, item: Progress<M>) {
        if let Some(scope) = &self.scope {
            // The runtime drops the handler of a call that is over.
            let _ = scope.item::<M>(&item).await;
        }
    }

    /// When the caller stops waiting, if it has set a deadline. Calls made by this handler inherit it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.scope.as_ref().and_then(|scope| scope.deadline())
    }
}

impl<P: Protocol, M: Message<To = ToChild<P>>, S> Cx<M, S> {
    /// The parent. Calls made by this handle are made on behalf of this one: the parent's handlers can tell for which
    /// of
    /// its calls, and they end by its deadline.
    #[must_use]
    pub fn parent(&self) -> ParentHandle<P> {
        ParentHandle::within(&self.runtime, self.scope.as_deref())
    }
}

impl<M: Message, S: Send + Sync + 'static> Cx<M, S> {
    /// Runs `work` on a thread of its own, so that computing stops neither other calls nor a cancel; waits while
    /// [`concurrency`](crate::Serve::concurrency) such threads are at work.
    ///
    /// # Panics
    /// If `work` panics, so does this: the call ends as `Panicked`.
    ///
    /// # Cancel safety
    /// When the call is cancelled the future is dropped, but a thread cannot be: `work` goes on until it asks
    /// [`Job::check`] or [`Job::is_cancelled`], and keeps its place among the threads until it returns.
    pub async fn blocking<T: Send + 'static>(self, work: impl FnOnce(Job<M, S>) -> T + Send + 'static) -> T {
        let runtime = Arc::clone(&self.runtime);
        let permit = Arc::clone(&runtime.threads().permits).acquire_owned().await.expect("it is never closed");
        let cancelled = Arc::new(AtomicBool::new(false));
        let job = Job { cx: self, cancelled: Arc::clone(&cancelled), handle: Handle::current() };
        let _cancel = CancelOnDrop(cancelled);
        let (sender, working) = oneshot::channel();
        let begun = runtime.threads().lane.run(move || {
            let handle = job.handle.clone();
            let _within = handle.enter();
            // The panic hook has left the panic's place on this thread: it is fetched here.
            let result = catch_unwind(AssertUnwindSafe(|| work(job)));
            drop(permit);
            // Nobody need wait for it any more.
            let _ = sender.send(result.map_err(|panic| panics::caught(&*panic)));
        });
        if let Err(error) = begun {
            panic!("no thread could be started: {error}");
        }
        match working.await.expect("a thread tells what came of its work") {
            Ok(result) => result,
            Err(panic) => resume_unwind(Box::new(panic)),
        }
    }
}

/// Dropped with the future of a cancelled call.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// The surroundings of a handler that computes on a thread of its own.
pub struct Job<M, S = ()> {
    cx: Cx<M, S>,
    cancelled: Arc<AtomicBool>,
    handle: Handle,
}

impl<M: Message, S> fmt::Debug for Job<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("message", &M::NAME).field("cancelled", &self.is_cancelled()).finish()
    }
}

impl<M, S> Job<M, S> {
    /// What [`Me::state`](crate::Me::state) was given.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.cx.state
    }

    /// True once nobody waits for the answer any more.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Leaves by `?` once nobody waits for the answer any more.
    ///
    /// # Errors
    /// [`Cancelled`] then.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }
}

impl<M: Message, S> Job<M, S> {
    /// Sends progress, or an item of a stream, blocking while [`Limits::items`](kinfolk_protocol::Limits::items) of
    /// them
    /// have not been taken.
    ///
    /// # Errors
    /// [`Cancelled`] once nobody waits for the answer any more.
    pub fn send(&self, item: Progress<M>) -> Result<(), Cancelled> {
        self.check()?;
        match &self.cx.scope {
            Some(scope) => self.handle.block_on(scope.item::<M>(&item)),
            None => Ok(()),
        }
    }

    /// When the caller stops waiting, if it has set a deadline.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.cx.deadline()
    }

    /// Blocks this thread until `future` has resolved: for calls to the parent from a computation. They end when their
    /// own deadline, or this call's, has passed; a cancel of this call does not end them.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        match &self.cx.scope {
            // A task of its own, as far as what is inherited goes.
            Some(scope) => self.handle.block_on(scope.ambient().around(future)),
            None => self.handle.block_on(future),
        }
    }
}

impl<P: Protocol, M: Message<To = ToChild<P>>, S> Job<M, S> {
    /// The parent: see [`Cx::parent`].
    #[must_use]
    pub fn parent(&self) -> ParentHandle<P> {
        self.cx.parent()
    }
}
