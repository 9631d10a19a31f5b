//! A call to a pool: it waits for a child, runs there, and is tried again where that is safe.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_link::CancelMode;
use kinfolk_protocol::{Answered, ErrorOf, Message, Progress, Protocol, Reply, ToChild, Towards};
use tokio_util::sync::CancellationToken;

use super::course::{Course, Wishes, hash};
use super::error::PoolError;
use super::inner::Inner;
use super::journey::Journey;
use super::rules::Priority;
use crate::child::Child;
use crate::request::{Asker, Request};

/// Why a call was not let in.
pub struct TrySubmitError<M> {
    /// What was to be done.
    pub message: M,
    /// `Overloaded`, `Quarantined`, `Unavailable` or `ShuttingDown`.
    pub cause: PoolError<Infallible>,
}

impl<M> fmt::Debug for TrySubmitError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrySubmitError").field("cause", &self.cause).finish_non_exhaustive()
    }
}

impl<M> fmt::Display for TrySubmitError<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl<M> Error for TrySubmitError<M> {}

/// A call to a pool that is about to be made: `.await` it for the reply.
///
/// # Panics
/// When polled outside a tokio runtime with its timer enabled, if it has a deadline or has to be tried again.
#[must_use = "a call is submitted when it is awaited"]
pub struct Submission<'a, P: Protocol, M: Message> {
    inner: Arc<Inner<P>>,
    message: M,
    wishes: Wishes,
    progress: Option<Box<dyn FnMut(Progress<M>) + Send + 'a>>,
    /// Of a call that was let in before it is awaited.
    journey: Option<Journey<P>>,
}

impl<P: Protocol, M: Message> fmt::Debug for Submission<'_, P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submission").field("message", &M::NAME).field("wishes", &self.wishes).finish_non_exhaustive()
    }
}

impl<'a, P, M> Submission<'a, P, M>
where
    P: Protocol,
    M: Message<Contract: Answered>,
    M::To: Towards<ToChild<P>>,
{
    pub(super) fn new(inner: Arc<Inner<P>>, message: M) -> Self {
        Self { inner, message, wishes: Wishes::default(), progress: None, journey: None }
    }

    /// With a place that was taken before.
    #[cfg(feature = "tower")]
    pub(super) fn queued(mut self) -> Result<Self, PoolError<ErrorOf<M>>> {
        self.journey = Some(Course::queue(&self.inner, &self.message)?);
        Ok(self)
    }

    /// Takes a child, or a place in the queue, now: what [`Pool::try_submit`](super::Pool::try_submit) does, for calls
    /// with wishes. Priority and key cannot be changed after it.
    ///
    /// # Errors
    /// [`TrySubmitError`] with the message and the reason.
    pub fn enter(mut self) -> Result<Self, TrySubmitError<M>> {
        match Course::enter(&self.inner, &self.wishes, &self.message) {
            Ok(journey) => {
                self.journey = Some(journey);
                Ok(self)
            }
            Err(cause) => Err(TrySubmitError { message: self.message, cause }),
        }
    }

    /// Ends the call as `Deadline` if there is no answer within `limit` of the first poll: waiting for a child counts,
    /// and so do attempts that failed. A handler that is at work then is cancelled; if it has not ended within the
    /// pool's [`cancel_grace`](super::PoolBuilder::cancel_grace), its child is killed and replaced. Within a handler
    /// the deadline of its own call holds if it is earlier.
    pub fn deadline(mut self, limit: Duration) -> Self {
        self.wishes.limit = Some(limit);
        self
    }

    /// Ends the call as `Cancelled` when `token` is cancelled.
    pub fn cancel_on(mut self, token: CancellationToken) -> Self {
        self.wishes.token = Some(token);
        self
    }

    /// Goes before, or after, others that wait.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.wishes.priority = priority;
        self
    }

    /// Calls with the same key go to the same child, for as long as the pool has the same children: for what a child
    /// keeps in its memory. If it is busy the call waits for it.
    pub fn key(mut self, key: &(impl Hash + ?Sized)) -> Self {
        self.wishes.key = Some(hash(key));
        self
    }

    /// What the call is known by if children die of it, instead of all its bytes: for messages that hold something new
    /// each time.
    pub fn fingerprint(mut self, of: &(impl Hash + ?Sized)) -> Self {
        self.wishes.fingerprint = Some(hash(of));
        self
    }

    /// What the call is told by where the handlers of upcalls see on whose behalf they are made. It is not sent.
    pub fn tag(mut self, tag: u64) -> Self {
        self.wishes.tag = tag;
        self
    }

    /// Calls `f` with each progress value, in order, all of them before the reply. A call that is tried again begins
    /// anew, and so does its progress.
    pub fn on_progress<'b>(self, f: impl FnMut(Progress<M>) + Send + 'b) -> Submission<'b, P, M>
    where
        'a: 'b,
    {
        let Self { inner, message, wishes, journey, .. } = self;
        Submission { inner, message, wishes, progress: Some(Box::new(f)), journey }
    }
}

impl<'a, P, M> IntoFuture for Submission<'a, P, M>
where
    P: Protocol,
    M: Message<Contract: Answered>,
    M::To: Towards<ToChild<P>>,
{
    type Output = Result<Reply<M>, PoolError<ErrorOf<M>>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { inner, mut message, wishes, mut progress, journey } = self;
        Box::pin(async move {
            let mut course = Course::begin(&inner, wishes, &message, journey)?;
            loop {
                let child = course.child().await?;
                if !course.check(&message)? {
                    continue;
                }
                let mut request = request(&course, &child, message);
                if let Some(progress) = &mut progress {
                    request = request.on_progress(progress);
                }
                let mut pending = request.into_future();
                let error = match (&mut pending).await {
                    Ok(reply) => {
                        course.answered();
                        return Ok(reply);
                    }
                    Err(error) => error,
                };
                message = pending.take_message().expect("it was kept for this");
                drop(pending);
                let again = course.failed(error, &message, false)?;
                course.rest(again).await?;
            }
        })
    }
}

fn request<'a, P: Protocol, M: Message<Contract: Answered>>(
    course: &Course<P>,
    child: &Child<P>,
    message: M,
) -> Request<'a, M> {
    let request = Request::new(Asker(Arc::clone(child.shared())), message)
        .keep_message()
        .cancel_mode(CancelMode::KillAfter(course.cancel_grace()))
        .tag(course.tag());
    let request = match course.left() {
        Some(left) => request.deadline(left),
        None => request,
    };
    match course.token() {
        Some(token) => request.cancel_on(token),
        None => request,
    }
}
