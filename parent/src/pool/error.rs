//! How a pool's calls end without a reply.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_link::Delivery;

use super::core::Fingerprint;
use crate::error::{CallError, StartError};
use crate::report::ExitReport;

/// How a call to a pool ended without a reply. Every call ends exactly once.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError<E> {
    /// As the last child that was asked says, or the way it ended. `Exited` and `Disconnected` are final: the call had
    /// begun and is not idempotent, or it was tried as often as it may be.
    Call(CallError<E>),
    /// It still waited for a child when its deadline had passed.
    Deadline {
        /// The call.
        call: PoolSite,
        /// How long was waited.
        after: Duration,
        /// How far an attempt before had come.
        delivery: Delivery,
    },
    /// It still waited for a child when its token was cancelled.
    Cancelled {
        /// The call.
        call: PoolSite,
        /// How far an attempt before had come.
        delivery: Delivery,
    },
    /// There is no room for it in the queue.
    Overloaded {
        /// The call.
        call: PoolSite,
        /// How many wait.
        waiting: usize,
    },
    /// It has killed too many children.
    Quarantined {
        /// The call.
        call: PoolSite,
        /// What it is known by: for [`Pool::release`](super::Pool::release).
        fingerprint: Fingerprint,
        /// How many.
        kills: u32,
        /// For how long it is refused.
        left: Duration,
    },
    /// One child after the other has failed, and none is left. The pool goes on trying, and takes calls again when one
    /// is ready.
    Unavailable {
        /// The call.
        call: PoolSite,
        /// What the last one failed of.
        trouble: Arc<Trouble>,
        /// How far an attempt before had come.
        delivery: Delivery,
    },
    /// The pool, or its parent, is shutting down.
    ShuttingDown {
        /// The call.
        call: PoolSite,
        /// How far an attempt before had come.
        delivery: Delivery,
    },
}

/// Which call, to which pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSite {
    /// The name of the pool's protocol.
    pub protocol: &'static str,
    /// The name of the message's type.
    pub message: &'static str,
}

/// What is wrong with a pool's children.
#[derive(Debug)]
#[non_exhaustive]
pub enum Trouble {
    /// One did not become ready.
    Start(StartError),
    /// One ended before it had answered any call.
    Ended(Arc<ExitReport>),
    /// The function that makes their specs panicked.
    Spec(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => {
                error.fmt(f)?;
                let mut next = error.source();
                while let Some(source) = next {
                    write!(f, ": {source}")?;
                    next = source.source();
                }
                Ok(())
            }
            Self::Ended(report) => write!(f, "child `{}` ended before it answered anything: {report}", report.child),
            Self::Spec(panic) => write!(f, "the function that makes their specs panicked: {panic}"),
        }
    }
}

impl fmt::Display for PoolSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call `{}` to a pool of `{}` children", self.message, self.protocol)
    }
}

impl<E> PoolError<E> {
    /// True if the call certainly did not run, so that a retry is safe.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        match self {
            Self::Call(error) => error.is_undelivered(),
            Self::Quarantined { .. } => false,
            _ => self.delivery().is_none_or(|delivery| delivery < Delivery::Started),
        }
    }

    /// How far its attempts had come at most, where the last ended without a word of its handler's.
    #[must_use]
    pub fn delivery(&self) -> Option<Delivery> {
        match self {
            Self::Call(error) => error.delivery(),
            Self::Deadline { delivery, .. }
            | Self::Cancelled { delivery, .. }
            | Self::Unavailable { delivery, .. }
            | Self::ShuttingDown { delivery, .. } => Some(*delivery),
            Self::Overloaded { .. } | Self::Quarantined { .. } => None,
        }
    }

    /// True if its last child ended, or the link did, before it answered.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Call(error) if error.is_lost())
    }

    /// True if there was no answer in time.
    #[must_use]
    pub fn is_deadline(&self) -> bool {
        matches!(self, Self::Deadline { .. }) || matches!(self, Self::Call(error) if error.is_deadline())
    }

    /// True if its token was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. }) || matches!(self, Self::Call(error) if error.is_cancelled())
    }

    /// True if it was refused for want of room.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        matches!(self, Self::Overloaded { .. })
    }

    /// True if it is in quarantine.
    #[must_use]
    pub fn is_quarantined(&self) -> bool {
        matches!(self, Self::Quarantined { .. })
    }

    /// The handler's own error, if it declined.
    pub fn into_app(self) -> Option<E> {
        match self {
            Self::Call(error) => error.into_app(),
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for PoolError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Deadline { call, after, .. } => write!(f, "{call} still waited for a child after {after:?}"),
            Self::Cancelled { call, .. } => write!(f, "{call} was cancelled while it waited for a child"),
            Self::Overloaded { call, waiting } => write!(f, "{call} was refused: {waiting} calls wait already"),
            Self::Quarantined { call, fingerprint, kills, left } => {
                write!(
                    f,
                    "{call} is in quarantine for {left:.0?}: {kills} children died of it (fingerprint {fingerprint}; \
                     `Pool::release` lets it run again)"
                )
            }
            Self::Unavailable { call, trouble, .. } => write!(f, "{call} has no child to run on: {trouble}"),
            Self::ShuttingDown { call, .. } => write!(f, "{call} was refused: the pool is shutting down"),
        }
    }
}

// As with `CallError`, `Display` carries the handler's error, which need not be an `Error`.
impl<E: fmt::Debug + fmt::Display> Error for PoolError<E> {}
