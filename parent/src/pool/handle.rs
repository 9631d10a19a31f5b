//! The handle of a pool.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{Stream, StreamExt};
use kinfolk_protocol::{Answered, ErrorOf, Message, Protocol, Reply, Streamed, ToChild, Towards};

use super::builder::PoolBuilder;
use super::core::{Fingerprint, Quarantined};
use super::error::PoolError;
use super::event::PoolEvents;
use super::inner::Inner;
use super::opening::NotOpened;
use super::replies::PoolReplies;
use super::submission::{Submission, TrySubmitError};
use super::tally::PoolStats;
use super::task::Keeper;
use crate::child::Child;
use crate::error::StartError;
use crate::report::Why;
use crate::shared::Wish;

/// Many children of one spec, for intense work: each call runs on whichever has room, children that die are replaced,
/// and calls are tried again where that is safe.
///
/// Clones are the same pool. When the last is dropped it lets nothing new in, finishes what it has, and its children
/// leave: the same as [`shutdown`](Self::shutdown) without waiting for it.
///
/// ```no_run
/// # use kinfolk_protocol::{Bincode, Call, Message, Protocol, ToChild, Version};
/// # enum Sums {}
/// # impl Protocol for Sums {
/// #     const NAME: &'static str = "sums";
/// #     const VERSION: Version = Version::new(1, 0);
/// #     type Init = u64;
/// #     type Codec = Bincode;
/// # }
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Add(Vec<u64>);
/// # impl Message for Add {
/// #     type To = ToChild<Sums>;
/// #     type Contract = Call<u64>;
/// #     const NAME: &'static str = "Add";
/// # }
/// use futures::StreamExt;
/// use kinfolk_parent::{ChildSpec, Parent, Program};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let parent = Parent::new();
/// let pool = parent
///     .pool(|slot| ChildSpec::<Sums>::new("sums", Program::sibling("sum-worker")).init(slot.index as u64))
///     .size(2..=8)
///     .await?;
/// assert_eq!(pool.submit(Add(vec![1, 2])).await?, 3);
/// let tasks = futures::stream::iter((0..1_000).map(|n| Add(vec![n, n])));
/// let sums: Vec<_> = pool.map(tasks).collect().await;
/// println!("{}", pool.stats());
/// pool.shutdown().await;
/// # Ok(())
/// # }
/// ```
pub struct Pool<P: Protocol> {
    shared: Arc<Handle<P>>,
}

struct Handle<P: Protocol> {
    inner: Arc<Inner<P>>,
    drain: Duration,
    /// Calls of [`Pool::map`] on the way at once.
    ahead: usize,
}

impl<P: Protocol> Drop for Handle<P> {
    fn drop(&mut self) {
        self.inner.close(self.drain);
    }
}

impl<P: Protocol> Clone for Pool<P> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<P: Protocol> fmt::Debug for Pool<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("protocol", &P::NAME).field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl<P: Protocol> Pool<P> {
    pub(super) async fn open(builder: PoolBuilder<P>) -> Result<Self, StartError> {
        let recipe = builder.recipe();
        let PoolBuilder { rules, cancel_grace, frozen_after, drain, .. } = builder;
        let ahead = rules.size.max.saturating_mul(rules.credits).saturating_mul(2);
        let weighs = rules.recycle.memory.is_some();
        let (inner, opened) = Inner::new(rules, cancel_grace);
        let pool = Self { shared: Arc::new(Handle { inner: Arc::clone(&inner), drain, ahead }) };
        tokio::spawn(Keeper::new(inner, recipe, frozen_after, weighs).run());
        // Only the end of the runtime leaves it unsaid.
        let opened = opened.await.unwrap_or_else(|_| Err(NotOpened::runtime_ended()));
        let Err(why) = opened else { return Ok(pool) };
        pool.inner().until_ended().await;
        match why {
            NotOpened::Start(error) => Err(error),
            NotOpened::Panicked(panic) => resume_unwind(panic),
        }
    }

    /// Has a child do `message`. It waits in the queue until one has room, runs there, and is tried again on another if
    /// its child dies before it has begun; also after it has begun if it is
    /// [idempotent](kinfolk_protocol::Message::IDEMPOTENT). A file in such a message is handed on as the child before
    /// has left it, its offset included.
    ///
    /// The call is made when it is first polled, and does not keep the pool open before.
    ///
    /// # Errors
    /// [`PoolError`]: every call ends exactly once, and says how.
    ///
    /// # Cancel safety
    /// Dropping the future cancels: a call that waits is taken out of the queue; one that runs is cancelled in its
    /// child, which is killed and replaced if the handler has not ended within the pool's
    /// [`cancel_grace`](PoolBuilder::cancel_grace).
    pub fn submit<M>(&self, message: M) -> Submission<'static, P, M>
    where
        M: Message<Contract: Answered>,
        M::To: Towards<ToChild<P>>,
    {
        Submission::new(Arc::clone(self.inner()), message)
    }

    /// As [`submit`](Self::submit), if there is room for it now: it has a child, or a place in the queue, before it is
    /// awaited.
    ///
    /// # Errors
    /// [`TrySubmitError`] with the message and the reason.
    pub fn try_submit<M>(&self, message: M) -> Result<Submission<'static, P, M>, TrySubmitError<M>>
    where
        M: Message<Contract: Answered>,
        M::To: Towards<ToChild<P>>,
    {
        self.submit(message).enter()
    }

    /// Has a child do `message`, for many replies: a stream of them, with credits.
    ///
    /// # Errors
    /// [`PoolError`] as the last item, if the stream does not come to its end.
    ///
    /// # Cancel safety
    /// As for [`submit`](Self::submit).
    pub fn stream<M>(&self, message: M) -> PoolReplies<P, M>
    where
        M: Message<Contract: Streamed>,
        M::To: Towards<ToChild<P>>,
    {
        PoolReplies::new(Arc::clone(self.inner()), message)
    }

    /// Submits each message of a stream, as many at once as keep the children busy: twice as many as they have room
    /// for. The outcomes come in the order of the messages. For another number, or wishes for each call, map to
    /// [`submit`](Self::submit) and use `buffered` of `futures`. Whoever does not poll it holds up the children that have
    /// its calls; with a queue that refuses, items may be `Overloaded`.
    ///
    /// # Cancel safety
    /// A dropped `next` loses no outcome. Dropping the stream cancels what it has submitted.
    pub fn map<M, S>(
        &self,
        messages: S,
    ) -> impl Stream<Item = Result<Reply<M>, PoolError<ErrorOf<M>>>> + Send + use<P, M, S>
    where
        S: Stream<Item = M> + Send,
        M: Message<Contract: Answered>,
        M::To: Towards<ToChild<P>>,
    {
        let pool = self.clone();
        messages.map(move |message| pool.submit(message).into_future()).buffered(self.shared.ahead)
    }

    /// As [`map`](Self::map), with the outcomes as they come.
    pub fn map_unordered<M, S>(
        &self,
        messages: S,
    ) -> impl Stream<Item = Result<Reply<M>, PoolError<ErrorOf<M>>>> + Send + use<P, M, S>
    where
        S: Stream<Item = M> + Send,
        M: Message<Contract: Answered>,
        M::To: Towards<ToChild<P>>,
    {
        let pool = self.clone();
        messages.map(move |message| pool.submit(message).into_future()).buffer_unordered(self.shared.ahead)
    }

    /// The pool at this moment, and what it has counted so far.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.inner().stats()
    }

    /// What happens to it from now on.
    #[must_use]
    pub fn events(&self) -> PoolEvents {
        self.inner().events()
    }

    /// The children that are ready and have not ended, in the order in which they were started: for messages to each of
    /// them, and for what a child's own handle tells. What is asked of one directly takes no place in the pool.
    #[must_use]
    pub fn children(&self) -> Vec<Child<P>> {
        self.inner().children()
    }

    /// The calls that are refused because they killed children, the worst first.
    #[must_use]
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.inner().read(|state| state.core.quarantined(Instant::now()))
    }

    /// Holds nothing against a call any more. False if nothing was.
    pub fn release(&self, fingerprint: Fingerprint) -> bool {
        self.inner().release(fingerprint)
    }

    /// Lets nothing new in, finishes what was let in, within [`drain`](PoolBuilder::drain), and has all children leave,
    /// each within the graces of its spec. Returns when no process is left.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the shutdown back.
    pub async fn shutdown(&self) {
        self.inner().close(self.shared.drain);
        self.inner().until_ended().await;
    }

    /// Kills all children at once; what runs ends as `Exited`, what waits as `ShuttingDown`. Returns when no process is
    /// left.
    ///
    /// # Cancel safety
    /// Dropping the future does not take it back; it happens at the first poll.
    pub async fn kill(&self) {
        self.inner().abandon(Wish::Kill(Why::Killed));
        self.inner().until_ended().await;
    }

    /// Ready when another call would get a child or a place in the queue.
    #[cfg(feature = "tower")]
    pub(super) fn poll_room(&self, cx: &std::task::Context<'_>) -> std::task::Poll<()> {
        self.inner().with(|state, now| state.poll_room(cx, now))
    }

    pub(super) fn inner(&self) -> &Arc<Inner<P>> {
        &self.shared.inner
    }
}
