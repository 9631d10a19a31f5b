//! What is said between a pool and its calls.

use std::time::{Duration, Instant};

use super::blame::Fingerprint;
use super::worker::WorkerId;
use crate::pool::refusal::Refusal;
use crate::pool::rules::Priority;

/// What a call wants of its pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) priority: Priority,
    pub(crate) key: Option<u64>,
    /// With nothing beside it.
    pub(crate) alone: bool,
    /// When it came first.
    pub(crate) since: Instant,
    pub(crate) patience: Patience,
}

/// Whether a call may stand in the line if the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// If the pool says so.
    Patient,
    /// No.
    Now,
}

/// What becomes of a call that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Grant(WorkerId),
    Refuse(Refusal),
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// By a word of its child's.
    Answered { took: Duration, suspect: Option<Fingerprint> },
    /// Its caller does not wait any more.
    GivenUp,
    /// Its child is gone.
    Lost(Loss),
}

/// An attempt whose child is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    /// Its handler had begun.
    pub(crate) begun: bool,
    /// It may be what the child died of.
    pub(crate) blame: Option<Charge>,
    pub(crate) idempotent: bool,
    /// Those made, this one among them.
    pub(crate) attempts: u32,
}

/// What is held against a call whose child died.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) message: &'static str,
    /// No other call had begun there.
    pub(crate) alone: bool,
}

/// What comes after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The call is over, with what the attempt brought.
    Over,
    /// It is tried again.
    Again { pause: Duration, alone: bool },
    /// It is over: it killed too many.
    Quarantined { kills: u32, left: Duration },
}
