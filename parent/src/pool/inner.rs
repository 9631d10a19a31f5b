//! What a pool's handles, its calls and its task share: the pure core under one short lock, and whoever waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::Waker;
#[cfg(feature = "tower")]
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use kinfolk_link::lock;
use kinfolk_protocol::Protocol;
use tokio::sync::{Notify, broadcast, oneshot, watch};

use super::core::{Charge, Core, Cure, Due, End, Fingerprint, Next, Order, Quarantined, Stage, Ticket, Word, WorkerId};
use super::error::Trouble;
use super::event::{PoolEvent, PoolEvents};
use super::opening::{NotOpened, Opening};
use super::refusal::Refusal;
use super::rules::Rules;
use super::tally::{Cause, PoolStats};
use crate::child::Child;
use crate::error::{StartError, Step};
use crate::report::{EndedBy, ExitReport, Why};
use crate::shared::Wish;

/// Events a reader may be late.
const EVENTS: usize = 256;

pub(crate) struct Inner<P: Protocol> {
    state: Mutex<State<P>>,
    /// The task has something to do.
    pub(super) work: Notify,
    /// True once no process is left.
    pub(super) ended: watch::Sender<bool>,
    events: broadcast::Sender<PoolEvent>,
    /// How long a handler has to end whose call was given up.
    pub(super) cancel_grace: Duration,
}

pub(super) struct State<P: Protocol> {
    pub(super) core: Core,
    pub(super) waiters: HashMap<Ticket, oneshot::Sender<Result<Grant<P>, Refusal>>>,
    pub(super) children: HashMap<WorkerId, Child<P>>,
    /// Calls that passed their deadline and whose handlers may still be at work.
    overdue: HashMap<WorkerId, Vec<Charge>>,
    /// What the latest failed of.
    trouble: Option<Arc<Trouble>>,
    /// Calls are refused for want of children.
    unavailable: bool,
    /// Whoever opens the pool, until its first children are ready.
    pub(super) opening: Option<Opening>,
    /// Whoever is to be told when there is room.
    room: Vec<Waker>,
    /// When the task looks again by itself.
    armed: Option<Instant>,
    /// From when on nothing is waited for any more.
    pub(super) curfew: Option<Instant>,
}

/// A child that a call may run on.
pub(super) struct Grant<P: Protocol> {
    pub(super) worker: WorkerId,
    pub(super) child: Child<P>,
    pub(super) since: Instant,
}

impl<P: Protocol> Inner<P> {
    /// A pool, and what tells when its first children are ready.
    pub(super) fn new(rules: Rules, cancel_grace: Duration) -> (Arc<Self>, oneshot::Receiver<Result<(), NotOpened>>) {
        let (result, opened) = oneshot::channel();
        let opening = Opening { wanted: rules.size.min, result };
        let state = State {
            core: Core::new(rules, fastrand::u64(..)),
            waiters: HashMap::new(),
            children: HashMap::new(),
            overdue: HashMap::new(),
            trouble: None,
            unavailable: false,
            opening: Some(opening),
            room: Vec::new(),
            armed: None,
            curfew: None,
        };
        let inner = Self {
            state: Mutex::new(state),
            work: Notify::new(),
            ended: watch::Sender::new(false),
            events: broadcast::Sender::new(EVENTS),
            cancel_grace,
        };
        inner.with(|state, now| {
            state.core.tick(now);
            state.opened();
        });
        (Arc::new(inner), opened)
    }

    /// Does something with the state, and tells everybody what came of it.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State<P>, Instant) -> R) -> R {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let result = act(&mut state, now);
        let unavailable = state.deliver(now);
        if let Some(trouble) = unavailable {
            self.tell(PoolEvent::Unavailable { trouble });
        }
        if state.has_work(now) {
            self.work.notify_one();
        }
        result
    }

    /// Looks at the state.
    pub(super) fn read<R>(&self, look: impl FnOnce(&State<P>) -> R) -> R {
        look(&lock(&self.state))
    }

    pub(super) fn tell(&self, event: PoolEvent) {
        // Nobody need listen.
        let _ = self.events.send(event);
    }

    pub(super) fn events(&self) -> PoolEvents {
        PoolEvents::new(self.events.subscribe())
    }

    /// A child is ready.
    pub(super) fn ready(&self, worker: WorkerId, slot: usize, generation: u64, child: Child<P>) {
        let event = PoolEvent::Ready { child: child.name().clone(), pid: child.pid(), slot, generation };
        let due = self.with(|state, now| {
            state.children.insert(worker, child);
            let due = state.core.ready(worker, now).map(recycled);
            due.inspect(|cause| state.core.tally.replaced(*cause));
            state.unavailable = false;
            state.opened();
            due
        });
        // Whoever acts on it finds the child among those that get calls.
        self.tell(event);
        if let Some(cause) = due {
            self.tell(PoolEvent::Recycled { slot, cause });
        }
    }

    /// A child did not become ready. While the pool is being opened that ends it.
    pub(super) fn not_ready(&self, worker: WorkerId, why: NotOpened, cure: Cure) {
        if let Some(opening) = self.with(|state, _| state.opening.take()) {
            // Whoever opened it may have given up.
            let _ = opening.result.send(Err(why));
            self.with(|state, now| state.core.start_failed(worker, cure, now));
            return self.close(Duration::ZERO);
        }
        let trouble = Arc::new(Trouble::from(why));
        self.tell(PoolEvent::NotReady { trouble: Arc::clone(&trouble) });
        self.with(|state, now| {
            state.trouble = Some(trouble);
            state.core.tally.replaced(Cause::NotReady);
            state.core.start_failed(worker, cure, now);
        });
    }

    /// A process has ended.
    pub(super) fn ended(&self, worker: WorkerId, report: &Arc<ExitReport>) {
        let cause = cause(report);
        let (unasked, quarantined) = self.with(|state, now| {
            // Whoever it was killed for is not owed any more, and is not among those that had begun.
            let others = state.children.remove(&worker).map_or(0, |child| child.owed() + child.begun_at_end());
            let charges = state.overdue.remove(&worker).unwrap_or_default();
            let alone = others == 0 && charges.len() == 1;
            let at_work = others > 0 || cause == Cause::Overrun;
            let blamed = charges.into_iter().filter(|_| cause == Cause::Overrun);
            let quarantined: Vec<_> =
                blamed.filter_map(|charge| state.core.accuse(&Charge { alone, ..charge }, now)).collect();
            // Before it is known that there may be none left.
            let known = state.trouble.replace(Arc::new(Trouble::Ended(Arc::clone(report))));
            let unasked = state.core.ended(worker, at_work, now);
            if unasked {
                state.core.tally.replaced(cause);
                state.not_opened(report);
            } else {
                state.trouble = known;
            }
            (unasked, quarantined)
        });
        let cause = unasked.then_some(cause);
        self.tell(PoolEvent::Ended { report: Arc::clone(report), cause });
        quarantined.into_iter().for_each(|entry| self.tell(PoolEvent::Quarantined(entry)));
    }

    /// A handler has ended whose call was given up before.
    pub(super) fn pardoned(&self, worker: WorkerId) {
        self.with(|state, now| {
            let owed = state.owed(worker);
            if owed == 0 {
                state.overdue.remove(&worker);
            }
            state.core.owes(worker, owed, now);
        });
    }

    /// An attempt is over. What it brought may be held against the call.
    pub(super) fn end(&self, worker: WorkerId, end: End, overdue: Option<Charge>) -> Next {
        let next = self.with(|state, now| {
            let owed = state.owed(worker);
            if let Some(charge) = overdue.filter(|_| owed > 0) {
                state.overdue.entry(worker).or_default().push(charge);
            }
            state.core.end(worker, end, owed, now)
        });
        if let (Next::Quarantined { kills, left }, End::Lost(loss)) = (next, end) {
            if let Some(Charge { fingerprint, message, .. }) = loss.blame {
                self.tell(PoolEvent::Quarantined(Quarantined { fingerprint, message, kills, left }));
            }
        }
        next
    }

    /// Lets nothing new in. What is open may come to its end within `limit`; then children are asked to leave.
    pub(super) fn close(&self, limit: Duration) {
        self.with(|state, now| {
            let curfew = now.checked_add(limit);
            state.curfew = state.curfew.into_iter().chain(curfew).min();
            state.core.close(now);
        });
        self.work.notify_one();
    }

    /// Waits for nothing any more; children are wished what is said.
    pub(super) fn abandon(&self, wish: Wish) {
        self.with(|state, _| {
            state.core.abandon();
            state.children.values().for_each(|child| child.shared().wish(wish));
        });
        self.work.notify_one();
    }

    pub(super) fn release(&self, fingerprint: Fingerprint) -> bool {
        let released = self.with(|state, _| state.core.release(fingerprint));
        if released {
            self.tell(PoolEvent::Released(fingerprint));
        }
        released
    }

    pub(super) fn stats(&self) -> PoolStats {
        self.read(|state| {
            let core = &state.core;
            PoolStats {
                serving: core.count(Stage::Serving),
                starting: core.count(Stage::Starting),
                spare: core.count(Stage::Spare),
                retiring: [Stage::Retiring, Stage::Gone, Stage::Lost].map(|stage| core.count(stage)).iter().sum(),
                waiting: core.waiting(),
                running: core.running(),
                quarantined: core.quarantined(Instant::now()).len(),
                ..core.tally.stats()
            }
        })
    }

    /// What is to be done with processes, and until when there is nothing else to do.
    pub(super) fn next(&self) -> (Vec<Order>, Option<Instant>) {
        let now = Instant::now();
        let mut state = lock(&self.state);
        let orders = state.core.orders();
        state.armed = state.core.next_deadline(now).into_iter().chain(state.curfew).min();
        (orders, state.armed)
    }

    /// The children that are ready.
    pub(super) fn children(&self) -> Vec<Child<P>> {
        self.workers().into_iter().map(|(_, child)| child).collect()
    }

    /// Those and how they are known here, in the order in which they were started.
    pub(super) fn workers(&self) -> Vec<(WorkerId, Child<P>)> {
        let mut all: Vec<_> =
            self.read(|state| state.children.iter().map(|(worker, child)| (*worker, child.clone())).collect());
        all.sort_unstable_by_key(|(worker, _)| *worker);
        all
    }

    /// Waits until no process is left.
    pub(super) async fn until_ended(&self) {
        // The sender lives in `self`.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
    }

    /// Why calls are refused for want of children.
    pub(super) fn trouble(&self) -> Option<Arc<Trouble>> {
        self.read(|state| state.trouble.clone())
    }
}

impl<P: Protocol> State<P> {
    /// Tells calls that wait what has become of them. Why there are no children, if that is news.
    fn deliver(&mut self, now: Instant) -> Option<Arc<Trouble>> {
        for (ticket, word) in self.core.words() {
            let Some(waiter) = self.waiters.remove(&ticket) else { continue };
            let word = match word {
                Word::Grant(worker) => Ok(self.grant(worker, now)),
                Word::Refuse(refusal) => Err(refusal),
            };
            // It listens until it has taken its leave under this very lock.
            let _ = waiter.send(word);
        }
        if !self.room.is_empty() && self.core.has_room(now) {
            self.room.drain(..).for_each(Waker::wake);
        }
        let news = !self.unavailable && self.core.is_unavailable(now);
        self.unavailable |= news;
        self.trouble.clone().filter(|_| news)
    }

    /// Ready when another call would get a child or a place in the queue.
    #[cfg(feature = "tower")]
    pub(super) fn poll_room(&mut self, cx: &Context<'_>, now: Instant) -> Poll<()> {
        if self.core.has_room(now) {
            return Poll::Ready(());
        }
        if !self.room.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.room.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// For a call that was let through to `worker` under this very lock.
    pub(super) fn grant(&self, worker: WorkerId, since: Instant) -> Grant<P> {
        let child = self.children.get(&worker).expect("calls go to children that are ready and have not ended");
        Grant { worker, child: child.clone(), since }
    }

    /// True if the task has to look before it would by itself.
    fn has_work(&self, now: Instant) -> bool {
        let earlier = |deadline| self.armed.is_none_or(|armed| deadline < armed);
        self.core.has_orders() || self.core.is_done() || self.core.next_deadline(now).is_some_and(earlier)
    }

    /// Tells whoever opens the pool that there are as many as it begins with.
    fn opened(&mut self) {
        let enough = |opening: &mut Opening| self.core.count(Stage::Serving) >= opening.wanted;
        if let Some(opening) = self.opening.take_if(enough) {
            let _ = opening.result.send(Ok(()));
        }
    }

    /// A child has ended before there were enough.
    fn not_opened(&mut self, report: &Arc<ExitReport>) {
        if let Some(opening) = self.opening.take() {
            let (child, report) = (report.child.clone(), Arc::clone(report));
            let _ = opening.result.send(Err(NotOpened::Start(StartError::Exited { child, step: Step::Init, report })));
            self.core.abandon();
        }
    }

    pub(super) fn owed(&self, worker: WorkerId) -> usize {
        self.children.get(&worker).map_or(0, Child::owed)
    }
}

/// Why a child ended that nobody had let go.
fn cause(report: &ExitReport) -> Cause {
    match report.ended_by {
        EndedBy::Us(Why::CancelIgnored) => Cause::Overrun,
        EndedBy::Us(Why::Frozen) => Cause::Frozen,
        EndedBy::Us(Why::Misbehaved) => Cause::Misbehaved,
        EndedBy::Us(Why::Killed | Why::Shutdown | Why::ParentDropped | Why::RuntimeEnded) => Cause::Asked,
        EndedBy::OomLikely => Cause::OomLikely,
        _ => Cause::Ended,
    }
}

fn recycled(due: Due) -> Cause {
    match due {
        Due::Calls => Cause::Calls,
        Due::Age => Cause::Age,
        Due::Memory => Cause::Memory,
    }
}
