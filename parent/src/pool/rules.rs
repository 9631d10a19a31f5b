//! What may be set about a pool, in plain values.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::thread::available_parallelism;
use std::time::Duration;

/// Which calls of a pool go first. One that waits rises: after [`PoolBuilder::aging`](super::PoolBuilder::aging) it is
/// worth a class more, so that none waits for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Priority {
    /// After the others.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// Before the others.
    High,
}

impl Priority {
    pub(crate) const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];
    pub(crate) const COUNT: usize = Self::ALL.len();
}

/// How many children a pool has: a number, or a range within which it grows and shrinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSize {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Default for PoolSize {
    /// One child per processor this process may use.
    fn default() -> Self {
        Self::from(available_parallelism().map_or(1, NonZeroUsize::get))
    }
}

impl From<usize> for PoolSize {
    /// Always so many; one if it is 0.
    fn from(size: usize) -> Self {
        Self { min: size.max(1), max: size.max(1) }
    }
}

impl From<RangeInclusive<usize>> for PoolSize {
    /// Never fewer and never more. From 0 on, no child lives while there is nothing to do.
    fn from(range: RangeInclusive<usize>) -> Self {
        let max = (*range.end()).max(1);
        Self { min: (*range.start()).min(max), max }
    }
}

/// What becomes of a call for which the queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits for room, in the order in which calls came.
    #[default]
    Wait,
    /// It ends as [`PoolError::Overloaded`](super::PoolError::Overloaded).
    Refuse,
    /// Refused, and not only then: also if a call has waited for longer than this, unless its class is higher than the
    /// lowest that waits. A queue may be long for a moment, and only one that does not get shorter is an overload.
    ShedAfter(Duration),
}

/// Which child gets a call that has no [key](super::Submission::key).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Routing {
    /// Whoever has room for the most; of those, whoever was fastest lately.
    #[default]
    LeastLoaded,
    /// One after the other.
    RoundRobin,
}

/// When a child is replaced though nothing is wrong with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recycle {
    pub(crate) calls: Option<u64>,
    pub(crate) age: Option<Duration>,
    pub(crate) memory: Option<u64>,
    /// Each limit is a child's own, up to this share more or less.
    pub(crate) jitter: f64,
}

/// How often and how soon a call is tried again whose child died with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    pub(crate) attempts: u32,
    /// Retries per finished call.
    pub(crate) budget: f64,
    pub(crate) pause: Duration,
}

/// When a call counts as poison, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quarantine {
    pub(crate) kills: u32,
    pub(crate) ttl: Duration,
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) size: PoolSize,
    pub(crate) spares: usize,
    /// Calls a child may have at once.
    pub(crate) credits: usize,
    pub(crate) queue: Option<usize>,
    pub(crate) when_full: WhenFull,
    pub(crate) routing: Routing,
    pub(crate) aging: Duration,
    pub(crate) grow_after: Duration,
    pub(crate) idle: Duration,
    pub(crate) recycle: Recycle,
    pub(crate) retry: Retry,
    pub(crate) quarantine: Option<Quarantine>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            size: PoolSize::default(),
            spares: 0,
            credits: 1,
            queue: None,
            when_full: WhenFull::default(),
            routing: Routing::default(),
            aging: Duration::from_secs(1),
            grow_after: Duration::from_millis(20),
            idle: Duration::from_secs(60),
            recycle: Recycle { calls: None, age: None, memory: None, jitter: 0.1 },
            retry: Retry { attempts: 3, budget: 0.1, pause: Duration::from_millis(10) },
            quarantine: Some(Quarantine { kills: 2, ttl: Duration::from_secs(600) }),
        }
    }
}

impl Rules {
    /// How many calls may wait.
    pub(crate) fn bound(&self) -> usize {
        self.queue.unwrap_or_else(|| self.size.max.saturating_mul(self.credits).saturating_mul(4))
    }
}
