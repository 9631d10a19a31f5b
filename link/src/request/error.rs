//! How a call ends without a reply whose caller has no child to report on: a child's own, and one over a port.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use kinfolk_protocol::PanicInfo;

use super::End;
use crate::conn::{Delivery, Peer, ShapeMismatch};

/// How a call to the parent, or over a port, ended without a reply. Every call ends exactly once.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError<E> {
    /// Its handler declined, in the message's own words.
    App(E),
    /// There was no answer in time. The other side was told that nobody waits any more.
    Deadline {
        /// The call.
        call: CallSite,
        /// How long was waited.
        after: Duration,
        /// How far the call had come.
        delivery: Delivery,
    },
    /// The token given to `cancel_on` was cancelled.
    Cancelled {
        /// The call.
        call: CallSite,
        /// How far the call had come.
        delivery: Delivery,
    },
    /// Its handler panicked. The other side goes on.
    Panicked {
        /// The call.
        call: CallSite,
        /// Text and place.
        panic: PanicInfo,
    },
    /// The other side has no handler for it.
    Unsupported {
        /// The call.
        call: CallSite,
    },
    /// The other side was built from another definition of the message. Other types of messages are not touched.
    ShapeMismatch {
        /// The call.
        call: CallSite,
        /// Both definitions.
        mismatch: Box<ShapeMismatch>,
    },
    /// The message cannot be encoded, is longer than the other side takes, or does not decode there.
    BadMessage {
        /// The call.
        call: CallSite,
        /// What is wrong, in words.
        reason: String,
    },
    /// The reply cannot be encoded, is longer than this side takes, or does not decode here.
    BadReply {
        /// The call.
        call: CallSite,
        /// What is wrong, in words.
        reason: String,
    },
    /// The link ended before there was an answer: the other side is gone, or has ended it.
    Disconnected {
        /// The call.
        call: CallSite,
        /// How far the call had come.
        delivery: Delivery,
    },
}

/// Which call, to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallSite {
    /// Who was asked.
    pub peer: Peer,
    /// The name of the message's type.
    pub message: &'static str,
}

impl fmt::Display for CallSite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call `{}` to {}", self.message, self.peer)
    }
}

impl<E> CallError<E> {
    pub(super) fn of(peer: Peer, message: &'static str, end: End<E>) -> Self {
        let call = CallSite { peer, message };
        match end {
            End::App(error) => Self::App(error),
            End::Deadline { after, delivery } => Self::Deadline { call, after, delivery },
            End::Cancelled { delivery } => Self::Cancelled { call, delivery },
            End::Panicked(panic) => Self::Panicked { call, panic },
            End::Unsupported => Self::Unsupported { call },
            End::ShapeMismatch(mismatch) => Self::ShapeMismatch { call, mismatch },
            End::BadMessage(reason) => Self::BadMessage { call, reason },
            End::BadReply(reason) => Self::BadReply { call, reason },
            End::Lost(delivery) => Self::Disconnected { call, delivery },
        }
    }

    /// True if the handler of the call certainly never began, so that a retry is safe.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        let unhandled = matches!(self, Self::Unsupported { .. } | Self::ShapeMismatch { .. });
        unhandled || self.delivery().is_some_and(|delivery| delivery < Delivery::Started)
    }

    /// How far the call had come, where it ended without a word of its handler's.
    #[must_use]
    pub fn delivery(&self) -> Option<Delivery> {
        match self {
            Self::Disconnected { delivery, .. }
            | Self::Deadline { delivery, .. }
            | Self::Cancelled { delivery, .. } => Some(*delivery),
            _ => None,
        }
    }

    /// True if its token was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled { .. })
    }

    /// True if the link ended before there was an answer.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Disconnected { .. })
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
            Self::Panicked { call, panic } => write!(f, "the handler of {call} panicked: {panic}"),
            Self::Unsupported { call } => {
                write!(f, "{call} has no handler there: register one, or compare the versions of the two programs")
            }
            Self::ShapeMismatch { call, mismatch } => write!(f, "{call} was not sent: {mismatch}"),
            Self::BadMessage { call, reason } => write!(f, "{call} could not be delivered: {reason}"),
            Self::BadReply { call, reason } => write!(f, "the reply to {call} cannot be read: {reason}"),
            Self::Disconnected { call, delivery } => {
                write!(f, "{call} was not answered before the link ended ({delivery})")
            }
        }
    }
}

// `source` cannot be the handler's error, which need not be an `Error`; `Display` carries it.
impl<E: fmt::Debug + fmt::Display> Error for CallError<E> {}
