//! What the kernel knows of processes.

use std::fs;
use std::io;

use kinfolk_bench::Result;
use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal to a process of ours.
pub(crate) fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("there is no such process")?;
    Ok(kill_process(pid, signal)?)
}

/// A process, told from another that has its number later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) pid: u32,
    /// When it was started, in the kernel's ticks.
    started: u64,
}

impl Identity {
    /// `None` if there is no such process, or only what is left of it until it is reaped.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before may hold anything, also parentheses.
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (state != "Z" && state != "X").then_some(Self { pid, started })
    }

    pub(crate) fn lives(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }
}

/// What of this process may grow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Footprint {
    pub(crate) descriptors: u64,
    pub(crate) threads: u64,
    /// Children, reaped or not.
    pub(crate) children: u64,
    pub(crate) resident: u64,
}

impl Footprint {
    pub(crate) fn now() -> io::Result<Self> {
        let descriptors = fs::read_dir("/proc/self/fd")?.count() as u64;
        let (mut threads, mut children) = (0, 0);
        for task in fs::read_dir("/proc/self/task")? {
            threads += 1;
            let list = fs::read_to_string(task?.path().join("children")).unwrap_or_default();
            children += list.split_whitespace().count() as u64;
        }
        Ok(Self { descriptors, threads, children, resident: resident()? })
    }
}

/// Bytes of this process in memory.
pub(crate) fn resident() -> io::Result<u64> {
    status("VmRSS:")
}

/// The most there ever were.
pub(crate) fn peak() -> io::Result<u64> {
    status("VmHWM:")
}

fn status(key: &str) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kib: Option<u64> = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    kib.map(|kib| kib * 1_024).ok_or_else(|| io::Error::other(format!("no {key}")))
}

/// Open descriptors of a process and what they lead to.
pub(crate) fn descriptors(pid: u32) -> io::Result<Vec<(u32, String)>> {
    let mut open = Vec::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        // One that was closed meanwhile leads nowhere.
        let (Some(number), Ok(to)) = (number, fs::read_link(entry.path())) else { continue };
        open.push((number, to.display().to_string()));
    }
    open.sort_unstable();
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::{Footprint, Identity, descriptors, peak, resident};

    #[test]
    fn this_process_is_there_and_has_something() {
        let pid = std::process::id();
        assert!(Identity::of(pid).is_some_and(|identity| identity.lives()));
        assert!(Identity::of(u32::MAX).is_none());
        let footprint = Footprint::now().unwrap();
        assert!(footprint.descriptors > 2 && footprint.threads > 0 && footprint.resident > 0);
        assert!(peak().unwrap() >= resident().unwrap() / 2);
        assert!(descriptors(pid).unwrap().len() > 2);
    }
}
