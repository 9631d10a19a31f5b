//! One child of a pool, as far as the pool's decisions need it.

use std::time::{Duration, Instant};

use super::health::Life;

/// A child of a pool, never used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WorkerId(pub(crate) u64);

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not ready yet.
    Starting,
    /// Gets calls.
    Serving,
    /// Ready, to take the place of one that dies.
    Spare,
    /// Gets no more calls, and is let go when it has none.
    Retiring,
    /// Was let go.
    Gone,
    /// Its link is gone: its process ends by itself, or is ended by its driver.
    Lost,
}

/// Who may be beside whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Company {
    /// Any calls at once.
    Any,
    /// Gets no more calls but one that is to run alone, once it has none.
    Awaited,
    /// Has a call that runs alone.
    Alone,
}

/// Why a worker is replaced though nothing is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Due {
    Calls,
    Age,
    Memory,
}

/// A worker's own limits, jittered.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Term {
    pub(crate) calls: Option<u64>,
    pub(crate) age: Option<Duration>,
    pub(crate) memory: Option<u64>,
}

/// How fast the average follows: an eighth of each new value, as TCP's round trip times do (RFC 6298).
const SMOOTHING: f64 = 0.125;

#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) slot: usize,
    pub(crate) stage: Stage,
    /// It takes over from this one when it is ready.
    pub(crate) successor_of: Option<WorkerId>,
    pub(crate) company: Company,
    /// Calls it has.
    pub(crate) running: usize,
    /// Calls that were given up and whose handlers may still be at work.
    pub(crate) owed: usize,
    pub(crate) answered: u64,
    pub(crate) term: Term,
    pub(crate) due: Option<Due>,
    pub(crate) started: Instant,
    /// When it became ready; when it was started, before.
    pub(crate) since: Instant,
    /// Since when it has had nothing to do.
    pub(crate) idle_since: Instant,
    /// Average, in seconds.
    pub(crate) service_time: f64,
}

impl Worker {
    pub(crate) fn new(slot: usize, term: Term, successor_of: Option<WorkerId>, now: Instant) -> Self {
        Self {
            slot,
            stage: Stage::Starting,
            successor_of,
            company: Company::Any,
            running: 0,
            owed: 0,
            answered: 0,
            term,
            due: None,
            started: now,
            since: now,
            idle_since: now,
            service_time: 0.0,
        }
    }

    /// How many calls more it may have. None while a handler is at work there for nobody: it may have to be killed.
    pub(crate) fn free(&self, credits: usize) -> usize {
        match (self.stage, self.company, self.owed) {
            (Stage::Serving, Company::Any, 0) => credits.saturating_sub(self.running),
            _ => 0,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.running == 0 && self.owed == 0
    }

    /// True if a call may run on it with nothing beside.
    pub(crate) fn takes_loner(&self) -> bool {
        self.stage == Stage::Serving && self.company != Company::Alone && self.is_idle()
    }

    /// A call has come to an end after so long.
    pub(crate) fn served(&mut self, took: Duration) {
        self.answered += 1;
        let took = took.as_secs_f64();
        let weight = if self.answered == 1 { 1.0 } else { SMOOTHING };
        self.service_time += weight * (took - self.service_time);
        if self.term.calls.is_some_and(|calls| self.answered >= calls) {
            self.due.get_or_insert(Due::Calls);
        }
    }

    /// How it has lived, if it ends now, with calls at work or not.
    pub(crate) fn life(&self, at_work: bool, now: Instant) -> Life {
        let lived = now.saturating_duration_since(self.since);
        Life { started: self.started, answered: self.answered, lived, at_work }
    }
}
