//! A one-way message of ours: waits until the peer has credit for it.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use kinfolk_protocol::{CodecError, Header, Kind, Message, MessageId};
use thiserror::Error;

use super::{Admission, Closed, Conn, Lane, Peer, Place, ShapeMismatch, Ticket};
use crate::attachments::Packed;
use crate::scratch::CodecOf;
use crate::sync::lock;

/// A one-way message was not accepted. It comes back.
pub struct SendError<M> {
    /// The message.
    pub message: M,
    /// For whom it was.
    pub peer: Peer,
    /// Why it was not accepted.
    pub cause: SendCause,
}

/// Why a one-way message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendCause {
    /// The peer has no credit for it now (`try_send` only): take the message back, or wait with `send`.
    #[error("the peer has not taken the messages before it yet")]
    Full,
    /// The link has ended, or is being drained.
    #[error("the link has ended")]
    Disconnected,
    /// The peer has no handler for it.
    #[error("the peer has no handler for it: register one, or compare the versions of the two programs")]
    Unsupported,
    /// The peer means something else by it.
    #[error(transparent)]
    ShapeMismatch(Box<ShapeMismatch>),
    /// It is longer than the peer takes.
    #[error("it has {bytes} bytes, the peer's limit `max_message` is {max}")]
    TooLong {
        /// Its length, in bytes.
        bytes: usize,
        /// What the peer takes.
        max: usize,
    },
    /// It cannot be expressed in the protocol's codec.
    #[error("it cannot be encoded")]
    Encode(#[source] CodecError),
}

// By hand, so that `?` works for every message: none has to be `Debug`.
impl<M: Message> fmt::Debug for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError")
            .field("message", &M::NAME)
            .field("peer", &self.peer)
            .field("cause", &self.cause)
            .finish()
    }
}

impl<M: Message> fmt::Display for SendError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "message `{}` to {} was not sent: {}", M::NAME, self.peer, self.cause)
    }
}

impl<M: Message> Error for SendError<M> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            SendCause::Encode(error) => Some(error),
            _ => None,
        }
    }
}

/// What came of an attempt to queue a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrySend {
    /// It is queued.
    Sent,
    /// There is no credit.
    Full,
}

impl Conn {
    /// A one-way message, sent when awaited.
    pub fn send<M: Message>(self: &Arc<Self>, message: M) -> Sending<M> {
        let place = Place { conn: Arc::clone(self), lane: Lane::Send, ticket: None };
        Sending { message: Some(message), payload: None, place }
    }

    /// A one-way message, if there is credit for it now.
    ///
    /// # Errors
    /// [`SendError`] with the message and the reason.
    pub fn try_send<M: Message>(&self, message: M) -> Result<(), SendError<M>> {
        let cause = match self.encode_message(&message) {
            Ok(mut payload) => match self.start_send::<M>(&mut payload, &mut None, None) {
                Ok(TrySend::Sent) => {
                    payload.recycle();
                    return Ok(());
                }
                Ok(TrySend::Full) => SendCause::Full,
                Err(Closed) => SendCause::Disconnected,
            },
            Err(cause) => cause,
        };
        Err(SendError { message, peer: self.peer.clone(), cause })
    }

    fn encode_message<M: Message>(&self, message: &M) -> Result<Packed, SendCause> {
        match self.admit::<M>() {
            Admission::Handled => {}
            Admission::NoHandler => return Err(SendCause::Unsupported),
            Admission::Mismatch(mismatch) => return Err(SendCause::ShapeMismatch(mismatch)),
        }
        let payload = self.pack::<CodecOf<M>, M>(message).map_err(SendCause::Encode)?;
        let (bytes, max) = (payload.len(), self.max_message());
        if bytes > max {
            payload.recycle();
            return Err(SendCause::TooLong { bytes, max });
        }
        Ok(payload)
    }

    /// Queues an encoded message if there is credit; otherwise `waker`, if there is one, gets a place in the queue.
    fn start_send<M: Message>(
        &self,
        payload: &mut Packed,
        ticket: &mut Option<Ticket>,
        waker: Option<&Waker>,
    ) -> Result<TrySend, Closed> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        if state.closed {
            return Err(Closed);
        }
        let room = state.session.may_send();
        let turn = match waker {
            Some(waker) => state.senders.take(ticket, room, waker),
            None => room && state.senders.is_free(),
        };
        if !turn {
            return Ok(TrySend::Full);
        }
        let length = payload.len();
        state.session.send(M::NAME, length as u64);
        let message = MessageId::of(M::NAME);
        let header = Header { message, ..Header::control(Kind::Message, length as u32) };
        self.writer.push(&header, payload);
        if state.session.may_send() {
            state.senders.wake_first();
        }
        self.writer.wake();
        Ok(TrySend::Sent)
    }
}

/// A one-way message on its way: resolves when it is accepted. `Ok` means that it is queued and will be written in
/// order, not that it was handled.
///
/// # Cancel safety
/// Dropped before it resolves, the message was not sent.
#[must_use = "a message is sent when it is awaited"]
pub struct Sending<M> {
    message: Option<M>,
    payload: Option<Packed>,
    place: Place,
}

impl<M: Message> fmt::Debug for Sending<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("message", &M::NAME).finish_non_exhaustive()
    }
}

// Nothing in it is pinned: the message is only moved out.
impl<M> Unpin for Sending<M> {}

impl<M: Message> Sending<M> {
    fn poll_start(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendCause>> {
        let conn = Arc::clone(&self.place.conn);
        if self.payload.is_none() {
            let message = self.message.as_ref().expect("a message was polled after it had been sent");
            self.payload = Some(conn.encode_message(message)?);
        }
        let payload = self.payload.as_mut().expect("it was encoded above");
        match conn.start_send::<M>(payload, &mut self.place.ticket, Some(cx.waker())) {
            Ok(TrySend::Sent) => {
                std::mem::take(payload).recycle();
                Poll::Ready(Ok(()))
            }
            Ok(TrySend::Full) => Poll::Pending,
            Err(Closed) => Poll::Ready(Err(SendCause::Disconnected)),
        }
    }
}

impl<M: Message> Future for Sending<M> {
    type Output = Result<(), SendError<M>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = std::task::ready!(self.poll_start(cx));
        let message = self.message.take().expect("it is taken only here, once");
        Poll::Ready(result.map_err(|cause| SendError { message, peer: self.place.conn.peer.clone(), cause }))
    }
}
