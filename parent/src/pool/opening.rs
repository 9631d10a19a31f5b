//! A pool that is being opened: who waits for it, and why it may not come to be.

use std::any::Any;

use kinfolk_link::panic_text;
use kinfolk_protocol::ChildName;
use tokio::sync::oneshot;

use super::error::Trouble;
use crate::error::StartError;

/// A pool that waits for its first children.
pub(super) struct Opening {
    pub(super) wanted: usize,
    pub(super) result: oneshot::Sender<Result<(), NotOpened>>,
}

/// Why a pool was not opened.
pub(super) enum NotOpened {
    Start(StartError),
    /// The function that makes specs did.
    Panicked(Box<dyn Any + Send>),
}

impl NotOpened {
    /// Nobody is left who could open it.
    pub(super) fn runtime_ended() -> Self {
        let child = ChildName::new("pool").expect("these are letters");
        Self::Start(StartError::ShuttingDown { child })
    }
}

impl From<NotOpened> for Trouble {
    fn from(why: NotOpened) -> Self {
        match why {
            NotOpened::Start(error) => Self::Start(error),
            NotOpened::Panicked(panic) => Self::Spec(panic_text(&*panic)),
        }
    }
}
