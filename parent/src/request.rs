//! A parent's calls to a child.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinfolk_link::{Caller, Conn, Delivery, End, Forceful};
use kinfolk_protocol::CallId;

use crate::error::{CallError, CallSite};
use crate::shared::Shared;

/// A call to a child that is about to be made: `.await` it for the reply.
pub type Request<'a, M> = kinfolk_link::Request<'a, M, Asker>;
/// A call to a child on its way.
pub type Pending<'a, M> = kinfolk_link::Pending<'a, M, Asker>;
/// The replies of a child, as a stream.
pub type Replies<M> = kinfolk_link::Replies<M, Asker>;

/// Which child is asked.
#[derive(Clone)]
pub struct Asker(pub(crate) Arc<Shared>);

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.name, f)
    }
}

impl Caller for Asker {
    type Error<E> = CallError<E>;

    fn conn(&self) -> Option<&Arc<Conn>> {
        self.0.conn.get()
    }

    fn cause(&self) -> Option<CallId> {
        None
    }

    fn error<E>(&self, message: &'static str, end: End<E>) -> CallError<E> {
        let call = CallSite { child: self.0.name.clone(), message };
        match end {
            End::App(error) => CallError::App(error),
            End::Deadline { after, delivery } => CallError::Deadline { call, after, delivery },
            End::Cancelled { delivery } => CallError::Cancelled { call, delivery },
            End::Panicked(panic) => CallError::Panicked { call, panic },
            End::Unsupported => CallError::Unsupported { call },
            End::ShapeMismatch(mismatch) => CallError::ShapeMismatch { call, mismatch },
            End::BadMessage(reason) => CallError::BadMessage { call, reason },
            End::BadReply(reason) => CallError::BadReply { call, reason },
            End::Lost(delivery) => self.lost(call, delivery),
            _ => self.lost(call, Delivery::Started),
        }
    }

    fn condemn(&self, call: CallId, grace: Duration) {
        self.0.condemn(call, Instant::now().checked_add(grace));
    }

    fn pardon(&self, call: CallId) {
        self.0.pardon(call);
    }
}

impl Forceful for Asker {}

impl Asker {
    fn lost<E>(&self, call: CallSite, delivery: Delivery) -> CallError<E> {
        match self.0.report.get() {
            Some(report) => CallError::Exited { call, delivery, report: Arc::clone(report) },
            None => CallError::Disconnected { call, delivery },
        }
    }
}
