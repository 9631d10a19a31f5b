//! What a test has left behind.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// The descriptors and child processes of this process at one moment.
///
/// Other tests of the same process that run at the same time open descriptors too: put a test that looks for leaks in a
/// test binary of its own, or run it with `--test-threads=1`. Take the snapshot within the runtime: tokio opens a few
/// descriptors once per process, for its first runtime, and keeps them.
///
/// ```
/// let before = kinfolk_testing::Snapshot::take();
/// // … start children, call them, end them …
/// before.assert_no_leaks();
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    descriptors: BTreeMap<u32, PathBuf>,
    children: BTreeMap<u32, String>,
}

/// Descriptors of processes that have just ended may take a moment to go.
const LIMIT: Duration = Duration::from_secs(5);
const STEP: Duration = Duration::from_millis(5);

impl Snapshot {
    /// What there is now.
    #[must_use]
    pub fn take() -> Self {
        Self { descriptors: descriptors(), children: children() }
    }

    /// Waits a few seconds for everything to be gone that was not there when the snapshot was taken. Blocks the thread:
    /// on a runtime with one thread, drop or end what is to be gone first.
    ///
    /// # Panics
    /// If something is left, naming it: descriptors with what they stand for, processes with their state (`Z` for a
    /// zombie, which nobody has reaped).
    pub fn assert_no_leaks(&self) {
        let end = Instant::now() + LIMIT;
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "left behind: {}", left.join(", "));
            thread::sleep(STEP);
        }
    }

    fn left(&self) -> Vec<String> {
        let new = descriptors().into_iter().filter(|(fd, target)| self.descriptors.get(fd) != Some(target));
        let descriptors = new.map(|(fd, target)| format!("descriptor {fd} ({})", target.display()));
        let new = children().into_iter().filter(|(pid, _)| !self.children.contains_key(pid));
        descriptors.chain(new.map(|(pid, what)| format!("process {pid} {what}"))).collect()
    }
}

fn descriptors() -> BTreeMap<u32, PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    // The descriptor that lists them is gone by the time it is looked up.
    entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, fs::read_link(entry.path()).ok()?)))
        .filter(|(_, target): &(u32, PathBuf)| !target.starts_with("/proc/"))
        .collect()
}

/// By process id: name and state.
fn children() -> BTreeMap<u32, String> {
    let own = std::process::id();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // `pid (name) state parent …`; the name may hold anything.
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
            let mut fields = rest.split_whitespace();
            let state = fields.next()?;
            let parent: u32 = fields.next()?.parse().ok()?;
            (parent == own).then(|| (pid, format!("`{name}` in state {state}")))
        })
        .collect()
}
