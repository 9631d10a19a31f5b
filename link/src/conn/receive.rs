//! What a received frame means.

use bytes::Bytes;
use kinfolk_protocol::{
    Broken, CallId, Failure, Frame, Grant, InitFailed, Kind, MessageId, PanicInfo, Ready, Settled, WireError,
};

use super::{CallOutcome, Conn, Job};
use crate::error::Misbehaviour;
use crate::sync::lock;

/// A call the peer made.
#[derive(Debug)]
pub struct Asked {
    /// Under what it is answered.
    pub call: CallId,
    /// The type of its message.
    pub message: MessageId,
    /// Its message, in the protocol's codec.
    pub payload: Bytes,
}

/// What is left to the runtime after the session has seen a frame.
#[derive(Debug)]
#[non_exhaustive]
pub enum Received {
    /// Nothing: it was an answer, a cancel or credit.
    Handled,
    /// A call to handle and answer.
    Call(Asked),
    /// A one-way message to handle; [`Conn::taken`] gives its credit back.
    Message {
        /// Its type.
        message: MessageId,
        /// Its value, in the protocol's codec.
        payload: Bytes,
    },
    /// The parent wants the child to finish and leave.
    Drain,
    /// The child is initialized.
    Ready(Ready),
    /// The child's initialization failed.
    InitFailed(InitFailed),
    /// A thread of the child panicked.
    Panicked(PanicInfo),
    /// The child could not handle a one-way message.
    Rejected {
        /// Its type.
        message: MessageId,
        /// Why.
        failure: Failure,
    },
}

impl From<WireError> for Misbehaviour {
    fn from(error: WireError) -> Self {
        Self::Payload(error)
    }
}

impl From<Broken> for Misbehaviour {
    fn from(error: Broken) -> Self {
        Self::Session(error)
    }
}

impl Conn {
    /// Takes a frame that was read.
    ///
    /// # Errors
    /// [`Misbehaviour`]: the peer may not send it; the link is to be ended.
    pub fn receive(&self, frame: Frame) -> Result<Received, Misbehaviour> {
        let Frame { header, payload } = frame;
        match header.kind {
            Kind::Reply => self.settle(header.call, CallOutcome::Answer(payload)),
            Kind::Declined => self.settle(header.call, CallOutcome::Declined(payload)),
            Kind::Failed => self.settle(header.call, CallOutcome::Failed(Failure::decode(&payload)?)),
            Kind::Call => {
                lock(&self.state).session.called(header.call, Job::default())?;
                Ok(Received::Call(Asked { call: header.call, message: header.message, payload }))
            }
            Kind::Cancel => {
                self.cancel(header.call);
                Ok(Received::Handled)
            }
            Kind::Message => {
                lock(&self.state).session.received(payload.len() as u64)?;
                Ok(Received::Message { message: header.message, payload })
            }
            Kind::Credit => {
                let mut state = lock(&self.state);
                state.session.credited(Grant::decode(&payload)?)?;
                state.senders.wake_first();
                Ok(Received::Handled)
            }
            Kind::Drain => Ok(Received::Drain),
            Kind::Ready => Ok(Received::Ready(Ready::decode(&payload)?)),
            Kind::InitFailed => Ok(Received::InitFailed(InitFailed::decode(&payload)?)),
            Kind::Panicked => Ok(Received::Panicked(PanicInfo::decode(&payload)?)),
            Kind::Rejected => Ok(Received::Rejected { message: header.message, failure: Failure::decode(&payload)? }),
            kind => Err(Misbehaviour::OutOfPlace { kind, when: "after the handshake" }),
        }
    }

    fn settle(&self, call: CallId, outcome: CallOutcome) -> Result<Received, Misbehaviour> {
        let mut state = lock(&self.state);
        let settled = state.session.answered(call)?;
        state.callers.wake_first();
        drop(state);
        if let Settled::Waiter(waiter) = settled {
            // A caller that stopped waiting a moment ago has no use for it.
            let _ = waiter.answer.send(outcome);
        }
        Ok(Received::Handled)
    }

    fn cancel(&self, call: CallId) {
        let mut state = lock(&self.state);
        let job = state.session.cancelled(call);
        let idle = state.session.running() == 0;
        drop(state);
        if let Some(job) = job {
            job.cancel();
        }
        if idle {
            self.idle.notify_waiters();
        }
    }
}
