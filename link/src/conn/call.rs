//! A call of ours, in bytes: waits for room, then for its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use kinfolk_protocol::{CallId, Failure, Header, Kind, MessageId};
use tokio::sync::oneshot;

use super::{Conn, Lane, Place, Waiter};
use crate::scratch::recycle;
use crate::sync::lock;

/// How far a call came before its peer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// It did not leave this process whole: the peer cannot have acted on it.
    NotSent,
    /// It left this process whole: the peer may have acted on it.
    Sent,
}

/// How a call ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallOutcome {
    /// The handler's answer.
    Answer(Bytes),
    /// The handler's error.
    Declined(Bytes),
    /// The runtime's word that there is none of the handler.
    Failed(Failure),
    /// The link ended.
    Lost(Delivery),
}

/// A call on its way. Does nothing before it is polled; dropping it cancels.
#[derive(Debug)]
#[must_use = "a call is sent when it is awaited"]
pub struct Calling {
    conn: Arc<Conn>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting { message: MessageId, payload: Vec<u8>, place: Place },
    Sent { call: CallId, answer: oneshot::Receiver<CallOutcome> },
    Done,
}

/// A call that has been queued.
#[derive(Debug)]
struct Started {
    call: CallId,
    answer: oneshot::Receiver<CallOutcome>,
    /// Nothing else is in flight: latency matters, and there is nothing to be batched with.
    alone: bool,
}

impl Conn {
    /// A call with an encoded payload.
    pub fn call(self: &Arc<Self>, message: MessageId, payload: Vec<u8>) -> Calling {
        let place = Place { conn: Arc::clone(self), lane: Lane::Call, ticket: None };
        Calling { conn: Arc::clone(self), stage: Stage::Waiting { message, payload, place } }
    }

    /// True if calls of this type are answered with more than `Unsupported`.
    #[must_use]
    pub fn welcomes(&self, message: MessageId) -> bool {
        self.handles(message)
    }

    /// The longest payload the peer takes, in bytes.
    #[must_use]
    pub fn max_message(&self) -> usize {
        self.theirs.max_message as usize
    }

    /// Queues a call if there is room. The waiter is registered before the frame is queued, under the same lock, so
    /// that a link that ends in between finds it. `None` if nothing new is let in.
    fn poll_start(
        &self,
        cx: &Context<'_>,
        message: MessageId,
        payload: &mut Vec<u8>,
        place: &mut Place,
    ) -> Poll<Option<Started>> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        if state.closed {
            return Poll::Ready(None);
        }
        let room = state.session.may_call() && self.writer.has_room();
        if !state.callers.take(&mut place.ticket, room, cx.waker()) {
            return Poll::Pending;
        }
        let (sender, answer) = oneshot::channel();
        let length = payload.len();
        let call = state.session.call(length as u64, Waiter { answer: sender, end: 0 });
        let end = self.writer.push(&Header { kind: Kind::Call, call, message, length: length as u32 }, payload);
        if let Some(waiter) = state.session.waiter(call) {
            waiter.end = end;
        }
        if state.session.may_call() {
            state.callers.wake_first();
        }
        Poll::Ready(Some(Started { call, answer, alone: state.session.in_flight() == 1 }))
    }

    /// We no longer wait: the peer is told, and a late answer is thrown away.
    fn abandon(&self, call: CallId) {
        let mut state = lock(&self.state);
        if state.session.abandon(call).is_none() {
            return;
        }
        state.callers.wake_first();
        // Not let in by flow control: there is one for each call that was, at most.
        self.writer.push(&Header { kind: Kind::Cancel, call, message: MessageId::NONE, length: 0 }, &mut Vec::new());
        drop(state);
        self.writer.flush();
    }
}

impl Future for Calling {
    type Output = CallOutcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CallOutcome> {
        let this = &mut *self;
        if let Stage::Waiting { message, payload, place } = &mut this.stage {
            let started = ready!(this.conn.poll_start(cx, *message, payload, place));
            recycle(std::mem::take(payload));
            let Some(Started { call, answer, alone }) = started else {
                this.stage = Stage::Done;
                return Poll::Ready(CallOutcome::Lost(Delivery::NotSent));
            };
            this.stage = Stage::Sent { call, answer };
            if alone {
                this.conn.writer.flush();
            } else {
                this.conn.writer.wake();
            }
        }
        let Stage::Sent { answer, .. } = &mut this.stage else {
            panic!("a call was polled after it had ended");
        };
        let outcome = ready!(Pin::new(answer).poll(cx));
        this.stage = Stage::Done;
        // The sender is dropped with the table only after every waiter was told.
        Poll::Ready(outcome.unwrap_or(CallOutcome::Lost(Delivery::Sent)))
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        if let Stage::Sent { call, answer } = &mut self.stage {
            answer.close();
            self.conn.abandon(*call);
        }
    }
}
