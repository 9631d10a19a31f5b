//! The task that keeps a pool's processes: starts them, sees them end, and has them leave.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use kinfolk_protocol::Protocol;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::builder::{Recipe, Slot};
use super::core::{Cure, Order, WorkerId};
use super::event::PoolEvent;
use super::inner::Inner;
use super::opening::NotOpened;
use crate::child::Child;
use crate::error::StartError;
use crate::report::ExitReport;
use crate::shared::Wish;

/// How often memory is looked at, if it is.
const WEIGHING: Duration = Duration::from_secs(1);

pub(super) struct Keeper<P: Protocol> {
    inner: Arc<Inner<P>>,
    recipe: Arc<Recipe<P>>,
    frozen_after: Option<Duration>,
    /// Nobody waits for those that are being started any more.
    stop: CancellationToken,
    starts: JoinSet<Started<P>>,
    lives: JoinSet<(WorkerId, Arc<ExitReport>)>,
    weighs: bool,
}

/// What came of a start.
struct Started<P: Protocol> {
    worker: WorkerId,
    slot: Slot,
    result: Result<Result<Child<P>, StartError>, Box<dyn Any + Send>>,
}

impl<P: Protocol> Keeper<P> {
    pub(super) fn new(
        inner: Arc<Inner<P>>,
        recipe: Arc<Recipe<P>>,
        frozen_after: Option<Duration>,
        weighs: bool,
    ) -> Self {
        Self {
            inner,
            recipe,
            frozen_after,
            stop: CancellationToken::new(),
            starts: JoinSet::new(),
            lives: JoinSet::new(),
            weighs,
        }
    }

    /// Until the pool is closed and its last process has ended.
    pub(super) async fn run(mut self) {
        let inner = Arc::clone(&self.inner);
        let mut weighing = interval(WEIGHING);
        weighing.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let deadline = self.obey();
            if self.is_over() {
                return;
            }
            tokio::select! {
                () = inner.work.notified() => {}
                Some(started) = self.starts.join_next() => started.into_iter().for_each(|started| self.started(started)),
                Some(ended) = self.lives.join_next() => {
                    ended.into_iter().for_each(|(worker, report)| inner.ended(worker, &report));
                }
                () = until(deadline) => inner.with(|state, now| state.core.tick(now)),
                _ = weighing.tick(), if self.weighs => self.weigh(),
            }
        }
    }

    /// Carries out what was decided. When it has to be looked at again.
    fn obey(&mut self) -> Option<Instant> {
        let (orders, deadline) = self.inner.next();
        for order in orders {
            match order {
                Order::Start { worker, slot: index, generation } => self.start(worker, Slot { index, generation }),
                Order::LetGo { worker } => self.inner.with(|state, _| {
                    if let Some(child) = state.children.get(&worker) {
                        child.shared().wish(Wish::Shutdown);
                    }
                }),
            }
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            self.enforce_curfew();
        }
        deadline
    }

    fn start(&mut self, worker: WorkerId, slot: Slot) {
        let (recipe, frozen_after, stop) = (Arc::clone(&self.recipe), self.frozen_after, self.stop.clone());
        // The spec is made by the program's own code.
        let start = AssertUnwindSafe(async move { recipe(slot, frozen_after, stop).await }).catch_unwind();
        self.starts.spawn(async move { Started { worker, slot, result: start.await } });
    }

    fn started(&mut self, started: Started<P>) {
        let Started { worker, slot, result } = started;
        match result {
            Ok(Ok(child)) => {
                let (inner, shared) = (Arc::downgrade(&self.inner), Arc::clone(child.shared()));
                let pardoned = move || {
                    inner.upgrade().inspect(|inner| inner.pardoned(worker));
                };
                // A child is started once.
                let _ = shared.on_pardon.set(Box::new(pardoned));
                self.lives.spawn(async move { (worker, shared.until_ended().await) });
                self.inner.ready(worker, slot.index, slot.generation, child);
            }
            Ok(Err(error)) => self.not_started(worker, error),
            Err(panic) => self.inner.not_ready(worker, NotOpened::Panicked(panic), Cure::None),
        }
    }

    fn not_started(&self, worker: WorkerId, error: StartError) {
        if matches!(error, StartError::ShuttingDown { .. }) {
            self.inner.close(Duration::ZERO);
        }
        if self.stop.is_cancelled() {
            // It was not wanted any more: nothing is wrong with it.
            return self.inner.with(|state, now| state.core.start_failed(worker, Cure::Retry, now));
        }
        let cure = cure(&error);
        self.inner.not_ready(worker, NotOpened::Start(error), cure);
    }

    /// Nothing is waited for any more: calls that wait are refused, children leave with their own graces.
    fn enforce_curfew(&mut self) {
        if self.inner.with(|state, now| state.curfew.take_if(|curfew| *curfew <= now)).is_some() {
            self.inner.abandon(Wish::Shutdown);
        }
    }

    fn weigh(&self) {
        let weighed = |(worker, child): (WorkerId, Child<P>)| Some((worker, child.shared().process.resident()?));
        let weights: Vec<_> = self.inner.workers().into_iter().filter_map(weighed).collect();
        self.inner.with(|state, now| {
            weights.into_iter().for_each(|(worker, bytes)| state.core.weighed(worker, bytes, now));
        });
    }

    /// True if the pool is closed and nothing is left of it. Those that are just being started are not waited for.
    fn is_over(&mut self) -> bool {
        let done = self.inner.read(|state| state.core.is_done());
        if done {
            self.stop.cancel();
        }
        done && self.lives.is_empty() && self.starts.is_empty()
    }
}

impl<P: Protocol> Drop for Keeper<P> {
    /// Also if the runtime is shut down: nobody must wait for a child that nobody starts.
    fn drop(&mut self) {
        self.inner.with(|state, _| {
            state.core.abandon();
            state.opening = None;
        });
        self.inner.ended.send_replace(true);
        self.inner.tell(PoolEvent::Closed);
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Whether the same start may go well a moment later.
fn cure(error: &StartError) -> Cure {
    match error {
        StartError::Spawn { .. }
        | StartError::Exited { .. }
        | StartError::Timeout { .. }
        | StartError::NotAttached { .. }
        | StartError::NameTaken { .. } => Cure::Retry,
        _ => Cure::None,
    }
}
