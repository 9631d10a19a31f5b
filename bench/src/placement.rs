//! On which CPUs parent and children run: the largest single effect on a round trip, so it is chosen, not left open.

use std::io;

use rustix::thread::{CpuSet, sched_setaffinity};
use serde::Serialize;

/// Where both processes of a measurement run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Both on CPU 0: the CPU cost of a message, repeatable to a few percent even beside other load.
    SameCpu,
    /// The scheduler decides: what a user feels on a quiet machine, with the wake-up of an idle CPU in it.
    Free,
}

impl Placement {
    /// Binds this thread, and with it each thread and child it starts from now on.
    ///
    /// # Errors
    /// CPU 0 is not among the CPUs this process may use.
    pub fn apply(self) -> io::Result<()> {
        if self == Self::Free {
            return Ok(());
        }
        let mut first = CpuSet::new();
        first.set(0);
        Ok(sched_setaffinity(None, &first)?)
    }
}
