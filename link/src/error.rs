//! How a link fails.

use std::io;

use kinfolk_protocol::{Broken, BrokenLoan, FrameError, Kind, WireError};
use thiserror::Error;

/// Why a link ended other than by its peer's leave.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer does not keep to the protocol.
    #[error(transparent)]
    Misbehaved(#[from] Misbehaviour),
    /// The peer ended within a frame: it was killed, or it crashed while writing.
    #[error("it ended within a frame, after {bytes} bytes of it")]
    Truncated {
        /// How much of the frame had arrived.
        bytes: usize,
    },
    /// The operating system reports an error of the socket.
    #[error("its link failed")]
    Io(#[from] io::Error),
}

/// What a peer sent that it may not send. Its link ends; nothing else does.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// Bytes that are no frame.
    #[error("it sent {0}")]
    Frame(#[source] FrameError),
    /// A payload of ours that does not parse.
    #[error("it sent a malformed frame: {0}")]
    Payload(#[source] WireError),
    /// A frame the rules of the session forbid.
    #[error("{0}")]
    Session(#[source] Broken),
    /// A blob that may not be lent, or given back.
    #[error("{0}")]
    Loan(#[source] BrokenLoan),
    /// Memory that is not fit to be read.
    #[error("it announced memory that is not fit to be read: {0}")]
    Memory(String),
    /// A frame at a time when it has no meaning.
    #[error("it sent a {kind:?} frame {when}")]
    OutOfPlace {
        /// The kind of frame.
        kind: Kind,
        /// At what time, in words.
        when: &'static str,
    },
}
