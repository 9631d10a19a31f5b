//! What a pool decides, as a state machine: which call runs where and when, which is tried again, which child is
//! started, replaced or let go. Time is an argument, and what is to be done is returned.

mod admission;
mod blame;
mod fleet;
mod health;
mod queue;
mod retrying;
mod routing;
mod terms;
#[cfg(test)]
mod tests;
mod worker;

use std::time::{Duration, Instant};

use fastrand::Rng;

use self::blame::{Blame, Standing};
pub use self::blame::{Fingerprint, Quarantined};
use self::fleet::Fleet;
pub(crate) use self::fleet::Order;
pub(crate) use self::health::Cure;
pub(crate) use self::queue::Ticket;
use self::queue::{Queue, Waiting};
use self::retrying::Retrying;
use self::routing::Router;
pub(crate) use self::terms::{Ask, Charge, End, Loss, Next, Patience, Word};
use self::worker::{Company, Worker};
pub(crate) use self::worker::{Due, Stage, WorkerId};
use crate::pool::refusal::Refusal;
use crate::pool::rules::Rules;
use crate::pool::tally::Tally;

#[derive(Debug)]
pub(crate) struct Core {
    rules: Rules,
    queue: Queue,
    fleet: Fleet,
    router: Router,
    blame: Blame,
    retrying: Retrying,
    rng: Rng,
    words: Vec<(Ticket, Word)>,
    pub(crate) tally: Tally,
    last: u64,
    /// Calls that have come and are not over.
    open: usize,
    closing: bool,
    abandoned: bool,
}

impl Core {
    pub(crate) fn new(rules: Rules, seed: u64) -> Self {
        Self {
            queue: Queue::new(rules.bound(), rules.aging),
            fleet: Fleet::new(rules.clone()),
            router: Router::new(rules.routing, rules.credits),
            blame: Blame::new(rules.quarantine),
            retrying: Retrying::new(rules.retry),
            rng: Rng::with_seed(seed),
            words: Vec::new(),
            tally: Tally::default(),
            last: 0,
            open: 0,
            closing: false,
            abandoned: false,
            rules,
        }
    }

    /// A new call: its ticket, and who has room for it, if anybody has.
    pub(crate) fn enter(&mut self, ask: &Ask, now: Instant) -> Result<(Ticket, Option<WorkerId>), Refusal> {
        let ticket = Ticket(self.last + 1);
        let call = Waiting::new(ticket, ask, now);
        let chosen = self.router.choose(&call, &self.fleet.workers);
        if let Some(refusal) = self.refusal(ask, chosen, now) {
            self.tally.refused(refusal);
            return Err(refusal);
        }
        self.last += 1;
        self.open += 1;
        self.tally.submitted += 1;
        self.place(call, chosen, now, Queue::push);
        Ok((ticket, chosen))
    }

    /// A call that was here before, for its next attempt: nobody goes before it.
    pub(crate) fn again(&mut self, ticket: Ticket, ask: &Ask, now: Instant) -> Result<Option<WorkerId>, Refusal> {
        if self.abandoned {
            return Err(Refusal::ShuttingDown);
        }
        if self.is_unavailable(now) {
            return Err(Refusal::Unavailable);
        }
        let call = Waiting::new(ticket, ask, now);
        let chosen = self.router.choose(&call, &self.fleet.workers);
        self.place(call, chosen, now, Queue::push_front);
        Ok(chosen)
    }

    /// A call gives its child back without having run there: it is to run alone.
    pub(crate) fn give_back(&mut self, worker: WorkerId, owed: usize, now: Instant) {
        self.fleet.end(worker, owed, now);
        self.tick(now);
    }

    /// A call is over that was never run, or between two attempts.
    pub(crate) fn leave(&mut self, ticket: Ticket, now: Instant) {
        self.queue.remove(ticket);
        self.over();
        self.tick(now);
    }

    /// An attempt is over; `owed` handlers may be at work in that child for nobody.
    pub(crate) fn end(&mut self, worker: WorkerId, end: End, owed: usize, now: Instant) -> Next {
        if let End::Answered { took, suspect } = end {
            self.fleet.served(worker, took);
            self.tally.served(took);
            self.retrying.earn();
            suspect.inspect(|fingerprint| self.blame.acquit(*fingerprint));
        }
        self.fleet.end(worker, owed, now);
        let next = match end {
            End::Lost(loss) => {
                self.fleet.lost(worker);
                self.after(loss, now)
            }
            _ => Next::Over,
        };
        match next {
            Next::Again { .. } => self.tally.retried += 1,
            _ => self.over(),
        }
        self.tick(now);
        next
    }

    /// A child died of a call that nobody waits for any more. What is new about it, if it is in quarantine now.
    pub(crate) fn accuse(&mut self, charge: &Charge, now: Instant) -> Option<Quarantined> {
        let Charge { fingerprint, message, alone } = *charge;
        match self.blame.accuse(fingerprint, message, alone, now) {
            Standing::Quarantined { kills, left } => Some(Quarantined { fingerprint, message, kills, left }),
            _ => None,
        }
    }

    /// So many handlers may be at work there for nobody.
    pub(crate) fn owes(&mut self, worker: WorkerId, owed: usize, now: Instant) {
        self.fleet.owes(worker, owed, now);
        self.tick(now);
    }

    /// A child is ready. Why the one was replaced that it succeeds, if it does.
    pub(crate) fn ready(&mut self, worker: WorkerId, now: Instant) -> Option<Due> {
        let predecessor = self.fleet.ready(worker, now);
        let due = predecessor.and_then(|id| self.fleet.workers.get(&id)?.due);
        self.tick(now);
        due
    }

    pub(crate) fn start_failed(&mut self, worker: WorkerId, cure: Cure, now: Instant) {
        self.fleet.start_failed(worker, cure, now, &mut self.rng);
        self.tick(now);
    }

    /// A process has ended, with calls at work or not. True if nobody had let it go.
    pub(crate) fn ended(&mut self, worker: WorkerId, at_work: bool, now: Instant) -> bool {
        let unasked = self.fleet.ended(worker, at_work, now, &mut self.rng);
        self.tick(now);
        unasked
    }

    /// So many bytes of a child's memory are resident.
    pub(crate) fn weighed(&mut self, worker: WorkerId, bytes: u64, now: Instant) {
        self.fleet.weighed(worker, bytes);
        self.tick(now);
    }

    /// Lets nothing new in. Children leave when they have no calls, and none waits.
    pub(crate) fn close(&mut self, now: Instant) {
        self.closing = true;
        self.tick(now);
    }

    /// Waits for nothing any more: what waits for a child is refused, also between two attempts, and no child is
    /// replaced. Calls that have a child may be polled late, or never.
    pub(crate) fn abandon(&mut self) {
        (self.closing, self.abandoned) = (true, true);
        self.refuse_all(Refusal::ShuttingDown);
        self.fleet.close();
    }

    fn refuse_all(&mut self, refusal: Refusal) {
        for call in self.queue.drain() {
            self.over();
            self.tally.refused(refusal);
            self.words.push((call.ticket, Word::Refuse(refusal)));
        }
    }

    /// Does what the time asks for, whatever happened.
    pub(crate) fn tick(&mut self, now: Instant) {
        self.fleet.reconcile(self.queue.oldest(), now, &mut self.rng);
        if self.is_unavailable(now) {
            self.refuse_all(Refusal::Unavailable);
        }
        self.feed(now);
        if self.closing && self.open == 0 {
            self.fleet.close();
        }
    }

    /// When [`tick`](Self::tick) has something to do that no event brings about.
    pub(crate) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        self.fleet.next_deadline(self.queue.oldest(), now)
    }

    /// What calls that wait are to be told.
    pub(crate) fn words(&mut self) -> Vec<(Ticket, Word)> {
        std::mem::take(&mut self.words)
    }

    /// What is to be done with processes.
    pub(crate) fn orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.fleet.orders)
    }

    pub(crate) fn has_orders(&self) -> bool {
        !self.fleet.orders.is_empty()
    }

    /// True if calls are refused for want of children.
    pub(crate) fn is_unavailable(&self, now: Instant) -> bool {
        self.fleet.is_unavailable(now)
    }

    /// True if it is closed and no call is waited for.
    pub(crate) fn is_done(&self) -> bool {
        self.closing && (self.open == 0 || self.abandoned)
    }

    /// How many calls wait for a child.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    /// How many calls children have.
    pub(crate) fn running(&self) -> usize {
        self.fleet.workers.values().map(|worker| worker.running).sum()
    }

    pub(crate) fn count(&self, stage: Stage) -> usize {
        self.fleet.count(stage)
    }

    /// True if another call would not have to stand in the line: it would run, have a place in the queue, or be refused.
    pub(crate) fn has_room(&self, now: Instant) -> bool {
        self.closing || self.is_unavailable(now) || self.fleet.has_room() || !self.queue.is_full()
    }

    pub(crate) fn blames(&self) -> bool {
        self.blame.is_kept()
    }

    pub(crate) fn watches(&self, message: &'static str, now: Instant) -> bool {
        self.blame.watches(message, now)
    }

    /// Whether a call may run, and if so, whether alone.
    pub(crate) fn judge(&self, fingerprint: Fingerprint, now: Instant) -> Result<bool, Refusal> {
        match self.blame.standing(fingerprint, now) {
            Standing::Clear => Ok(false),
            Standing::Suspect => Ok(true),
            Standing::Quarantined { kills, left } => Err(Refusal::Quarantined { kills, left }),
        }
    }

    pub(crate) fn release(&mut self, fingerprint: Fingerprint) -> bool {
        self.blame.release(fingerprint)
    }

    pub(crate) fn quarantined(&self, now: Instant) -> Vec<Quarantined> {
        self.blame.quarantined(now)
    }

    /// A call that was let in is refused after all.
    pub(crate) fn refused(&mut self, refusal: Refusal) {
        self.tally.refused(refusal);
    }

    fn place(&mut self, call: Waiting, chosen: Option<WorkerId>, now: Instant, push: impl Fn(&mut Queue, Waiting)) {
        match chosen {
            Some(worker) => self.grant(&call, worker, now),
            None => {
                push(&mut self.queue, call);
                self.tick(now);
            }
        }
    }

    fn grant(&mut self, call: &Waiting, worker: WorkerId, now: Instant) {
        self.fleet.begin(worker, call.alone);
        self.tally.waited(now.saturating_duration_since(call.entered));
    }

    /// Gives those that have room what waits for them, until nobody gets anything: what goes lets others in from the
    /// line.
    fn feed(&mut self, now: Instant) {
        loop {
            if self.queue.has_loner() {
                self.clear_for_loner();
            } else {
                self.resume();
            }
            let before = self.words.len();
            let ids: Vec<_> = self.fleet.workers.keys().copied().collect();
            for id in ids {
                while let Some(call) = self.next_for(id, now) {
                    self.grant(&call, id, now);
                    self.words.push((call.ticket, Word::Grant(id)));
                }
            }
            if self.words.len() == before {
                return;
            }
        }
    }

    fn next_for(&mut self, id: WorkerId, now: Instant) -> Option<Waiting> {
        let Self { queue, fleet, router, rules, .. } = self;
        let workers = &fleet.workers;
        let worker: &Worker = workers.get(&id)?;
        if worker.free(rules.credits) == 0 && !worker.takes_loner() {
            return None;
        }
        queue.take(now, |call| router.fits(call, worker, workers))
    }

    /// Has one child run empty for a call that is to run alone.
    fn clear_for_loner(&mut self) {
        let chosen = self.router.clear_for_loner(&self.fleet.workers);
        if let Some(worker) = chosen.and_then(|id| self.fleet.workers.get_mut(&id)) {
            worker.company = Company::Awaited;
        }
    }

    /// Nobody is to run alone: whoever ran empty for it need not.
    fn resume(&mut self) {
        let awaited = self.fleet.workers.values_mut().filter(|worker| worker.company == Company::Awaited);
        awaited.for_each(|worker| worker.company = Company::Any);
    }

    fn after(&mut self, loss: Loss, now: Instant) -> Next {
        if !loss.begun {
            // A suspect stays one: the call itself remembers that.
            return Next::Again { pause: Duration::ZERO, alone: false };
        }
        let mut alone = false;
        if let Some(Charge { fingerprint, message, alone: sure }) = loss.blame {
            match self.blame.accuse(fingerprint, message, sure, now) {
                Standing::Quarantined { kills, left } => return Next::Quarantined { kills, left },
                standing => alone = standing == Standing::Suspect,
            }
        }
        if !loss.idempotent {
            return Next::Over;
        }
        match self.retrying.again(loss.attempts, &mut self.rng) {
            Some(pause) => Next::Again { pause, alone },
            None => Next::Over,
        }
    }

    fn over(&mut self) {
        self.open -= 1;
    }
}
