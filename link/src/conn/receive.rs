//! What a received frame means.

use std::sync::Arc;

use bytes::Bytes;
use kinfolk_protocol::{
    Broken, BrokenLoan, CallId, Context, Failure, Flags, FrameError, Grant, Header, InitFailed, Kind, LogRecord,
    MessageId, MessageName, PanicInfo, Ready, Settled, Welcomed, WireError,
};

use super::{CallOutcome, Conn, Job, Peer};
use crate::attachments::{Arrived, Returned};
use crate::error::Misbehaviour;
use crate::reader::Frame;
use crate::sync::lock;
use crate::transport::Passed;
use crate::writer::Order;

/// A call the peer made.
#[derive(Debug)]
pub struct Asked {
    /// Under what it is answered.
    pub call: CallId,
    /// The type of its message.
    pub message: MessageId,
    /// Its message, in the protocol's codec.
    pub payload: Arrived,
    /// What came in front of it.
    pub context: Context,
    /// The type as the caller defines it, if only we can compare.
    pub definition: Option<Arc<Welcomed>>,
}

/// A one-way message of the peer's.
#[derive(Debug)]
pub struct Letter {
    /// Its type.
    pub message: MessageId,
    /// Its value, in the protocol's codec.
    pub payload: Arrived,
    /// The type as the sender defines it, if only we can compare.
    pub definition: Option<Arc<Welcomed>>,
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
    Message(Letter),
    /// The parent wants the child to finish and leave.
    Drain,
    /// The child is initialized.
    Ready(Ready),
    /// The child's initialization failed.
    InitFailed(InitFailed),
    /// A thread of the child panicked.
    Panicked(PanicInfo),
    /// The handler of a call that was given up has ended.
    Stopped(CallId),
    /// An event of the child's log.
    Log(LogRecord),
    /// The child could not handle a one-way message.
    Rejected {
        /// Its type.
        message: MessageName,
        /// Why.
        failure: Failure,
    },
}

impl From<WireError> for Misbehaviour {
    fn from(error: WireError) -> Self {
        Self::Payload(error)
    }
}

impl From<FrameError> for Misbehaviour {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<BrokenLoan> for Misbehaviour {
    fn from(error: BrokenLoan) -> Self {
        Self::Loan(error)
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
        let Frame { header, payload, passed } = frame;
        match header.kind {
            Kind::Reply => self.settle(header.call, CallOutcome::Answer(self.arrived(&header, payload, passed)?)),
            Kind::Declined => self.settle(header.call, CallOutcome::Declined(self.arrived(&header, payload, passed)?)),
            Kind::Failed => self.settle(header.call, CallOutcome::Failed(Failure::decode(&payload)?)),
            Kind::Call => self.asked(&header, self.arrived(&header, payload, passed)?).map(Received::Call),
            Kind::Item => self.item(header.call, self.arrived(&header, payload, passed)?),
            Kind::Started => {
                if let Some(waiter) = lock(&self.state).session.waiter(header.call) {
                    waiter.started = true;
                }
                Ok(Received::Handled)
            }
            Kind::Stopped => Ok(Received::Stopped(header.call)),
            Kind::Cancel => {
                self.cancel(header.call, header.flags.has(Flags::REPORT));
                Ok(Received::Handled)
            }
            Kind::Message => {
                let mut state = lock(&self.state);
                state.session.received(payload.len() as u64)?;
                let (message, definition) = (header.message, state.learned.get(header.message));
                drop(state);
                let payload = self.arrived(&header, payload, passed)?;
                Ok(Received::Message(Letter { message, payload, definition }))
            }
            // It comes before the credit for its message, as a rule, so the name is still known.
            Kind::Rejected => {
                let message = lock(&self.state).session.name(header.message);
                Ok(Received::Rejected { message, failure: Failure::decode(&payload)? })
            }
            Kind::Definition => self.learn(Welcomed::decode(header.message, &payload)?).map(|()| Received::Handled),
            Kind::Credit => self.credited(header.call, Grant::decode(&payload)?),
            Kind::Region => self.borrowing.region(&header, &payload, passed).map(|()| Received::Handled),
            Kind::Retired => self.borrowing.retired(&payload).map(|()| Received::Handled),
            Kind::Returned => Ok(self.lending.returned(Returned::decode(&payload)?).map(|()| Received::Handled)?),
            _ => Self::told(&header, payload),
        }
    }

    /// For items of a call, or for one-way messages.
    fn credited(&self, call: CallId, grant: Grant) -> Result<Received, Misbehaviour> {
        let mut state = lock(&self.state);
        if call == CallId::NONE {
            state.session.credited(grant)?;
            state.senders.wake_first();
        } else if let Some(job) = state.session.item_credited(call, grant)? {
            job.turns.wake_first();
        }
        Ok(Received::Handled)
    }

    fn arrived(&self, header: &Header, payload: Bytes, passed: Passed) -> Result<Arrived, Misbehaviour> {
        self.borrowing.arrived(header, payload, passed)
    }

    /// What one runtime tells the other.
    fn told(header: &Header, payload: Bytes) -> Result<Received, Misbehaviour> {
        match header.kind {
            Kind::Drain => Ok(Received::Drain),
            Kind::Ready => Ok(Received::Ready(Ready::decode(&payload)?)),
            Kind::InitFailed => Ok(Received::InitFailed(InitFailed::decode(&payload)?)),
            Kind::Panicked => Ok(Received::Panicked(PanicInfo::decode(&payload)?)),
            Kind::Log => Ok(Received::Log(LogRecord::decode(&payload)?)),
            kind => Err(Misbehaviour::OutOfPlace { kind, when: "after the handshake" }),
        }
    }

    fn asked(&self, header: &Header, mut payload: Arrived) -> Result<Asked, Misbehaviour> {
        let mut context = Context::default();
        let mut state = lock(&self.state);
        state.session.called(header.call, payload.len() as u64, Job::default())?;
        let definition = state.learned.get(header.message);
        drop(state);
        if header.flags.has(Flags::CONTEXT) {
            let length;
            (context, length) = Context::decode(payload.message())?;
            payload.advance(length);
        }
        Ok(Asked { call: header.call, message: header.message, payload, context, definition })
    }

    fn item(&self, call: CallId, payload: Arrived) -> Result<Received, Misbehaviour> {
        let bytes = payload.len();
        let mut state = lock(&self.state);
        let Settled::Waiter(waiter) = state.session.item(call, bytes as u64)? else { return Ok(Received::Handled) };
        // A caller that wants none, or stopped waiting a moment ago, must not hold its handler up.
        let kept = waiter.items.as_ref().is_some_and(|items| items.sender.send(payload).is_ok());
        drop(state);
        if !kept {
            self.item_taken(call, bytes);
        }
        Ok(Received::Handled)
    }

    fn settle(&self, call: CallId, outcome: CallOutcome) -> Result<Received, Misbehaviour> {
        let mut state = lock(&self.state);
        let settled = state.session.answered(call)?;
        state.wake_callers();
        drop(state);
        if let Settled::Waiter(waiter) = settled {
            // A caller that stopped waiting a moment ago has no use for it.
            let _ = waiter.answer.send(outcome);
        }
        Ok(Received::Handled)
    }

    fn cancel(&self, call: CallId, report: bool) {
        // Only a parent ends its peer by force. To a child that does not read, the answers would pile up.
        let report = report && self.peer == Peer::Parent;
        let mut state = lock(&self.state);
        let job = state.session.cancelled(call);
        if report && job.is_some() {
            state.reporting.insert(call);
        }
        let idle = state.session.running() == 0;
        drop(state);
        self.writer.give_up(Order::Answer(call));
        match job {
            Some(job) => job.cancel(),
            // It was answered a moment ago.
            None if report => self.stopped(call),
            None => {}
        }
        if idle {
            self.idle.notify_waiters();
        }
    }
}
