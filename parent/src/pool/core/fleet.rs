//! How many children there are, which of them serve, and who takes whose place.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::health::{Cure, Health};
use super::retrying::{factor, jittered};
use super::worker::{Company, Due, Stage, Term, Worker, WorkerId};
use crate::pool::rules::Rules;

/// What is to be done with a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Start one.
    Start { worker: WorkerId, slot: usize, generation: u64 },
    /// It has no calls and gets no more: have it leave.
    LetGo { worker: WorkerId },
}

#[derive(Debug)]
pub(crate) struct Fleet {
    rules: Rules,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    pub(crate) orders: Vec<Order>,
    health: Health,
    /// How many are to serve now.
    desired: usize,
    grown: Option<Instant>,
    /// The generation of each slot's latest child.
    generations: Vec<u64>,
    last: u64,
    closing: bool,
}

impl Fleet {
    pub(crate) fn new(rules: Rules) -> Self {
        let desired = rules.size.min;
        Self {
            rules,
            workers: BTreeMap::new(),
            orders: Vec::new(),
            health: Health::default(),
            desired,
            grown: None,
            generations: Vec::new(),
            last: 0,
            closing: false,
        }
    }

    pub(crate) fn count(&self, stage: Stage) -> usize {
        self.workers.values().filter(|worker| worker.stage == stage).count()
    }

    /// True if one child after the other has failed, none is left, and none may be started now or is wanted already.
    pub(crate) fn is_unavailable(&self, now: Instant) -> bool {
        let none = || self.count(Stage::Serving) + self.count(Stage::Spare) == 0;
        self.health.is_bad() && none() && (self.desired > 0 || !self.health.may_start(now))
    }

    /// True if somebody who serves has room.
    pub(crate) fn has_room(&self) -> bool {
        self.workers.values().any(|worker| worker.free(self.rules.credits) > 0)
    }

    /// It is ready. Whoever it succeeds is let go, and returned.
    pub(crate) fn ready(&mut self, id: WorkerId, now: Instant) -> Option<WorkerId> {
        let serving = self.count(Stage::Serving);
        let worker = self.workers.get_mut(&id)?;
        (worker.since, worker.idle_since) = (now, now);
        let predecessor = worker.successor_of.take();
        worker.stage = match predecessor {
            _ if self.closing => Stage::Retiring,
            Some(_) => Stage::Serving,
            None if serving < self.desired => Stage::Serving,
            None => Stage::Spare,
        };
        if let Some(predecessor) = predecessor {
            self.retire(predecessor);
        }
        self.let_go(id);
        predecessor
    }

    pub(crate) fn start_failed(&mut self, id: WorkerId, cure: Cure, now: Instant, rng: &mut Rng) {
        let started = self.workers.remove(&id).map_or(now, |worker| worker.started);
        self.health.start_failed(started, cure, now, rng);
    }

    /// A call came to its end there.
    pub(crate) fn served(&mut self, id: WorkerId, took: Duration) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.served(took);
            self.health.answered(worker.started);
        }
    }

    /// Its process has ended, with calls at work or not. True if nobody had let it go.
    pub(crate) fn ended(&mut self, id: WorkerId, at_work: bool, now: Instant, rng: &mut Rng) -> bool {
        let Some(worker) = self.workers.remove(&id) else { return false };
        self.orphan(id);
        let unasked = worker.stage != Stage::Gone;
        if unasked {
            self.health.died(worker.life(at_work, now), now, rng);
        }
        unasked
    }

    /// Gives it no more calls.
    pub(crate) fn retire(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            if matches!(worker.stage, Stage::Serving | Stage::Spare) {
                worker.stage = Stage::Retiring;
                self.orphan(id);
            }
            self.let_go(id);
        }
    }

    /// Its link is gone: nothing is to be sent there any more.
    pub(crate) fn lost(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            if matches!(worker.stage, Stage::Serving | Stage::Spare) {
                worker.stage = Stage::Lost;
                self.orphan(id);
            }
        }
    }

    /// Whoever was to take its place counts by itself from now on.
    fn orphan(&mut self, id: WorkerId) {
        for worker in self.workers.values_mut().filter(|worker| worker.successor_of == Some(id)) {
            worker.successor_of = None;
        }
    }

    /// Has a child leave that retires and has no calls left.
    pub(crate) fn let_go(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            if worker.stage == Stage::Retiring && worker.is_idle() {
                worker.stage = Stage::Gone;
                self.orders.push(Order::LetGo { worker: id });
            }
        }
    }

    /// Takes no new ones in, and lets all go that have no calls.
    pub(crate) fn close(&mut self) {
        self.closing = true;
        let all: Vec<_> = self.workers.keys().copied().collect();
        all.into_iter().for_each(|id| self.retire(id));
    }

    /// So many bytes of its memory are resident.
    pub(crate) fn weighed(&mut self, id: WorkerId, bytes: u64) {
        if let Some(worker) = self.workers.get_mut(&id) {
            if worker.term.memory.is_some_and(|limit| bytes > limit) {
                worker.due.get_or_insert(Due::Memory);
            }
        }
    }

    /// Starts, promotes and lets go as the times ask for.
    pub(crate) fn reconcile(&mut self, oldest: Option<Instant>, now: Instant, rng: &mut Rng) {
        if self.closing {
            return;
        }
        self.grow(oldest, now);
        self.shrink(now);
        self.promote(now);
        self.recycle(now, rng);
        let live = |worker: &&Worker| {
            matches!(worker.stage, Stage::Starting | Stage::Serving | Stage::Spare) && worker.successor_of.is_none()
        };
        let mut live = self.workers.values().filter(live).count();
        while live < self.wanted() && self.health.may_start(now) {
            self.start(None, now, rng);
            live += 1;
        }
        while live > self.wanted() {
            let Some(spare) = self.of(Stage::Spare).next_back() else { return };
            self.retire(spare);
            live -= 1;
        }
    }

    /// When [`reconcile`](Self::reconcile) has something to do that no event brings about.
    pub(crate) fn next_deadline(&self, oldest: Option<Instant>, now: Instant) -> Option<Instant> {
        if self.closing {
            return None;
        }
        let growth = oldest.filter(|_| self.may_grow(now)).and_then(|oldest| self.growth_due(oldest));
        let pause = self.health.not_before(now);
        let ages = self.workers.values().filter(|worker| worker.stage == Stage::Serving && worker.due.is_none());
        let ages = ages.filter_map(|worker| worker.since.checked_add(worker.term.age?));
        let idle = self.idle().filter_map(|(_, since)| since.checked_add(self.rules.idle));
        growth.into_iter().chain(pause).chain(ages).chain(idle).min()
    }

    fn wanted(&self) -> usize {
        if self.desired == 0 { 0 } else { self.desired.saturating_add(self.rules.spares) }
    }

    fn may_grow(&self, now: Instant) -> bool {
        let starting = self.count(Stage::Starting);
        let room = self.desired < self.rules.size.max && starting <= self.count(Stage::Serving);
        room && !self.has_room() && self.health.may_start(now)
    }

    /// When the next is due, if ever.
    fn growth_due(&self, oldest: Instant) -> Option<Instant> {
        if self.desired == 0 {
            return Some(oldest);
        }
        let since = self.grown.map_or(oldest, |grown| grown.max(oldest));
        since.checked_add(self.rules.grow_after)
    }

    /// One more, if somebody has waited too long for those there are: then again after as long.
    fn grow(&mut self, oldest: Option<Instant>, now: Instant) {
        let due = oldest.filter(|_| self.may_grow(now)).and_then(|oldest| self.growth_due(oldest));
        if due.is_some_and(|due| due <= now) {
            self.desired += 1;
            self.grown = Some(now);
        }
    }

    /// Those that may be let go because they have nothing to do.
    fn idle(&self) -> impl Iterator<Item = (WorkerId, Instant)> {
        let spare = self.desired > self.rules.size.min && self.count(Stage::Serving) == self.desired;
        let idle = move |worker: &Worker| spare && worker.stage == Stage::Serving && worker.is_idle();
        self.workers.iter().filter(move |(_, worker)| idle(worker)).map(|(id, worker)| (*id, worker.idle_since))
    }

    fn shrink(&mut self, now: Instant) {
        let longest = self.idle().min_by_key(|(_, since)| *since);
        if let Some((id, since)) = longest {
            if now.saturating_duration_since(since) >= self.rules.idle {
                self.desired -= 1;
                self.retire(id);
            }
        }
    }

    fn promote(&mut self, now: Instant) {
        while self.count(Stage::Serving) < self.desired {
            let Some(spare) = self.of(Stage::Spare).next() else { return };
            if let Some(worker) = self.workers.get_mut(&spare) {
                (worker.stage, worker.idle_since) = (Stage::Serving, now);
            }
        }
    }

    /// Starts the successor of one that is due: one at a time, and none while the one before still finishes its calls,
    /// so that a pool is never much larger than it should be.
    fn recycle(&mut self, now: Instant, rng: &mut Rng) {
        for worker in self.workers.values_mut().filter(|worker| worker.stage == Stage::Serving) {
            if worker.term.age.is_some_and(|age| now.saturating_duration_since(worker.since) >= age) {
                worker.due.get_or_insert(Due::Age);
            }
        }
        let retires = |slot| self.workers.values().any(|other| other.slot == slot && other.stage == Stage::Retiring);
        let is_due = |worker: &Worker| worker.stage == Stage::Serving && worker.due.is_some() && !retires(worker.slot);
        let due = self.workers.iter().find(|(_, worker)| is_due(worker));
        let under_way = self.workers.values().any(|worker| worker.successor_of.is_some());
        if let Some(id) = due.map(|(id, _)| *id).filter(|_| !under_way && self.health.may_start(now)) {
            self.start(Some(id), now, rng);
        }
    }

    fn start(&mut self, successor_of: Option<WorkerId>, now: Instant, rng: &mut Rng) {
        let slot = match successor_of.and_then(|id| self.workers.get(&id)) {
            Some(predecessor) => predecessor.slot,
            None => self.free_slot(),
        };
        if slot >= self.generations.len() {
            self.generations.resize(slot + 1, 0);
        }
        self.generations[slot] += 1;
        self.last += 1;
        let (worker, generation, term) = (WorkerId(self.last), self.generations[slot], self.term(rng));
        self.workers.insert(worker, Worker::new(slot, term, successor_of, now));
        self.orders.push(Order::Start { worker, slot, generation });
    }

    fn free_slot(&self) -> usize {
        let live = |worker: &&Worker| matches!(worker.stage, Stage::Starting | Stage::Serving | Stage::Spare);
        let taken: Vec<_> = self.workers.values().filter(live).map(|worker| worker.slot).collect();
        (0..).find(|slot| !taken.contains(slot)).unwrap_or_default()
    }

    fn term(&self, rng: &mut Rng) -> Term {
        let rule = &self.rules.recycle;
        let mut some = |limit: u64| ((limit as f64 * factor(rule.jitter, rng)) as u64).max(1);
        let (calls, memory) = (rule.calls.map(&mut some), rule.memory.map(&mut some));
        Term { calls, memory, age: rule.age.map(|age| jittered(age, rule.jitter, rng)) }
    }

    fn of(&self, stage: Stage) -> impl DoubleEndedIterator<Item = WorkerId> {
        self.workers.iter().filter(move |(_, worker)| worker.stage == stage).map(|(id, _)| *id)
    }

    /// It has one call more, which runs alone or not.
    pub(crate) fn begin(&mut self, id: WorkerId, alone: bool) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.running += 1;
            if alone {
                worker.company = Company::Alone;
            }
        }
    }

    /// It has one call fewer, and `owed` handlers that may still be at work for nobody.
    pub(crate) fn end(&mut self, id: WorkerId, owed: usize, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.running = worker.running.saturating_sub(1);
        }
        self.owes(id, owed, now);
    }

    /// So many handlers may be at work there for nobody.
    pub(crate) fn owes(&mut self, id: WorkerId, owed: usize, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.owed = owed;
            if worker.is_idle() {
                worker.idle_since = now;
                if worker.company == Company::Alone {
                    worker.company = Company::Any;
                }
            }
            self.let_go(id);
        }
    }
}
