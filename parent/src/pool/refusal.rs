//! Why a pool does not take a call, or gives it up while it waits.

use std::time::Duration;

/// See [`PoolError`](super::PoolError).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Overloaded { waiting: usize },
    Quarantined { kills: u32, left: Duration },
    Unavailable,
    ShuttingDown,
}
