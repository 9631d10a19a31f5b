//! A stream of replies from a pool.

use std::fmt;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{BoxStream, Stream, StreamExt, unfold};
use kinfolk_link::CancelMode;
use kinfolk_protocol::{ErrorOf, Message, Progress, Protocol, Streamed, ToChild, Towards};
use tokio_util::sync::CancellationToken;

use super::course::{Course, Wishes, hash};
use super::error::PoolError;
use super::inner::Inner;
use super::rules::Priority;
use crate::child::Child;
use crate::request::{Asker, Replies};

/// A call to a pool for many replies: a stream of them, made when it is first polled. Tried again only as long as
/// nothing has come.
///
/// # Cancel safety
/// A dropped `next` loses no item. Dropping the stream cancels the call.
#[must_use = "a call is submitted when its stream is polled"]
pub struct PoolReplies<P: Protocol, M: Message> {
    stage: Stage<P, M>,
}

type Item<M> = Result<Progress<M>, PoolError<ErrorOf<M>>>;

enum Stage<P: Protocol, M: Message> {
    New { inner: Arc<Inner<P>>, message: M, wishes: Wishes },
    Running(BoxStream<'static, Item<M>>),
    Over,
}

// The message is only moved out, the stream is boxed.
impl<P: Protocol, M: Message> Unpin for PoolReplies<P, M> {}

impl<P: Protocol, M: Message> fmt::Debug for PoolReplies<P, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolReplies").field("message", &M::NAME).finish_non_exhaustive()
    }
}

impl<P, M> PoolReplies<P, M>
where
    P: Protocol,
    M: Message<Contract: Streamed>,
    M::To: Towards<ToChild<P>>,
{
    pub(super) fn new(inner: Arc<Inner<P>>, message: M) -> Self {
        Self { stage: Stage::New { inner, message, wishes: Wishes::default() } }
    }

    /// See [`Submission::deadline`](super::Submission::deadline); here until the end of the stream.
    pub fn deadline(self, limit: Duration) -> Self {
        self.wish(|wishes| wishes.limit = Some(limit))
    }

    /// See [`Submission::cancel_on`](super::Submission::cancel_on).
    pub fn cancel_on(self, token: CancellationToken) -> Self {
        self.wish(|wishes| wishes.token = Some(token))
    }

    /// See [`Submission::priority`](super::Submission::priority).
    pub fn priority(self, priority: Priority) -> Self {
        self.wish(|wishes| wishes.priority = priority)
    }

    /// See [`Submission::key`](super::Submission::key).
    pub fn key(self, key: &(impl Hash + ?Sized)) -> Self {
        let key = hash(key);
        self.wish(|wishes| wishes.key = Some(key))
    }

    /// See [`Submission::fingerprint`](super::Submission::fingerprint).
    pub fn fingerprint(self, of: &(impl Hash + ?Sized)) -> Self {
        let fingerprint = hash(of);
        self.wish(|wishes| wishes.fingerprint = Some(fingerprint))
    }

    /// See [`Submission::tag`](super::Submission::tag).
    pub fn tag(self, tag: u64) -> Self {
        self.wish(|wishes| wishes.tag = tag)
    }

    fn wish(mut self, wish: impl FnOnce(&mut Wishes)) -> Self {
        if let Stage::New { wishes, .. } = &mut self.stage {
            wish(wishes);
        }
        self
    }
}

impl<P, M> Stream for PoolReplies<P, M>
where
    P: Protocol,
    M: Message<Contract: Streamed>,
    M::To: Towards<ToChild<P>>,
{
    type Item = Item<M>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Item<M>>> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::New { inner, message, wishes } => {
                    let running = match Course::begin(&inner, wishes, &message, None) {
                        Ok(course) => Run { replies: None, course, message: Some(message), given: false },
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    };
                    self.stage = Stage::Running(unfold(Some(running), next).boxed());
                }
                Stage::Running(mut running) => {
                    let polled = running.poll_next_unpin(cx);
                    if !matches!(polled, Poll::Ready(None)) {
                        self.stage = Stage::Running(running);
                    }
                    return polled;
                }
                Stage::Over => return Poll::Ready(None),
            }
        }
    }
}

/// A stream at work.
struct Run<P: Protocol, M: Message> {
    // Before the course: the call is given up before the pool looks at what its child owes.
    replies: Option<Replies<M>>,
    course: Course<P>,
    /// While it waits for a child.
    message: Option<M>,
    /// Something has come.
    given: bool,
}

/// What came of a step.
enum Step<T> {
    Item(T),
    End,
    /// Nothing yet.
    On,
}

/// The next item, and what is left of the stream.
async fn next<P, M>(run: Option<Run<P, M>>) -> Option<(Item<M>, Option<Run<P, M>>)>
where
    P: Protocol,
    M: Message<Contract: Streamed>,
{
    let mut run = run?;
    loop {
        match run.step().await {
            Ok(Step::Item(item)) => return Some((Ok(item), Some(run))),
            Ok(Step::End) => return None,
            Ok(Step::On) => {}
            Err(error) => return Some((Err(error), None)),
        }
    }
}

impl<P: Protocol, M: Message<Contract: Streamed>> Run<P, M> {
    async fn step(&mut self) -> Result<Step<Progress<M>>, PoolError<ErrorOf<M>>> {
        let Some(replies) = &mut self.replies else {
            let child = self.course.child().await?;
            let message = self.message.take().expect("it is there while no child is asked");
            if !self.course.check(&message)? {
                self.message = Some(message);
                return Ok(Step::On);
            }
            self.replies = Some(asked(&self.course, &child, message));
            return Ok(Step::On);
        };
        match replies.next().await {
            Some(Ok(item)) => {
                self.given = true;
                Ok(Step::Item(item))
            }
            Some(Err(error)) => {
                let message = replies.take_message().expect("it was kept for this");
                self.replies = None;
                let again = self.course.failed(error, &message, self.given)?;
                self.message = Some(message);
                self.course.rest(again).await?;
                Ok(Step::On)
            }
            None => {
                self.course.answered();
                Ok(Step::End)
            }
        }
    }
}

fn asked<P: Protocol, M: Message<Contract: Streamed>>(course: &Course<P>, child: &Child<P>, message: M) -> Replies<M> {
    let replies = Replies::new(Asker(Arc::clone(child.shared())), message)
        .keep_message()
        .cancel_mode(CancelMode::KillAfter(course.cancel_grace()))
        .tag(course.tag());
    let replies = match course.left() {
        Some(left) => replies.deadline(left),
        None => replies,
    };
    match course.token() {
        Some(token) => replies.cancel_on(token),
        None => replies,
    }
}
