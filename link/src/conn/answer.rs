//! Answers to the peer's calls, and credit for its one-way messages.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kinfolk_protocol::{CallId, Contract, ErrorOf, Failure, Grant, Header, Kind, Message, Reply};
use tokio::task::AbortHandle;

use super::Conn;
use crate::attachments::Packed;
use crate::scratch::CodecOf;
use crate::sync::lock;

/// A call of the peer's that is to be answered.
#[derive(Debug)]
pub struct Answering {
    pub(super) conn: Arc<Conn>,
    pub(super) call: CallId,
}

impl Answering {
    /// The answer to `call`.
    #[must_use]
    pub fn new(conn: Arc<Conn>, call: CallId) -> Self {
        Self { conn, call }
    }

    /// Sends what the handler returned. An answer that cannot be encoded, or is longer than the caller takes, becomes
    /// a failure that says so.
    ///
    /// # Cancel safety
    /// Dropped while it waits for room, the call is not answered.
    pub async fn settle<M: Message>(&self, answer: <M::Contract as Contract>::Answer) {
        let (kind, encoded) = match M::Contract::settle(answer) {
            Ok(reply) => (Kind::Reply, self.conn.pack::<CodecOf<M>, Reply<M>>(&reply)),
            Err(error) => (Kind::Declined, self.conn.pack::<CodecOf<M>, ErrorOf<M>>(&error)),
        };
        let max = self.conn.max_message();
        match encoded {
            Ok(mut payload) if payload.len() <= max => {
                self.finish(kind, &mut payload).await;
                payload.recycle();
            }
            Ok(payload) => {
                let text = format!("it has {} bytes, the caller's limit `max_message` is {max}", payload.len());
                self.fail(&Failure::BadAnswer(text)).await;
            }
            Err(error) => self.fail(&Failure::BadAnswer(error.to_string())).await,
        }
    }

    /// Answers that there is no answer of the handler.
    ///
    /// # Cancel safety
    /// Dropped while it waits for room, the call is not answered.
    pub async fn fail(&self, failure: &Failure) {
        self.finish(Kind::Failed, &mut failure.encode().into()).await;
    }

    async fn finish(&self, kind: Kind, payload: &mut Packed) {
        let (conn, call) = (&self.conn, self.call);
        conn.writer.room(payload.len()).await;
        let mut state = lock(&conn.state);
        if !state.session.finish(call) {
            return;
        }
        conn.writer.push(&Header::of_call(kind, call, payload.len() as u32), payload);
        let last = state.session.running() == 0;
        drop(state);
        if last {
            conn.idle.notify_waiters();
        }
        if last && !conn.batching.load(Ordering::Relaxed) {
            // Nothing else runs whose answer could leave with this one.
            conn.writer.flush();
        } else {
            conn.writer.wake();
        }
    }
}

impl Conn {
    /// Notes what runs for `call`; ends it at once if the call was cancelled meanwhile.
    pub fn attach(&self, call: CallId, abort: AbortHandle) {
        let mut state = lock(&self.state);
        match state.session.job(call) {
            Some(job) => job.abort = Some(abort),
            None => {
                drop(state);
                abort.abort();
            }
        }
    }

    /// The peer's `call` is over without an answer: nobody waits for one.
    pub(crate) fn forget(&self, call: CallId) {
        let mut state = lock(&self.state);
        state.session.finish(call);
        let last = state.session.running() == 0;
        drop(state);
        if last {
            self.idle.notify_waiters();
        }
    }

    /// A one-way message of `bytes` has been handled: its credit goes back, in batches.
    pub fn taken(&self, bytes: usize) {
        lock(&self.state).session.taken(bytes as u64);
        self.repay(CallId::NONE);
    }

    /// The caller took an item, or nobody wanted it: its credit goes back, in batches.
    pub(super) fn item_taken(&self, call: CallId, bytes: usize) {
        lock(&self.state).session.item_taken(call, bytes as u64);
        self.repay(call);
    }

    /// Gives credit back for a call's items, or for one-way messages. Not while the queue is full: a peer that does not
    /// read must not have its credits pile up here.
    fn repay(&self, call: CallId) {
        let mut state = lock(&self.state);
        // Looked at under the lock, so that whoever makes room finds what is owed.
        if !self.writer.has_room(0) {
            state.owed.insert(call);
            return;
        }
        let grant = if call == CallId::NONE { state.session.grant() } else { state.session.item_grant(call) };
        drop(state);
        self.grant(call, grant);
    }

    /// Gives the credit back that had to wait.
    pub(super) fn repay_owed(&self) {
        let owed = std::mem::take(&mut lock(&self.state).owed);
        owed.into_iter().for_each(|call| self.repay(call));
    }

    /// All credit for one-way messages that is left goes back, before we leave.
    pub fn last_grant(&self) {
        let grant = lock(&self.state).session.last_grant();
        self.grant(CallId::NONE, grant);
    }

    fn grant(&self, call: CallId, grant: Option<Grant>) {
        if let Some(grant) = grant {
            let payload = grant.encode();
            let header = Header::of_call(Kind::Credit, call, payload.len() as u32);
            self.writer.push(&header, &mut payload.to_vec().into());
            self.writer.flush();
        }
    }
}
