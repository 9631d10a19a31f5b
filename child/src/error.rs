//! How a call of a child's ends without a reply.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use kinfolk_link::{Delivery, End, ShapeMismatch};
use kinfolk_protocol::PanicInfo;

/// How a call to the parent ended without a reply. Every call ends exactly once.
#[derive(Debug)]
#[non_exhaustive]
pub enum CallError<E> {
    /// Its handler declined, in the message's own words.
    App(E),
    /// There was no answer in time. The parent was told that nobody waits any more.
    Deadline {
        /// The name of the message's type.
        message: &'static str,
        /// How long was waited.
        after: Duration,
        /// How far the call had come.
        delivery: Delivery,
    },
    /// The token given to `cancel_on` was cancelled.
    Cancelled {
        /// The name of the message's type.
        message: &'static str,
        /// How far the call had come.
        delivery: Delivery,
    },
    /// Its handler panicked. The parent goes on.
    Panicked {
        /// The name of the message's type.
        message: &'static str,
        /// Text and place.
        panic: PanicInfo,
    },
    /// The parent's spec has no handler for it.
    Unsupported {
        /// The name of the message's type.
        message: &'static str,
    },
    /// The parent was built from another definition of the message.
    ShapeMismatch(Box<ShapeMismatch>),
    /// The message cannot be encoded, is longer than the parent takes, or does not decode there.
    BadMessage {
        /// The name of the message's type.
        message: &'static str,
        /// What is wrong, in words.
        reason: String,
    },
    /// The reply cannot be encoded, is longer than a child takes, or does not decode here.
    BadReply {
        /// The name of the message's type.
        message: &'static str,
        /// What is wrong, in words.
        reason: String,
    },
    /// The link ended before there was an answer: the parent is gone, or has cut it.
    Disconnected {
        /// The name of the message's type.
        message: &'static str,
        /// How far the call had come.
        delivery: Delivery,
    },
}

impl<E> CallError<E> {
    pub(crate) fn of(message: &'static str, end: End<E>) -> Self {
        match end {
            End::App(error) => Self::App(error),
            End::Deadline { after, delivery } => Self::Deadline { message, after, delivery },
            End::Cancelled { delivery } => Self::Cancelled { message, delivery },
            End::Panicked(panic) => Self::Panicked { message, panic },
            End::Unsupported => Self::Unsupported { message },
            End::ShapeMismatch(mismatch) => Self::ShapeMismatch(mismatch),
            End::BadMessage(reason) => Self::BadMessage { message, reason },
            End::BadReply(reason) => Self::BadReply { message, reason },
            End::Lost(delivery) => Self::Disconnected { message, delivery },
            _ => Self::BadReply { message, reason: "it ended in a way this version does not know".to_owned() },
        }
    }

    /// True if the handler of the call certainly never began, so that a retry is safe.
    #[must_use]
    pub fn is_undelivered(&self) -> bool {
        let unhandled = matches!(self, Self::Unsupported { .. } | Self::ShapeMismatch(_));
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
        let of = |message: &str| format!("call `{message}` to the parent");
        match self {
            Self::App(error) => error.fmt(f),
            Self::Deadline { message, after, delivery } => {
                write!(f, "{} was not answered within {after:?} ({delivery})", of(message))
            }
            Self::Cancelled { message, delivery } => write!(f, "{} was cancelled ({delivery})", of(message)),
            Self::Panicked { message, panic } => write!(f, "the handler of {} panicked: {panic}", of(message)),
            Self::Unsupported { message } => {
                write!(f, "{} has no handler there: give one to the spec with `on_message`", of(message))
            }
            Self::ShapeMismatch(mismatch) => write!(f, "{} was not sent: {mismatch}", of(mismatch.message)),
            Self::BadMessage { message, reason } => write!(f, "{} could not be delivered: {reason}", of(message)),
            Self::BadReply { message, reason } => write!(f, "the reply to {} cannot be read: {reason}", of(message)),
            Self::Disconnected { message, delivery } => {
                write!(f, "{} was not answered before the link ended ({delivery})", of(message))
            }
        }
    }
}

// `source` cannot be the handler's error, which need not be an `Error`; `Display` carries it.
impl<E: fmt::Debug + fmt::Display> Error for CallError<E> {}
