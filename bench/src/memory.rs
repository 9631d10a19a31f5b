//! What a live process occupies, as the kernel counts it.

use std::fs;
use std::io;

use serde::Serialize;

/// Memory of one process in kB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The most that was ever resident (`VmHWM`), pages shared with other processes included.
    pub hwm_kb: u64,
    /// Resident now, each shared page divided by the number of its users (`Pss`).
    pub pss_kb: u64,
    /// Resident now and nobody else's: what one more child costs.
    pub private_kb: u64,
}

impl Memory {
    /// Reads the figures of the process `pid`, which must be alive and ours.
    ///
    /// # Errors
    /// The process is gone, or this kernel has no `/proc/<pid>/smaps_rollup`.
    pub fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        Ok(Self {
            hwm_kb: kilobytes(&status, "VmHWM:"),
            pss_kb: kilobytes(&rollup, "Pss:"),
            private_kb: kilobytes(&rollup, "Private_Clean:") + kilobytes(&rollup, "Private_Dirty:"),
        })
    }
}

fn kilobytes(text: &str, key: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(key))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Memory, kilobytes};

    #[test]
    fn a_line_is_found_by_its_whole_key() {
        let text = "Pss_Dirty:   7 kB\nPss:   120 kB\n";
        assert_eq!((kilobytes(text, "Pss:"), kilobytes(text, "Rss:")), (120, 0));
    }

    #[test]
    fn this_process_occupies_something() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.hwm_kb > 0 && memory.pss_kb > 0 && memory.private_kb > 0);
    }
}
