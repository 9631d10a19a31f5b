//! Errors by operation: starting a child, and calling it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_link::{Delivery, Misbehaviour, ShapeMismatch};
use kinfolk_protocol::{ChildName, CodecError, Fault, LimitsError, NameError, PanicInfo, Refusal};
use thiserror::Error;

use crate::program::ProgramError;
use crate::report::ExitReport;

/// Why a child did not become ready. Nothing of it is left: where a process was started it has been ended and reaped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The name is none.
    #[error("a child cannot be called that")]
    Name(#[source] NameError),
    /// Another child of this parent has the name.
    #[error("there is a child `{child}` already: names are unique, and free again once `Exited` was seen")]
    NameTaken {
        /// The name.
        child: ChildName,
    },
    /// Nothing could be sent within the limits.
    #[error("the limits of child `{child}` leave no room")]
    Limits {
        /// The child.
        child: ChildName,
        /// Which.
        source: LimitsError,
    },
    /// The init value cannot be encoded.
    #[error("the init value of child `{child}` cannot be encoded")]
    EncodeInit {
        /// The child.
        child: ChildName,
        /// Why.
        source: CodecError,
    },
    /// The init value is longer than the child takes.
    #[error("the init value of child `{child}` has {bytes} bytes, the child takes {max}: send large data as messages")]
    InitTooLong {
        /// The child.
        child: ChildName,
        /// Its length, in bytes.
        bytes: usize,
        /// What the child takes.
        max: u32,
    },
    /// This process was itself started as a child, and has not become one.
    #[error(
        "this process was started to play the role `{role}`, and became a parent instead: ask `kinfolk::child::role()` first in `main`"
    )]
    Unclaimed {
        /// The role it was to play.
        role: String,
    },
    /// The parent is shutting down.
    #[error("child `{child}` cannot be started: its parent is shutting down")]
    ShuttingDown {
        /// The child.
        child: ChildName,
    },
    /// There is no such program.
    #[error("the program of child `{child}` cannot be run")]
    Program {
        /// The child.
        child: ChildName,
        /// Why.
        source: ProgramError,
    },
    /// The operating system does not start it.
    #[error("child `{child}` cannot be started from {}{}", program.display(), hint(source, cwd.as_deref()))]
    Spawn {
        /// The child.
        child: ChildName,
        /// Its program.
        program: PathBuf,
        /// Its working directory, if the spec sets one.
        cwd: Option<PathBuf>,
        /// What the operating system says.
        source: io::Error,
    },
    /// Its output file cannot be opened.
    #[error("child `{child}` cannot write to {}", path.display())]
    Output {
        /// The child.
        child: ChildName,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Nobody attached to the invitation in time.
    #[error("nobody attached as child `{child}` within {after:?}")]
    NotAttached {
        /// The child.
        child: ChildName,
        /// How long was waited.
        after: Duration,
    },
    /// The program ended before it was ready.
    #[error("child `{child}` ended {step} ({report})")]
    Exited {
        /// The child.
        child: ChildName,
        /// How far it had come.
        step: Step,
        /// How it ended.
        report: Arc<ExitReport>,
    },
    /// The program did not get ready in time, and was killed.
    #[error("child `{child}` did not get {} within {after:?}, and was killed: {}", step.goal(), step.advice())]
    Timeout {
        /// The child.
        child: ChildName,
        /// How far it had come.
        step: Step,
        /// How long was waited.
        after: Duration,
        /// How it ended.
        report: Arc<ExitReport>,
    },
    /// The program is not kinfolk's, or broke the protocol, and was killed.
    #[error("child `{child}` was killed: {misbehaviour}")]
    Misbehaved {
        /// The child.
        child: ChildName,
        /// What it did.
        misbehaviour: Misbehaviour,
        /// How it ended.
        report: Arc<ExitReport>,
    },
    /// The program and this parent do not go together.
    #[error("child `{child}` was refused: {refusal}")]
    Refused {
        /// The child.
        child: ChildName,
        /// Why.
        refusal: Refusal,
        /// How it ended.
        report: Arc<ExitReport>,
    },
    /// Its own initialization failed.
    #[error("the initialization of child `{child}` failed: {fault:#}")]
    InitFailed {
        /// The child.
        child: ChildName,
        /// What it said.
        fault: Fault,
        /// How it ended.
        report: Arc<ExitReport>,
    },
}

/// How far a child came on its way to ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// It had not said hello.
    Handshake,
    /// It had not finished its initialization.
    Init,
}

impl Step {
    fn goal(self) -> &'static str {
        match self {
            Self::Handshake => "through its handshake",
            Self::Init => "ready",
        }
    }

    fn advice(self) -> &'static str {
        match self {
            Self::Handshake => "is it a kinfolk program, and does its `main` begin with `kinfolk::child::main`?",
            Self::Init => "does its initialization hang? `init_timeout` sets the limit",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "before it said hello",
            Self::Init => "during its initialization",
        })
    }
}

/// A missing working directory is reported as a missing program, which has misled many.
fn hint(error: &io::Error, cwd: Option<&std::path::Path>) -> String {
    match cwd {
        Some(cwd) if error.kind() == io::ErrorKind::NotFound => format!(": does {} exist?", cwd.display()),
        _ if error.raw_os_error() == Some(8) => {
            ": it is neither an executable nor a script with a `#!` line".to_owned()
        }
        _ => String::new(),
    }
}

/// How a call ended without a reply. Every call ends exactly once.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError<E> {
    /// Its handler declined, in the message's own words.
    App(E),
    /// There was no answer in time. The child was told that nobody waits any more.
    Deadline {
        /// The call.
        call: CallSite,
        /// How long was waited.
        after: Duration,
        /// How far the call had come.
        delivery: Delivery,
    },
    /// The token given to `cancel_on` was cancelled. The child was told that nobody waits any more.
    Cancelled {
        /// The call.
        call: CallSite,
        /// How far the call had come.
        delivery: Delivery,
    },
    /// Its handler panicked. The child goes on.
    Panicked {
        /// The call.
        call: CallSite,
        /// Text and place.
        panic: PanicInfo,
    },
    /// The child has no handler for it.
    Unsupported {
        /// The call.
        call: CallSite,
    },
    /// The child was built from another definition of the message. Other types of messages are not touched.
    ShapeMismatch {
        /// The call.
        call: CallSite,
        /// Both definitions.
        mismatch: Box<ShapeMismatch>,
    },
    /// The message cannot be encoded, is longer than the child takes, or does not decode there.
    BadMessage {
        /// The call.
        call: CallSite,
        /// What is wrong, in words.
        reason: String,
    },
    /// The reply cannot be encoded, is longer than this parent takes, or does not decode here.
    BadReply {
        /// The call.
        call: CallSite,
        /// What is wrong, in words.
        reason: String,
    },
    /// The link ended before there was an answer, and the process lives on, for now.
    Disconnected {
        /// The call.
        call: CallSite,
        /// How far the call had come.
        delivery: Delivery,
    },
    /// The child ended before it answered.
    Exited {
        /// The call.
        call: CallSite,
        /// How far the call had come.
        delivery: Delivery,
        /// How the child ended.
        report: Arc<ExitReport>,
    },
}

/// Which call, to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallSite {
    /// The child.
    pub child: ChildName,
    /// The name of the message's type.
    pub message: &'static str,
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call `{}` to child `{}`", self.message, self.child)
    }
}

impl<E> CallError<E> {
    /// True if the handler of the call certainly has not begun and never will, so that a retry is safe.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        match self {
            Self::Exited { delivery, .. }
            | Self::Disconnected { delivery, .. }
            | Self::Deadline { delivery, .. }
            | Self::Cancelled { delivery, .. } => *delivery < Delivery::Started,
            Self::Unsupported { .. } | Self::ShapeMismatch { .. } => true,
            _ => false,
        }
    }

    /// How far the call had come, where it ended without a word of its handler's.
    #[must_use]
    pub fn delivery(&self) -> Option<Delivery> {
        match self {
            Self::Exited { delivery, .. }
            | Self::Disconnected { delivery, .. }
            | Self::Deadline { delivery, .. }
            | Self::Cancelled { delivery, .. } => Some(*delivery),
            _ => None,
        }
    }

    /// True if the child ended, or its link did, before it answered.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Exited { .. } | Self::Disconnected { .. })
    }

    /// True if its token was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }

    /// True if there was no answer in time.
    #[must_use]
    pub fn is_deadline(&self) -> bool {
        matches!(self, Self::Deadline { .. })
    }

    /// The handler's own error, if it declined.
    pub fn into_app(self) -> Option<E> {
        match self {
            Self::App(error) => Some(error),
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => error.fmt(f),
            Self::Deadline { call, after, delivery } => {
                write!(f, "{call} was not answered within {after:?} ({delivery})")
            }
            Self::Cancelled { call, delivery } => write!(f, "{call} was cancelled ({delivery})"),
            Self::ShapeMismatch { call, mismatch } => write!(f, "{call} was not sent: {mismatch}"),
            Self::Panicked { call, panic } => write!(f, "the handler of {call} panicked: {panic}"),
            Self::Unsupported { call } => {
                write!(f, "{call} has no handler there: register one, or compare the versions of the two programs")
            }
            Self::BadMessage { call, reason } => write!(f, "{call} could not be delivered: {reason}"),
            Self::BadReply { call, reason } => write!(f, "the reply to {call} cannot be read: {reason}"),
            Self::Disconnected { call, delivery } => {
                write!(f, "{call} was not answered before the link ended ({delivery})")
            }
            Self::Exited { call, delivery, report } => {
                write!(f, "{call} was not answered before the child ended ({delivery}; {report})")
            }
        }
    }
}

// `source` cannot be the handler's error, which need not be an `Error`; `Display` carries it.
impl<E: fmt::Debug + fmt::Display> Error for CallError<E> {}
