//! Without the feature `tracing`: nothing, at no cost. What comes with a call is passed on to the calls it makes.

use kinfolk_protocol::Trace;

use crate::conn::{Peer, Scope};

/// A call of ours.
#[derive(Debug)]
pub(crate) struct CallSpan;

impl CallSpan {
    pub(crate) fn none() -> Self {
        Self
    }

    pub(crate) fn new(_message: &'static str, _peer: &Peer) -> Self {
        Self
    }

    pub(crate) fn trace(&self, ambient: Option<Trace>) -> Option<Trace> {
        ambient
    }

    pub(crate) fn within<T>(&self, poll: impl FnOnce() -> T) -> T {
        poll()
    }

    pub(crate) fn ended(&self, _outcome: &'static str) {}
}

/// A handler at work.
pub(crate) async fn handling<F: Future>(_message: &'static str, _scope: &Scope, handler: F) -> F::Output {
    handler.await
}
