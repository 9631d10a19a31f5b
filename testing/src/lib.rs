//! For tests of programs that use kinfolk.
//!
//! - [`in_process`] runs a child's `main` on a thread of the test, over a real link with the same frames, so that its
//!   handlers can be stepped through and measured without a process.
//! - [`bin`] finds a program of the workspace.
//! - [`FaultPlan`] cuts, delays, garbles or stalls a link at a given frame.
//! - [`Snapshot`] tells which descriptors and processes a test has left behind.
#![forbid(unsafe_code)]

// Modules import only from those listed below them.
mod binary;
mod hosted;
mod leaks;

mod faults;
mod tracker;

pub use binary::bin;
pub use faults::{Fault, FaultPlan};
pub use hosted::in_process;
pub use leaks::Snapshot;
