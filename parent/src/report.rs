//! How a child ended, and what is known about why.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use kinfolk_link::{Reaped, Signal, Usage};
use kinfolk_protocol::{ChildName, PanicInfo, Untaken};

/// Everything known about the end of a child.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ExitReport {
    /// Its name.
    pub child: ChildName,
    /// Its process.
    pub pid: u32,
    /// How the process ended.
    pub status: ExitStatus,
    /// Who ended it.
    pub ended_by: EndedBy,
    /// The last panic it told of.
    pub panic: Option<PanicInfo>,
    /// Its last lines on stderr, if the spec reads them ([`Stdio::lines`](crate::Stdio::lines)).
    pub stderr: Vec<String>,
    /// From the spawn to the end.
    pub uptime: Duration,
    /// What the process used.
    pub usage: Usage,
    /// Calls without an answer when it ended.
    pub calls_in_flight: usize,
    /// One-way messages that were accepted here and that the child has not confirmed, by type.
    pub untaken: Vec<Untaken>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExitStatus {
    /// It returned from `main` or called `exit`.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// The signal's number.
        number: i32,
        /// True if it left a core dump.
        core_dumped: bool,
    },
    /// Nobody told us: the process was attached, not started by us, or the kernel did not end it by SIGKILL.
    Unknown,
}

/// Who ended a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndedBy {
    /// A signal of ours.
    Us(Why),
    /// It returned, exited, or crashed.
    Itself,
    /// SIGKILL from somebody else: most likely the kernel, out of memory.
    OomLikely,
    /// Another signal from somebody else, or unknown.
    Unknown,
}

/// Why we signalled a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// `kill` was called.
    Killed,
    /// It did not leave within its graces after `shutdown`.
    Shutdown,
    /// It ended its link and did not leave within its grace.
    LinkEnded,
    /// It did not keep to the protocol.
    Misbehaved,
    /// It sent no valid hello in time.
    HandshakeTimeout,
    /// It was not ready in time.
    InitTimeout,
    /// The handler of a call that was given up with [`CancelMode::KillAfter`](kinfolk_link::CancelMode::KillAfter) had
    /// not ended within its grace.
    CancelIgnored,
    /// It was frozen while calls were in flight: stopped, or without a sign of life, for as long as
    /// [`ChildSpec::frozen_after`](crate::ChildSpec::frozen_after) says.
    Frozen,
    /// The future that was starting it was dropped.
    StartDropped,
    /// The `Parent` was dropped.
    ParentDropped,
    /// The runtime that looked after it was shut down.
    RuntimeEnded,
}

impl ExitStatus {
    pub(crate) fn of(reaped: &Reaped) -> Self {
        let status = reaped.status;
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(number)) => Self::Signal { number, core_dumped: status.core_dumped() },
            (None, None) => Self::Unknown,
        }
    }

    /// True if the process returned 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl EndedBy {
    /// Judges by the status and by the reason we signalled for, if we did.
    pub(crate) fn judge(status: ExitStatus, why: Option<Why>, terminate: Signal) -> Self {
        let ExitStatus::Signal { number, .. } = status else {
            return if status == ExitStatus::Unknown { Self::Unknown } else { Self::Itself };
        };
        let kill = Signal::KILL.as_raw();
        match why {
            Some(why) if number == kill || number == terminate.as_raw() => Self::Us(why),
            _ if number == kill => Self::OomLikely,
            _ if CRASHES.iter().any(|crash| crash.as_raw() == number) => Self::Itself,
            _ => Self::Unknown,
        }
    }
}

/// Signals a process gets for what it did itself.
const CRASHES: [Signal; 9] = [
    Signal::ABORT,
    Signal::SEGV,
    Signal::BUS,
    Signal::ILL,
    Signal::FPE,
    Signal::TRAP,
    Signal::SYS,
    Signal::PIPE,
    Signal::XCPU,
];

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal { number, core_dumped } => {
                write!(f, "signal {number}")?;
                if *core_dumped { f.write_str(" (core dumped)") } else { Ok(()) }
            }
            Self::Unknown => f.write_str("unknown status"),
        }
    }
}

impl fmt::Display for EndedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Us(why) => write!(f, "by its parent: {why}"),
            Self::Itself => f.write_str("by itself"),
            Self::OomLikely => f.write_str("by a SIGKILL from outside, possibly out of memory"),
            Self::Unknown => f.write_str("by nobody known here"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Killed => "`kill` was called",
            Self::Shutdown => "it did not leave in time after `shutdown`",
            Self::LinkEnded => "its link had ended and it did not leave in time",
            Self::Misbehaved => "it did not keep to the protocol",
            Self::HandshakeTimeout => "it sent no valid hello in time",
            Self::InitTimeout => "it was not ready in time",
            Self::CancelIgnored => "a handler did not end within the grace of its cancel",
            Self::Frozen => "it was frozen: stopped, or without a sign of life, for as long as its spec allows",
            Self::StartDropped => "nobody waited for its start any more",
            Self::ParentDropped => "the `Parent` was dropped",
            Self::RuntimeEnded => "the runtime that looked after it was shut down",
        })
    }
}

impl fmt::Display for ExitReport {
    /// One sentence: status, who ended it, its panic, its last line on stderr.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, after {:.1?}", self.status, self.ended_by, self.uptime)?;
        if let Some(panic) = &self.panic {
            write!(f, "; it panicked: {panic}")?;
        }
        if let Some(line) = self.stderr.last() {
            write!(f, "; its last line on stderr: {line:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(signal: Signal) -> ExitStatus {
        ExitStatus::Signal { number: signal.as_raw(), core_dumped: false }
    }

    #[test]
    fn only_a_signal_we_sent_is_ours() {
        let judge = |status, why| EndedBy::judge(status, why, Signal::TERM);
        assert_eq!(judge(signal(Signal::KILL), Some(Why::Killed)), EndedBy::Us(Why::Killed));
        assert_eq!(judge(signal(Signal::TERM), Some(Why::Shutdown)), EndedBy::Us(Why::Shutdown));
        assert_eq!(judge(signal(Signal::KILL), None), EndedBy::OomLikely);
        assert_eq!(judge(signal(Signal::SEGV), Some(Why::Shutdown)), EndedBy::Itself);
        assert_eq!(judge(signal(Signal::HUP), None), EndedBy::Unknown);
        assert_eq!(judge(ExitStatus::Code(0), Some(Why::Shutdown)), EndedBy::Itself);
        assert_eq!(judge(ExitStatus::Unknown, None), EndedBy::Unknown);
    }
}
