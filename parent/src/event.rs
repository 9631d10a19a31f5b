//! What can happen to a child.

use std::sync::Arc;

use kinfolk_link::Misbehaviour;
use kinfolk_protocol::{Failure, LogRecord, MessageName, PanicInfo};

use crate::report::ExitReport;
use crate::unhandled::Unhandled;

/// Something that happened to a child. In this order, whatever happens: `Spawned`, `Ready`, messages and errors,
/// `Disconnected`, `Exited`; output may come anywhere before `Exited`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ChildEvent {
    /// The process was started.
    Spawned {
        /// Its process id.
        pid: u32,
    },
    /// It is initialized: calls and messages travel.
    Ready,
    /// A message that the spec has no handler for.
    Message(Unhandled),
    /// A line of its output, if the spec reads it.
    Output {
        /// Of which stream.
        stream: Output,
        /// The line, without its end; what is not UTF-8 is replaced.
        line: String,
    },
    /// A message of the child's was not handled here: it did not decode, or its handler panicked.
    Failed {
        /// Its type.
        message: MessageName,
        /// Why.
        failure: Failure,
    },
    /// A one-way message to the child was not handled there.
    Rejected {
        /// Its type.
        message: MessageName,
        /// Why.
        failure: Failure,
    },
    /// An event of its log, if it ships them.
    Log(LogRecord),
    /// One of its threads panicked.
    Panicked(PanicInfo),
    /// This reader was too slow for so many lines and errors; nothing else is ever lost.
    Missed {
        /// How many.
        count: u64,
    },
    /// Its link has ended: nothing more comes from it but output.
    Disconnected(Disconnected),
    /// Its process has ended. The last event, always, and exactly once.
    Exited(Arc<ExitReport>),
}

/// How a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disconnected {
    /// The child ended it: it left, closed it, or died.
    Closed,
    /// The child ended within a frame: it was killed, or crashed while writing.
    WithinFrame,
    /// The parent ended it.
    Cut,
    /// The child did not keep to the protocol.
    Misbehaved(Misbehaviour),
    /// The operating system reports an error, in its words.
    Io(String),
}

/// One of a child's output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
