//! Who asks over a link that is there from the start: a child its parent, one end of a port the other.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_protocol::CallId;

use super::{CallError, Caller, End};
use crate::ambient::Ambient;
use crate::conn::{Conn, Scope};

/// Who asks: a handler, or the program itself.
#[derive(Debug, Clone)]
pub struct Asker {
    conn: Arc<Conn>,
    cause: Option<CallId>,
    /// A handler's; otherwise that of the task that polls the call.
    ambient: Option<Ambient>,
    /// What is to live as long as its calls.
    kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl Asker {
    /// Over `conn`, for a handler if there is a `scope`.
    #[must_use]
    pub fn new(conn: &Arc<Conn>, scope: Option<&Scope>) -> Self {
        let (cause, ambient) = (scope.map(Scope::call), scope.map(Scope::ambient));
        Self { conn: Arc::clone(conn), cause, ambient, kept: None }
    }

    /// The same, with something that is to live as long as its calls.
    pub(crate) fn keeping(mut self, kept: Arc<dyn Any + Send + Sync>) -> Self {
        self.kept = Some(kept);
        self
    }
}

impl Caller for Asker {
    type Error<E> = CallError<E>;

    fn conn(&self) -> Option<&Arc<Conn>> {
        Some(&self.conn)
    }

    fn cause(&self) -> Option<CallId> {
        self.cause
    }

    fn ambient(&self) -> Ambient {
        self.ambient.clone().unwrap_or_else(Ambient::current)
    }

    fn error<E>(&self, message: &'static str, end: End<E>) -> CallError<E> {
        CallError::of(self.conn.peer().clone(), message, end)
    }

    /// Neither a parent nor a sibling is ended by force.
    fn condemn(&self, _call: CallId, _grace: Duration) {}
}
