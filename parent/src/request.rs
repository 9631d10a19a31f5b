//! A call from its message to its reply.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kinfolk_link::{CallOutcome, Calling, CodecOf, Conn, Delivery, encode, recycle};
use kinfolk_protocol::{Codec, ErrorOf, Failure, Message, MessageId, Reply};
use tokio::time::{Sleep, sleep};

use crate::error::{CallError, CallSite};
use crate::shared::Shared;

/// A call that is about to be made: `.await` it for the reply.
#[must_use = "a call is sent when it is awaited"]
pub struct Request<M: Message> {
    shared: Arc<Shared>,
    message: M,
    deadline: Option<Duration>,
}

impl<M: Message> fmt::Debug for Request<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Request");
        debug.field("message", &M::NAME).field("child", &self.shared.name).field("deadline", &self.deadline).finish()
    }
}

impl<M: Message> Request<M> {
    pub(crate) fn new(shared: Arc<Shared>, message: M) -> Self {
        Self { shared, message, deadline: None }
    }

    /// Ends the call as [`CallError::Deadline`] if there is no answer within `limit` of the first poll, whatever the
    /// child does; the child is told that nobody waits any more. Without one, a call is bounded by its child's life.
    ///
    /// # Panics
    /// When polled outside a tokio runtime with its timer enabled.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.deadline = Some(limit);
        self
    }
}

impl<M: Message> IntoFuture for Request<M> {
    type Output = Result<Reply<M>, CallError<ErrorOf<M>>>;
    type IntoFuture = Pending<M>;

    fn into_future(self) -> Pending<M> {
        let stage = Stage::New(self.message);
        Pending { shared: self.shared, stage, limit: self.deadline, timer: None }
    }
}

/// A call on its way.
///
/// # Cancel safety
/// Dropping it cancels: the child is told, its handler is dropped at its next `await`, and a late reply is thrown
/// away.
#[must_use = "a call is sent when it is awaited"]
pub struct Pending<M: Message> {
    shared: Arc<Shared>,
    stage: Stage<M>,
    limit: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

enum Stage<M> {
    New(M),
    Calling(Calling),
    Done,
}

impl<M: Message> fmt::Debug for Pending<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("message", &M::NAME).field("child", &self.shared.name).finish_non_exhaustive()
    }
}

// Nothing in it is pinned: the message is only moved out, the timer is boxed.
impl<M: Message> Unpin for Pending<M> {}

type Outcome<M> = Result<Reply<M>, CallError<ErrorOf<M>>>;

impl<M: Message> Future for Pending<M> {
    type Output = Outcome<M>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<M>> {
        let this = &mut *self;
        if let Stage::New(_) = this.stage {
            match this.start() {
                Ok(calling) => this.stage = Stage::Calling(calling),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        let Stage::Calling(calling) = &mut this.stage else {
            panic!("a call was polled after it had ended");
        };
        if let Poll::Ready(outcome) = Pin::new(calling).poll(cx) {
            this.stage = Stage::Done;
            return Poll::Ready(this.outcome(outcome));
        }
        let Some(limit) = this.limit else { return Poll::Pending };
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        // Dropping the call tells the child.
        this.stage = Stage::Done;
        Poll::Ready(Err(CallError::Deadline { call: this.site(), after: limit }))
    }
}

impl<M: Message> Pending<M> {
    fn site(&self) -> CallSite {
        CallSite { child: self.shared.name.clone(), message: M::NAME }
    }

    /// Encodes the message, unless the child would not take it anyway.
    fn start(&mut self) -> Result<Calling, CallError<ErrorOf<M>>> {
        let Stage::New(message) = std::mem::replace(&mut self.stage, Stage::Done) else {
            unreachable!("called for a new call only");
        };
        let id = MessageId::of(M::NAME);
        let Some(conn) = self.shared.conn.get() else { return Err(self.lost(Delivery::NotSent)) };
        if !conn.welcomes(id) {
            return Err(CallError::Unsupported { call: self.site() });
        }
        match self.encode(conn, &message) {
            Ok(payload) => Ok(conn.call(id, payload)),
            Err(reason) => Err(CallError::BadMessage { call: self.site(), reason }),
        }
    }

    fn encode(&self, conn: &Conn, message: &M) -> Result<Vec<u8>, String> {
        let payload = encode::<CodecOf<M>, M>(message).map_err(|error| error.to_string())?;
        let (bytes, max) = (payload.len(), conn.max_message());
        if bytes > max {
            recycle(payload);
            return Err(format!("it has {bytes} bytes, the child's limit `max_message` is {max}"));
        }
        Ok(payload)
    }

    fn outcome(&self, outcome: CallOutcome) -> Outcome<M> {
        let bad_reply = |reason| CallError::BadReply { call: self.site(), reason };
        let call = || self.site();
        Err(match outcome {
            CallOutcome::Answer(bytes) => {
                return CodecOf::<M>::decode(&bytes).map_err(|error| bad_reply(error.to_string()));
            }
            CallOutcome::Declined(bytes) => match CodecOf::<M>::decode(&bytes) {
                Ok(error) => CallError::App(error),
                Err(error) => bad_reply(error.to_string()),
            },
            CallOutcome::Failed(Failure::Unsupported) => CallError::Unsupported { call: call() },
            CallOutcome::Failed(Failure::BadMessage(reason)) => CallError::BadMessage { call: call(), reason },
            CallOutcome::Failed(Failure::Panicked(panic)) => CallError::Panicked { call: call(), panic },
            CallOutcome::Failed(Failure::BadAnswer(reason)) => bad_reply(reason),
            CallOutcome::Lost(delivery) => self.lost(delivery),
            CallOutcome::Failed(failure) => bad_reply(format!("an unknown failure: {failure:?}")),
            _ => self.lost(Delivery::Sent),
        })
    }

    fn lost(&self, delivery: Delivery) -> CallError<ErrorOf<M>> {
        let call = self.site();
        match self.shared.report.get() {
            Some(report) => CallError::Exited { call, delivery, report: Arc::clone(report) },
            None => CallError::Disconnected { call, delivery },
        }
    }
}
