//! Pools: many children of one spec, for intense work that survives its workers.
//!
//! [`Parent::pool`](crate::Parent::pool) makes a [`PoolBuilder`], which is awaited for a [`Pool`]. `docs/pools.md` has
//! what is promised, and every default with its reason.

// Modules import only from those listed below them.
#[cfg(feature = "tower")]
mod service;

mod handle;

mod builder;
mod task;

mod replies;
mod submission;

mod course;

mod journey;

mod inner;

mod opening;

mod event;

mod error;

mod core;

mod tally;

mod refusal;
mod rules;

pub use self::builder::{PoolBuilder, Slot};
pub use self::core::{Fingerprint, Quarantined};
pub use self::error::{PoolError, PoolSite, Trouble};
pub use self::event::{PoolEvent, PoolEvents};
pub use self::handle::Pool;
pub use self::replies::PoolReplies;
pub use self::rules::{PoolSize, Priority, Routing, WhenFull};
pub use self::submission::{Submission, TrySubmitError};
pub use self::tally::{Cause, PoolStats, Spread};
