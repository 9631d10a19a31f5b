//! What the kernel tells of a process in `/proc`: whether it runs, how long it has, how much memory it has.
//!
//! Whoever asks sees to it that the number still means that process. What cannot be read is `None`: there may be no
//! `/proc`, or the process has ended.

use std::fs;

use kinfolk_link::page_size;

/// What a process is doing, as far as the kernel can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vitals {
    pub(crate) state: State,
    /// Processor time of all of its threads, in the kernel's ticks: usually a hundred a second.
    pub(crate) ticks: u64,
}

/// The state of a process's first thread, as far as it says anything of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for something.
    Waiting,
    /// It has a processor, or waits for one.
    Runnable,
    /// A signal has stopped it.
    Stopped,
    /// Somebody traces it, as debuggers do, whatever it is doing.
    Traced,
    /// It has ended, or its first thread has.
    Ended,
}

impl Vitals {
    /// Of the process of this number.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Self::parse(&stat, &status)
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The name of the program stands in brackets and may itself have some, and spaces: proc_pid_stat(5).
        let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
        let state = State::of(fields.next()?, is_traced(status)?);
        let mut times = fields.skip(10).map(|field| field.parse::<u64>().ok());
        Some(Self { state, ticks: times.next()??.checked_add(times.next()??)? })
    }
}

impl State {
    fn of(letter: &str, traced: bool) -> Self {
        match letter {
            "Z" | "X" | "x" => Self::Ended,
            _ if traced => Self::Traced,
            "T" | "t" => Self::Stopped,
            "R" => Self::Runnable,
            _ => Self::Waiting,
        }
    }
}

fn is_traced(status: &str) -> Option<bool> {
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    Some(line.trim() != "0")
}

/// The memory a process has resident, in bytes.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    // The first number is what is mapped, the second what is there: proc_pid_statm(5).
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "7 (a b) R) (c) S 1 7 7 0 -1 4194560 90 0 0 0 12 30 5 6 20 0 1 0 99 1000 20 18446744073709551615";

    fn parse(stat: &str, status: &str) -> Option<Vitals> {
        Vitals::parse(stat, status)
    }

    #[test]
    fn a_line_is_read_behind_the_name_whatever_that_is() {
        let free = "Name:\ta\nTracerPid:\t0\nUid:\t0";
        assert_eq!(parse(STAT, free), Some(Vitals { state: State::Waiting, ticks: 42 }));
        for (letter, state) in
            [("R", State::Runnable), ("T", State::Stopped), ("t", State::Stopped), ("Z", State::Ended)]
        {
            assert_eq!(
                parse(&STAT.replace(" S ", &format!(" {letter} ")), free).map(|vitals| vitals.state),
                Some(state)
            );
        }
        assert_eq!(parse("7 (a) S 1 7", free), None);
        assert_eq!(parse(STAT, "Name:\ta"), None);
    }

    #[test]
    fn who_is_traced_is_never_taken_for_stopped() {
        let traced = "TracerPid:\t12\n";
        for letter in ["S", "t", "T", "R"] {
            let vitals = parse(&STAT.replace(" S ", &format!(" {letter} ")), traced);
            assert_eq!(vitals.map(|vitals| vitals.state), Some(State::Traced));
        }
    }

    #[test]
    fn this_process_has_memory_and_has_run() {
        let own = std::process::id();
        assert!(Vitals::of(own).is_some());
        assert!(resident(own).is_some_and(|bytes| bytes > 100_000));
        assert_eq!((Vitals::of(0), resident(0)), (None, None));
    }
}
