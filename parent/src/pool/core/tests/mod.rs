//! A pool's rules without processes: a bench plays the processes and the callers, with invented times.

mod failing;
mod growing;
mod random;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::*;
use crate::pool::rules::{PoolSize, Priority, Recycle, Retry, Routing, Rules, WhenFull};

const MS: Duration = Duration::from_millis(1);

/// A pool whose processes and callers are the test.
struct Bench {
    core: Core,
    now: Instant,
    rules: Rules,
    /// Calls that wait.
    waiting: BTreeSet<Ticket>,
    /// Calls that run, and where.
    running: BTreeMap<Ticket, WorkerId>,
    refused: Vec<(Ticket, Refusal)>,
    /// Processes that are to become ready.
    starting: Vec<(WorkerId, usize)>,
    ready: BTreeMap<WorkerId, usize>,
    /// Processes that were let go.
    leaving: Vec<WorkerId>,
}

impl Bench {
    fn new(rules: Rules) -> Self {
        let mut bench = Self {
            core: Core::new(rules.clone(), 7),
            now: Instant::now(),
            rules,
            waiting: BTreeSet::new(),
            running: BTreeMap::new(),
            refused: Vec::new(),
            starting: Vec::new(),
            ready: BTreeMap::new(),
            leaving: Vec::new(),
        };
        bench.core.tick(bench.now);
        bench.follow();
        bench
    }

    /// With its first children ready.
    fn open(rules: Rules) -> Self {
        let mut bench = Self::new(rules);
        bench.all_ready();
        bench
    }

    /// Does what was decided.
    fn follow(&mut self) {
        for (ticket, word) in self.core.words() {
            assert!(self.waiting.remove(&ticket), "{ticket:?} was told {word:?} and does not wait");
            match word {
                Word::Grant(worker) => self.runs(ticket, worker),
                Word::Refuse(refusal) => self.refused.push((ticket, refusal)),
            }
        }
        for order in self.core.orders() {
            match order {
                Order::Start { worker, slot, .. } => self.starting.push((worker, slot)),
                Order::LetGo { worker } => {
                    assert!(self.ready.remove(&worker).is_some(), "{worker:?} was let go and is not there");
                    assert!(!self.running.values().any(|at| *at == worker), "{worker:?} was let go with calls");
                    self.leaving.push(worker);
                }
            }
        }
    }

    fn runs(&mut self, ticket: Ticket, worker: WorkerId) {
        assert!(self.ready.contains_key(&worker), "{ticket:?} was given to {worker:?}, which is not ready");
        self.running.insert(ticket, worker);
    }

    fn ask(&self) -> Ask {
        let priority = Priority::Normal;
        Ask { priority, key: None, alone: false, since: self.now, patience: Patience::Patient }
    }

    fn enter(&mut self, ask: &Ask) -> Result<Ticket, Refusal> {
        let (ticket, worker) = self.core.enter(ask, self.now)?;
        self.placed(ticket, worker);
        Ok(ticket)
    }

    fn submit(&mut self) -> Ticket {
        self.enter(&self.ask()).unwrap()
    }

    fn submit_many(&mut self, count: usize) {
        for _ in 0..count {
            self.submit();
        }
    }

    fn placed(&mut self, ticket: Ticket, worker: Option<WorkerId>) {
        match worker {
            Some(worker) => self.runs(ticket, worker),
            None => assert!(self.waiting.insert(ticket)),
        }
        self.follow();
    }

    /// Ends a call that runs.
    fn end(&mut self, ticket: Ticket, end: End, owed: usize) -> Next {
        let worker = self.running.remove(&ticket).expect("it runs");
        let next = self.core.end(worker, end, owed, self.now);
        self.follow();
        next
    }

    fn answer(&mut self, ticket: Ticket) {
        assert_eq!(self.end(ticket, End::Answered { took: MS, suspect: None }, 0), Next::Over);
    }

    fn lose(&mut self, ticket: Ticket, loss: Loss) -> Next {
        self.end(ticket, End::Lost(loss), 0)
    }

    fn again(&mut self, ticket: Ticket, alone: bool) {
        let ask = Ask { alone, ..self.ask() };
        let worker = self.core.again(ticket, &ask, self.now).unwrap();
        self.placed(ticket, worker);
    }

    fn ready_one(&mut self) -> WorkerId {
        let (worker, slot) = self.starting.remove(0);
        self.ready.insert(worker, slot);
        self.core.ready(worker, self.now);
        self.follow();
        worker
    }

    fn all_ready(&mut self) {
        while !self.starting.is_empty() {
            self.ready_one();
        }
    }

    /// A process ends. Its calls are lost first, as their callers learn it first.
    fn die(&mut self, worker: WorkerId) {
        self.ready.remove(&worker);
        self.leaving.retain(|leaving| *leaving != worker);
        self.core.ended(worker, false, self.now);
        self.follow();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.core.tick(self.now);
        self.follow();
    }
}

fn fixed(size: usize) -> Rules {
    Rules { size: PoolSize::from(size), ..Rules::default() }
}

fn loss(begun: bool) -> Loss {
    Loss { begun, blame: None, idempotent: true, attempts: 1 }
}
