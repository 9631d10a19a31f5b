//! What a request and a stream have in common: the way out, the ways back, and the ways to stop waiting.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use kinfolk_protocol::{ErrorOf, Failure, Message, MessageId, Progress, Reply};
use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Caller, CancelMode, End};
use crate::attachments::{Arrived, Packed};
use crate::conn::{Admission, CallOutcome, Calling, Conn, Delivery, Manner};
use crate::scratch::CodecOf;
use crate::trace::CallSpan;

/// A call and everything that can end it.
pub(super) struct Asking<M: Message, C: Caller> {
    caller: C,
    /// Until it is encoded, or for as long as whoever asks may want it back.
    message: Option<M>,
    kept: bool,
    stage: Stage,
    manner: Manner,
    limit: Option<Duration>,
    mode: CancelMode,
    span: CallSpan,
    timer: Option<Pin<Box<Sleep>>>,
    token: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

enum Stage {
    New,
    Calling(Calling),
    Done,
}

type Ended<M> = End<ErrorOf<M>>;
type Failed<M, C> = <C as Caller>::Error<ErrorOf<M>>;
/// An item, or why there is none.
type Item<M, C> = Result<Progress<M>, Failed<M, C>>;
type Outcome<M, C> = Result<Reply<M>, Failed<M, C>>;

// Nothing in it is pinned: the message is only moved out, timer and token are boxed.
impl<M: Message, C: Caller> Unpin for Asking<M, C> {}

impl<M: Message, C: Caller> fmt::Debug for Asking<M, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Call");
        debug
            .field("message", &M::NAME)
            .field("to", &self.caller)
            .field("deadline", &self.limit)
            .finish_non_exhaustive()
    }
}

impl<M: Message, C: Caller> Asking<M, C> {
    pub(super) fn new(caller: C, message: M) -> Self {
        let manner = Manner { name: M::NAME, cause: caller.cause(), ..Manner::default() };
        Self {
            caller,
            message: Some(message),
            kept: false,
            stage: Stage::New,
            manner,
            limit: None,
            mode: CancelMode::default(),
            span: CallSpan::none(),
            timer: None,
            token: None,
        }
    }

    pub(super) fn deadline(&mut self, limit: Duration) {
        self.limit = Some(limit);
    }

    pub(super) fn cancel_on(&mut self, token: CancellationToken) {
        self.token = Some(Box::pin(token.cancelled_owned()));
    }

    pub(super) fn tag(&mut self, tag: u64) {
        self.manner.tag = tag;
    }

    pub(super) fn cancel_mode(&mut self, mode: CancelMode) {
        self.mode = mode;
        self.manner.report = matches!(mode, CancelMode::KillAfter(_));
    }

    pub(super) fn with_items(mut self) -> Self {
        self.manner.items = true;
        self
    }

    pub(super) fn keep_message(&mut self) {
        self.kept = true;
    }

    /// Gives the call up, unless it is over.
    pub(super) fn take_message(&mut self) -> Option<M> {
        self.give_up();
        self.message.take()
    }

    /// Ready if the call need not be made at all: its token was cancelled before.
    fn poll_unwanted(&mut self, cx: &mut Context<'_>) -> Poll<Ended<M>> {
        match (&self.stage, &mut self.token) {
            (Stage::New, Some(token)) => {
                ready!(token.as_mut().poll(cx));
                Poll::Ready(End::Cancelled { delivery: Delivery::NotSent })
            }
            _ => Poll::Pending,
        }
    }

    /// Makes the call, unless it was made.
    fn begin(&mut self, cx: &mut Context<'_>) -> Result<(), Ended<M>> {
        match self.poll_unwanted(cx) {
            Poll::Ready(end) => Err(end),
            Poll::Pending => self.start(),
        }
    }

    /// The next item; `None` once all have been taken and [`poll_end`](Self::poll_end) is ready.
    pub(super) fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item<M, C>>> {
        if let Err(end) = self.begin(cx) {
            return Poll::Ready(Some(Err(self.fail(end))));
        }
        // First, or items that never pause would keep a deadline from being seen. What came with the end in time is
        // read.
        let open = matches!(&self.stage, Stage::Calling(calling) if !calling.is_answered());
        if open {
            if let Poll::Ready(end) = self.poll_stop(cx) {
                return Poll::Ready(Some(Err(self.fail(end))));
            }
        }
        let Stage::Calling(calling) = &mut self.stage else { return Poll::Ready(None) };
        let item = ready!(self.span.within(|| calling.poll_item(cx)));
        Poll::Ready(item.map(|item| self.decode_item(item)))
    }

    fn decode_item(&mut self, item: Arrived) -> Item<M, C> {
        item.decode::<CodecOf<M>, Progress<M>>().map_err(|error| {
            // What comes after it is of no use: the handler need not go on.
            self.give_up();
            self.fail(End::BadReply(error.to_string()))
        })
    }

    /// The end.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Outcome<M, C>> {
        if let Err(end) = self.begin(cx) {
            return Poll::Ready(Err(self.fail(end)));
        }
        let Stage::Calling(calling) = &mut self.stage else {
            panic!("a call was polled after it had ended");
        };
        if let Poll::Ready(outcome) = self.span.within(|| Pin::new(calling).poll(cx)) {
            self.stage = Stage::Done;
            let reply = reply::<M>(outcome).map_err(|end| self.fail(end));
            if reply.is_ok() {
                self.span.ended("ok");
            }
            return Poll::Ready(reply);
        }
        let end = ready!(self.poll_stop(cx));
        Poll::Ready(Err(self.fail(end)))
    }

    fn fail(&mut self, end: Ended<M>) -> Failed<M, C> {
        self.stage = Stage::Done;
        self.span.ended(end.word());
        self.caller.error(M::NAME, end)
    }

    /// Ready when the caller need not wait any longer.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<Ended<M>> {
        if self.token.as_mut().is_some_and(|token| token.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(End::Cancelled { delivery: self.give_up() });
        }
        let Some(deadline) = self.manner.deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        ready!(timer.as_mut().poll(cx));
        let after = self.limit.unwrap_or_default();
        Poll::Ready(End::Deadline { after, delivery: self.give_up() })
    }

    /// Encodes the message, unless the peer would not take it anyway.
    fn start(&mut self) -> Result<(), Ended<M>> {
        let Stage::New = &self.stage else { return Ok(()) };
        self.stage = Stage::Done;
        self.inherit();
        if self.limit.is_some_and(|limit| limit.is_zero()) {
            return Err(End::Deadline { after: Duration::ZERO, delivery: Delivery::NotSent });
        }
        let Some(conn) = self.caller.conn() else { return Err(End::Lost(Delivery::NotSent)) };
        match conn.admit::<M>() {
            Admission::Handled => {}
            Admission::NoHandler => return Err(End::Unsupported),
            Admission::Mismatch(mismatch) => return Err(End::ShapeMismatch(mismatch)),
        }
        self.span = CallSpan::new(M::NAME, conn.peer());
        self.manner.trace = self.span.trace(self.manner.trace.take());
        let message = self.message.as_ref().expect("it is taken back only once the call is over");
        let payload = encoded(conn, &self.manner, message)?;
        if !self.kept {
            self.message = None;
        }
        self.stage = Stage::Calling(conn.call(MessageId::of(M::NAME), payload, self.manner.clone()));
        Ok(())
    }

    /// Within a handler, its own deadline and trace hold for its calls too.
    fn inherit(&mut self) {
        let ambient = self.caller.ambient();
        let now = Instant::now();
        let own = self.limit.and_then(|limit| now.checked_add(limit));
        let deadline = own.into_iter().chain(ambient.deadline).min();
        self.manner.deadline = deadline;
        if deadline != own {
            self.limit = deadline.map(|deadline| deadline.saturating_duration_since(now));
        }
        self.manner.trace = ambient.trace;
    }

    /// Stops waiting. How far the call had come.
    fn give_up(&mut self) -> Delivery {
        let Stage::Calling(calling) = &mut self.stage else { return Delivery::NotSent };
        let delivery = match self.mode {
            CancelMode::Cooperative => calling.give_up(|_| {}),
            CancelMode::KillAfter(grace) => calling.give_up(|call| self.caller.condemn(call, grace)),
        };
        self.stage = Stage::Done;
        delivery.unwrap_or(Delivery::Started)
    }
}

impl<M: Message, C: Caller> Drop for Asking<M, C> {
    fn drop(&mut self) {
        self.give_up();
    }
}

fn encoded<M: Message>(conn: &Conn, manner: &Manner, message: &M) -> Result<Packed, Ended<M>> {
    let payload = conn.pack::<CodecOf<M>, M>(message).map_err(|error| End::BadMessage(error.to_string()))?;
    let (bytes, max) = (payload.len() + manner.front().len(), conn.max_message());
    if bytes > max {
        payload.recycle();
        return Err(End::BadMessage(format!("it has {bytes} bytes, the receiver's limit `max_message` is {max}")));
    }
    Ok(payload)
}

fn reply<M: Message>(outcome: CallOutcome) -> Result<Reply<M>, Ended<M>> {
    Err(match outcome {
        CallOutcome::Answer(bytes) => {
            return bytes.decode::<CodecOf<M>, Reply<M>>().map_err(|error| End::BadReply(error.to_string()));
        }
        CallOutcome::Declined(bytes) => match bytes.decode::<CodecOf<M>, ErrorOf<M>>() {
            Ok(error) => End::App(error),
            Err(error) => End::BadReply(error.to_string()),
        },
        CallOutcome::Failed(Failure::Unsupported) => End::Unsupported,
        CallOutcome::Failed(Failure::BadMessage(reason)) => End::BadMessage(reason),
        CallOutcome::Failed(Failure::Panicked(panic)) => End::Panicked(panic),
        CallOutcome::Failed(Failure::BadAnswer(reason)) => End::BadReply(reason),
        CallOutcome::Failed(failure) => End::BadReply(format!("an unknown failure: {failure:?}")),
        CallOutcome::Lost(delivery) => End::Lost(delivery),
    })
}
