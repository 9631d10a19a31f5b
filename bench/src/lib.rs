//! Measures kinfolk beside what the kernel and tokio allow without it, so that a figure always stands next to the
//! limit of the same run on the same machine: an absolute number says little, the ratio says what the framework costs.
//!
//! Every measurement uses two real processes. The children are this same executable started again: [`child_main`]
//! must therefore be the first call of each binary here.
#![deny(unsafe_code)]

mod blobs;
mod contender;
mod fairness;
mod limits;
mod measure;
mod memory;
mod ours;
mod peer;
mod placement;
mod pools;
mod sample;
mod scenario;
mod stats;

pub use crate::contender::{Contender, child_main};
pub use crate::measure::Pace;
pub use crate::memory::Memory;
pub use crate::peer::{Failure, Result};
pub use crate::placement::Placement;
pub use crate::sample::{Better, Figure, Metric, Sample};
pub use crate::scenario::Scenario;
pub use crate::stats::Spread;
