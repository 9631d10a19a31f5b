//! A child that has passed the gate and is not ready yet.

use std::fmt;
use std::sync::Arc;

use kinfolk_protocol::{Answer, ChildName, Message, Protocol, ToChild, Towards};

use crate::cx::{Cx, Job};
use crate::parent::ParentHandle;
use crate::runtime::Runtime;
use crate::serve::Serve;

/// This process, as a child that speaks `P`: what its parent gave it, and what it goes on from.
///
/// Everything up to [`run`](Serve::run) is its initialization: an error or a panic there is the parent's
/// `InitFailed`.
pub struct Me<P: Protocol> {
    pub(crate) name: ChildName,
    pub(crate) init: P::Init,
    pub(crate) parent: ParentHandle<P>,
}

impl<P: Protocol> fmt::Debug for Me<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Me").field("name", &self.name).field("protocol", &P::NAME).finish_non_exhaustive()
    }
}

impl<P: Protocol> Me<P> {
    pub(crate) fn new(name: ChildName, init: P::Init, runtime: &Arc<Runtime>) -> Self {
        Self { name, init, parent: ParentHandle::new(runtime) }
    }

    /// What the parent calls this child.
    #[must_use]
    pub fn name(&self) -> &ChildName {
        &self.name
    }

    /// What the parent gave this child to begin with.
    #[must_use]
    pub fn init(&self) -> &P::Init {
        &self.init
    }

    /// The same, to take out of it what cannot be copied: the [`Port`](kinfolk_protocol::Port) of an `Option<Port<_>>`,
    /// say.
    pub fn init_mut(&mut self) -> &mut P::Init {
        &mut self.init
    }

    /// The parent: messages may be sent to it from now on.
    #[must_use]
    pub fn parent(&self) -> &ParentHandle<P> {
        &self.parent
    }

    /// Gives every handler `state` to share, as `cx.state()` and `job.state()`.
    pub fn state<S: Send + Sync + 'static>(self, state: S) -> Serve<P, S> {
        Serve::new(self.parent, state)
    }

    /// [`Serve::on_message`] without state.
    ///
    /// # Panics
    /// See there.
    pub fn on_message<M, F, Fut>(self, handler: F) -> Serve<P, ()>
    where
        M: Message,
        M::To: Towards<ToChild<P>>,
        F: Fn(Cx<M>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        self.state(()).on_message(handler)
    }

    /// [`Serve::on_blocking`] without state.
    ///
    /// # Panics
    /// See there.
    pub fn on_blocking<M, F>(self, handler: F) -> Serve<P, ()>
    where
        M: Message,
        M::To: Towards<ToChild<P>>,
        F: Fn(&Job<M>, M) -> Answer<M> + Send + Sync + 'static,
    {
        self.state(()).on_blocking(handler)
    }
}
