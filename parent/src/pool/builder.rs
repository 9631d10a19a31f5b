//! How a pool is made.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kinfolk_protocol::Protocol;
use tokio_util::sync::CancellationToken;

use super::handle::Pool;
use super::rules::{PoolSize, Quarantine, Routing, Rules, WhenFull};
use crate::child::Child;
use crate::error::StartError;
use crate::registry::Registry;
use crate::spec::{ChildSpec, Initialized};

/// A place in a pool, for which a child is to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slot {
    /// Its number, from 0 on: below the pool's largest size with its spares. A child that is replaced and its successor
    /// have the same.
    pub index: usize,
    /// How many children the slot has had, this one among them: from 1 on.
    pub generation: u64,
}

/// How the child of a slot is started, which is to be killed if it is frozen for so long, unless it is not wanted any
/// more before it is ready.
pub(super) type Recipe<P> =
    dyn Fn(Slot, Option<Duration>, CancellationToken) -> BoxFuture<'static, Result<Child<P>, StartError>> + Send + Sync;

/// Everything that may be set about a pool; `docs/pools.md` has each default with its reason. `.await` it to open the
/// pool: the children it begins with are ready then.
///
/// # Errors
/// [`StartError`] of the first child that does not become ready; then nothing is left of the others.
///
/// # Cancel safety
/// Dropping the future ends the children it has started.
#[must_use = "nothing is started before it is awaited"]
pub struct PoolBuilder<P: Protocol> {
    recipe: Arc<Recipe<P>>,
    pub(super) rules: Rules,
    pub(super) cancel_grace: Duration,
    pub(super) frozen_after: Option<Duration>,
    pub(super) drain: Duration,
}

impl<P: Protocol> fmt::Debug for PoolBuilder<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuilder").field("protocol", &P::NAME).field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl<P: Protocol> PoolBuilder<P> {
    pub(crate) fn new<I, F>(registry: Registry, spec: F) -> Self
    where
        I: Initialized<P> + Send + 'static,
        F: Fn(Slot) -> ChildSpec<P, I> + Send + Sync + 'static,
    {
        let recipe = move |slot: Slot, frozen_after, stop: CancellationToken| {
            let mut spec = spec(slot).frozen_after(frozen_after);
            spec.settings.name = format!("{}-{}.{}", spec.settings.name, slot.index, slot.generation);
            let registry = registry.clone();
            async move { registry.spawn_unless(&stop, spec).await }.boxed()
        };
        Self {
            recipe: Arc::new(recipe),
            rules: Rules::default(),
            cancel_grace: Duration::from_millis(250),
            frozen_after: Some(Duration::from_millis(1_500)),
            drain: Duration::from_secs(30),
        }
    }

    /// How many children: `8`, or `2..=8`, or `0..=8`. Within a range a child is added when a call has waited too long
    /// ([`grow_after`](Self::grow_after)), and let go when it has had nothing to do for long ([`idle`](Self::idle)).
    /// Too few: calls wait. Too many: they take turns at the processors and hold memory. Default: one per processor.
    pub fn size(mut self, size: impl Into<PoolSize>) -> Self {
        self.rules.size = size.into();
        self
    }

    /// Children beyond the size that are ready to take the place of one that dies. Too few: a death costs a start. Too
    /// many: memory for nothing. Default: 0.
    pub fn spares(mut self, count: usize) -> Self {
        self.rules.spares = count;
        self
    }

    /// How many calls a child is given at once; at least 1. More than the handlers its program runs at once wait there
    /// for the one before: with one more, a child never waits for its parent between two calls, and a call may wait
    /// behind a slow one although another child is free. Default: 1.
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.rules.credits = calls.max(1);
        self
    }

    /// How many calls may wait; at least 1. Too few: a burst is refused, or holds up who submits. Too many: calls wait
    /// for longer than they are worth. Default: 4 for each call that children may have at once.
    pub fn queue(mut self, calls: usize) -> Self {
        self.rules.queue = Some(calls.max(1));
        self
    }

    /// What becomes of a call for which the queue has no room. Default: it waits.
    pub fn when_full(mut self, then: WhenFull) -> Self {
        self.rules.when_full = then;
        self
    }

    /// Which child gets a call. Default: the least loaded.
    pub fn routing(mut self, routing: Routing) -> Self {
        self.rules.routing = routing;
        self
    }

    /// How long a call has to wait to be worth a class more. Too short: classes mean little. Too long: low calls wait
    /// for long under load. Default: 1 s.
    pub fn aging(mut self, per_class: Duration) -> Self {
        self.rules.aging = per_class;
        self
    }

    /// How long a call has to wait before another child is started, within the size. Too short: a child is started for
    /// every burst. Too long: bursts wait. Default: 20 ms.
    pub fn grow_after(mut self, waited: Duration) -> Self {
        self.rules.grow_after = waited;
        self
    }

    /// How long a child has to have nothing to do before it is let go, within the size. Too short: it is started again
    /// for the next burst. Too long: it holds memory. Default: 60 s.
    pub fn idle(mut self, limit: Duration) -> Self {
        self.rules.idle = limit;
        self
    }

    /// Replaces each child after so many calls, more or less. Its successor is ready before it is let go. Default:
    /// never.
    pub fn recycle_after_calls(mut self, calls: u64) -> Self {
        self.rules.recycle.calls = Some(calls.max(1));
        self
    }

    /// Replaces each child at this age, more or less. Default: never.
    pub fn recycle_after(mut self, age: Duration) -> Self {
        self.rules.recycle.age = Some(age);
        self
    }

    /// Replaces each child once so many bytes of its memory are resident, more or less; looked at every second.
    /// Default: never.
    pub fn recycle_above(mut self, bytes: u64) -> Self {
        self.rules.recycle.memory = Some(bytes);
        self
    }

    /// By which share of it a limit on calls, age or memory is more or less, for each child anew: so that not all are
    /// due at once. From 0 to 1. Default: 0.1.
    pub fn recycle_jitter(mut self, share: f64) -> Self {
        self.rules.recycle.jitter = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
        self
    }

    /// How often an idempotent call is tried whose child died with it, the first time included. A call that had not
    /// begun is tried again in any case, and does not count. Too few: deaths are seen by callers. Too many: work that
    /// kills children is done again and again. Default: 3.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.rules.retry.attempts = attempts.max(1);
        self
    }

    /// How many such retries there may be for each call that was answered, on average; 10 are free, and up to 100 can
    /// be saved up. Too few: a burst of deaths is seen by callers. Too many: a pool whose children keep dying does
    /// everything several times. Default: 0.1.
    pub fn retry_budget(mut self, per_call: f64) -> Self {
        self.rules.retry.budget = per_call.max(0.0);
        self
    }

    /// The pause before the first such retry; twice as long before each further one, 20 % more or less. Default: 10 ms.
    pub fn retry_pause(mut self, pause: Duration) -> Self {
        self.rules.retry.pause = pause;
        self
    }

    /// A call that has killed so many children is refused for so long. Too few: by bad luck. Too many: each costs a
    /// child. Too long: what was mended meanwhile is refused. Default: 2 kills, 10 minutes.
    pub fn quarantine(mut self, kills: u32, ttl: Duration) -> Self {
        self.rules.quarantine = Some(Quarantine { kills: kills.max(1), ttl });
        self
    }

    /// Holds nothing against any call: for children that are killed at random.
    pub fn no_quarantine(mut self) -> Self {
        self.rules.quarantine = None;
        self
    }

    /// How long a handler has to end whose call was given up: by its deadline, its token, or by dropping its future.
    /// Then its child is killed and replaced. Too short: children die of handlers that were about to end. Too long:
    /// their place is taken for nothing. Default: 250 ms.
    pub fn cancel_grace(mut self, grace: Duration) -> Self {
        self.cancel_grace = grace;
        self
    }

    /// Kills and replaces a child that has calls and has given no sign of life for so long, up to half as long again: it
    /// was stopped, or does not run. One that computes or waits is never touched, however long. `None` never looks. Too
    /// short: a machine that stalls costs children. Too long: so do calls wait. What a spec says itself does not count.
    /// Default: 1.5 s. See [`ChildSpec::frozen_after`].
    pub fn frozen_after(mut self, limit: Option<Duration>) -> Self {
        self.frozen_after = limit;
        self
    }

    /// How long calls may go on after [`Pool::shutdown`], or after the last handle is gone. Too short: work is lost.
    /// Too long: a call that hangs delays the shutdown. Default: 30 s.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    pub(super) fn recipe(&self) -> Arc<Recipe<P>> {
        Arc::clone(&self.recipe)
    }
}

impl<P: Protocol> IntoFuture for PoolBuilder<P> {
    type Output = Result<Pool<P>, StartError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    /// # Panics
    /// When polled outside a tokio runtime with its timer enabled; and if the function that makes the specs does.
    fn into_future(self) -> Self::IntoFuture {
        Pool::open(self).boxed()
    }
}
