//! A call of ours, in bytes: waits for room, then for its items and its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::Instant;

use kinfolk_protocol::{CallId, Context, Failure, Flags, Header, Kind, MessageId, Trace};
use tokio::sync::{mpsc, oneshot};

use super::{Conn, Delivery, Known, Lane, Place};
use crate::attachments::{Arrived, Packed};
use crate::sync::lock;
use crate::writer::Order;

/// How a call ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallOutcome {
    /// The handler's answer.
    Answer(Arrived),
    /// The handler's error.
    Declined(Arrived),
    /// The runtime's word that there is none of the handler.
    Failed(Failure),
    /// The link ended.
    Lost(Delivery),
}

/// What there is to a call besides its message.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The name of its message's type.
    pub name: &'static str,
    /// When its caller stops waiting.
    pub deadline: Option<Instant>,
    /// The call of the peer's on whose behalf it is made.
    pub cause: Option<CallId>,
    /// The trace it belongs to.
    pub trace: Option<Trace>,
    /// What the caller tells it by; it stays in this process.
    pub tag: u64,
    /// Items are kept for the caller, and not dropped as they come.
    pub items: bool,
    /// If it is given up, the peer is to say when its handler has ended.
    pub report: bool,
}

impl Manner {
    /// What goes in front of its message: it counts as part of it.
    pub(crate) fn front(&self) -> Vec<u8> {
        let mut context = Context::default();
        context.remaining = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        context.cause = self.cause;
        context.trace.clone_from(&self.trace);
        if context.is_empty() { Vec::new() } else { context.encode() }
    }
}

/// A call on its way. Does nothing before it is polled; dropping it cancels.
#[derive(Debug)]
#[must_use = "a call is sent when it is awaited"]
pub struct Calling {
    conn: Arc<Conn>,
    manner: Manner,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting { message: MessageId, payload: Packed, place: Place },
    Sent(Sent),
    Done,
}

/// A call that has been queued.
#[derive(Debug)]
struct Sent {
    call: CallId,
    answer: oneshot::Receiver<CallOutcome>,
    items: Option<mpsc::UnboundedReceiver<Arrived>>,
}

impl Conn {
    /// A call with an encoded payload.
    pub fn call(self: &Arc<Self>, message: MessageId, payload: Packed, manner: Manner) -> Calling {
        let place =
            Place { conn: Arc::clone(self), lane: Lane::call(payload.len() + manner.front().len()), ticket: None };
        Calling { conn: Arc::clone(self), manner, stage: Stage::Waiting { message, payload, place } }
    }

    /// The longest payload the peer takes, in bytes.
    #[must_use]
    pub fn max_message(&self) -> usize {
        self.theirs.max_message as usize
    }

    /// What the name and the tag of a call of ours are, unless it is over.
    #[must_use]
    pub fn call_tag(&self, call: CallId) -> Option<(&'static str, u64)> {
        lock(&self.state).session.waiter(call).map(|waiter| (waiter.name, waiter.tag))
    }

    /// We no longer wait: the peer is told, and a late answer is thrown away. How far the call had come, unless there
    /// is
    /// an answer. `told` runs before the peer can know, and only if a handler of its may be at work.
    fn abandon(&self, call: CallId, report: bool, told: impl FnOnce(CallId)) -> Option<Delivery> {
        let mut state = lock(&self.state);
        let waiter = state.session.abandon(call)?;
        state.wake_callers();
        // A call of which the peer never sees the end was never made, as far as it knows: nothing to cancel.
        let delivery = if self.writer.give_up(Order::Call(call)) {
            Delivery::NotSent
        } else {
            let delivery = self.delivery(call, &waiter, Known::Part);
            if delivery == Delivery::Started {
                told(call);
            }
            // Room in the queue is not waited for: there is one for each call that was let in, at most.
            let mut header = Header::of_call(Kind::Cancel, call, 0);
            header.flags = if report { Flags::REPORT } else { Flags::NONE };
            self.writer.push(&header, &mut Packed::default());
            delivery
        };
        drop(state);
        self.writer.flush();
        Some(delivery)
    }
}

impl Calling {
    /// True once the answer is there, and with it all items.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(&self.stage, Stage::Sent(Sent { items: Some(items), .. }) if items.is_closed())
    }

    /// Stops waiting: the peer is told. How far the call had come, unless it had ended. `told` runs before the peer can
    /// know, and only if a handler of its may be at work.
    pub fn give_up(&mut self, told: impl FnOnce(CallId)) -> Option<Delivery> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Sent(mut sent) => {
                sent.answer.close();
                self.conn.abandon(sent.call, self.manner.report, told)
            }
            Stage::Waiting { .. } => Some(Delivery::NotSent),
            Stage::Done => None,
        }
    }

    /// The next item, or `None` once all have been taken and there is an answer, or if none are kept.
    pub fn poll_item(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Arrived>> {
        if !ready!(self.poll_sent(cx)) {
            return Poll::Ready(None);
        }
        let Stage::Sent(Sent { call, items: Some(items), .. }) = &mut self.stage else { return Poll::Ready(None) };
        let item = ready!(items.poll_recv(cx));
        if let Some(item) = &item {
            self.conn.item_taken(*call, item.len());
        }
        Poll::Ready(item)
    }

    /// Resolves when the call has been queued; false if nothing new is let in.
    fn poll_sent(&mut self, cx: &mut task::Context<'_>) -> Poll<bool> {
        if let Stage::Waiting { message, payload, place } = &mut self.stage {
            let conn = &self.conn;
            let sent = ready!(conn.poll_start(cx, *message, payload, place, &self.manner));
            std::mem::take(payload).recycle();
            let Some((sent, alone)) = sent else {
                self.stage = Stage::Done;
                return Poll::Ready(false);
            };
            if alone {
                conn.writer.flush();
            } else {
                conn.writer.wake();
            }
            self.stage = Stage::Sent(sent);
        }
        Poll::Ready(matches!(self.stage, Stage::Sent(_)))
    }
}

impl Conn {
    /// Queues a call if there is room. The waiter is registered before the frame is queued, under the same lock, so
    /// that a link that ends in between finds it. `None` if nothing new is let in. Says too whether nothing else is in
    /// flight: then latency matters, and there is nothing to be batched with.
    fn poll_start(
        &self,
        cx: &task::Context<'_>,
        message: MessageId,
        payload: &mut Packed,
        place: &mut Place,
        manner: &Manner,
    ) -> Poll<Option<(Sent, bool)>> {
        let front = manner.front();
        let length = front.len() + payload.len();
        let mut state = lock(&self.state);
        let state = &mut *state;
        if state.closed {
            return Poll::Ready(None);
        }
        let room = state.session.may_call(length as u64) && self.writer.has_room(length);
        if !state.turns(place.lane).take(&mut place.ticket, room, cx.waker()) {
            return Poll::Pending;
        }
        let (waiter, answer, items) = state.waiter(manner);
        let call = state.session.call(length as u64, waiter);
        let flags = if front.is_empty() { Flags::NONE } else { Flags::CONTEXT };
        let header = Header { flags, message, ..Header::of_call(Kind::Call, call, length as u32) };
        let mark = self.writer.push_with(&header, &front, payload);
        if let Some(waiter) = state.session.waiter(call) {
            waiter.mark = mark;
        }
        if state.session.may_call(length as u64) {
            state.turns(place.lane).wake_first();
        }
        let alone = state.is_alone();
        if std::mem::take(&mut state.resting) {
            self.used.notify_one();
        }
        Poll::Ready(Some((Sent { call, answer, items }, alone)))
    }
}

impl Future for Calling {
    type Output = CallOutcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<CallOutcome> {
        let this = &mut *self;
        if !ready!(this.poll_sent(cx)) {
            return Poll::Ready(CallOutcome::Lost(Delivery::NotSent));
        }
        let Stage::Sent(sent) = &mut this.stage else {
            panic!("a call was polled after it had ended");
        };
        let outcome = ready!(Pin::new(&mut sent.answer).poll(cx));
        this.stage = Stage::Done;
        // The sender is dropped with the table only after every waiter was told.
        Poll::Ready(outcome.unwrap_or(CallOutcome::Lost(Delivery::Started)))
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.give_up(|_| {});
    }
}
