//! What a handler sends on its way to the answer: progress, or the items of a stream.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use kinfolk_protocol::{CallId, Cancelled, Failure, Header, ItemRoom, Kind, Message, Progress};

use super::{Answering, Conn, Job, Ticket};
use crate::attachments::Packed;
use crate::scratch::CodecOf;
use crate::sync::lock;
use crate::writer::{Order, is_long};

/// A place in the queue of those who wait for credit for one call.
struct Place {
    conn: Arc<Conn>,
    call: CallId,
    ticket: Option<Ticket>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        if let Some(job) = lock(&self.conn.state).session.job(self.call) {
            job.turns.leave(ticket);
        }
    }
}

impl Place {
    fn poll(&mut self, cx: &Context<'_>, payload: &mut Packed) -> Poll<Result<(), Cancelled>> {
        let mut state = lock(&self.conn.state);
        let state = &mut *state;
        let room = state.session.item_room(self.call);
        let Some(job) = state.session.job(self.call).filter(|_| room != ItemRoom::Over) else {
            self.ticket = None;
            return Poll::Ready(Err(Cancelled));
        };
        if !job.turns.take(&mut self.ticket, room == ItemRoom::Free, cx.waker()) {
            return Poll::Pending;
        }
        let length = payload.len();
        state.session.send_item(self.call, length as u64);
        if let (ItemRoom::Free, Some(job)) = (state.session.item_room(self.call), state.session.job(self.call)) {
            job.turns.wake_first();
        }
        self.conn.writer.push(&Header::of_call(Kind::Item, self.call, length as u32), payload);
        Poll::Ready(Ok(()))
    }
}

impl Answering {
    /// Sends progress, or an item of a stream, waiting for the caller to have room for it.
    ///
    /// One that cannot be encoded, or is longer than the caller takes, ends the call as a failure that says so.
    ///
    /// # Errors
    /// [`Cancelled`]: the call is over.
    ///
    /// # Cancel safety
    /// Dropped before it resolves, nothing was sent.
    pub async fn item<M: Message>(&self, item: &Progress<M>) -> Result<(), Cancelled> {
        let max = self.conn.max_message();
        let mut payload = match self.conn.pack::<CodecOf<M>, Progress<M>>(item) {
            Ok(payload) if payload.len() <= max => payload,
            Ok(payload) => {
                let text = format!("an item has {} bytes, the caller's limit `max_message` is {max}", payload.len());
                return self.spoil(text).await;
            }
            Err(error) => return self.spoil(error.to_string()).await,
        };
        self.conn.writer.room(payload.len()).await;
        if is_long(payload.len()) {
            // What waits to be written is memory, and has left the processor's nearest cache before its turn has come.
            // Without a wait a stream would hold up everything else for all its credit, too.
            self.conn.writer.caught_up(Order::Answer(self.call)).await;
        }
        let mut place = Place { conn: Arc::clone(&self.conn), call: self.call, ticket: None };
        let sent = poll_fn(|cx| place.poll(cx, &mut payload)).await;
        payload.recycle();
        self.conn.writer.wake();
        sent
    }

    async fn spoil(&self, text: String) -> Result<(), Cancelled> {
        let job = lock(&self.conn.state).session.job(self.call).map(std::mem::take);
        self.fail(&Failure::BadAnswer(text)).await;
        if let Some(job) = job {
            Job::cancel(job);
        }
        Err(Cancelled)
    }
}
