//! What handles, calls and handlers of one end of a port share.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::conn::Conn;
use crate::error::Misbehaviour;

/// While one of these lives its end stays open, unless it is closed.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) conn: Arc<Conn>,
    /// Asks the driver to close; it sees too when the last of these senders is gone.
    pub(super) close: mpsc::Sender<Close>,
    /// How the link ended, once all is over.
    pub(super) closed: watch::Receiver<Option<Closed>>,
}

/// The program wants to close its end.
#[derive(Debug)]
pub(super) struct Close;

/// How a link over a port ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// This end closed it, with `close` or by dropping its last handle. The other end has read all that this one had
    /// accepted, unless it closed at the same time.
    ByUs,
    /// This end closed it, and cut it at the end of its grace, or with its runtime: what was accepted may be lost.
    Cut,
    /// The other end closed it: all that it had accepted has come.
    ByPeer,
    /// The other end is gone without a word: its process ended, or was killed, or it cut the link. What it had accepted
    /// may be lost.
    Lost,
    /// The other end did not keep to the protocol.
    Misbehaved(Misbehaviour),
    /// The operating system reports an error, in its words.
    Io(String),
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByUs => f.write_str("this end closed it"),
            Self::Cut => f.write_str("this end cut it"),
            Self::ByPeer => f.write_str("the other end closed it"),
            Self::Lost => f.write_str("the other end is gone without a word: its process may have ended"),
            Self::Misbehaved(misbehaviour) => write!(f, "the other end misbehaved: {misbehaviour}"),
            Self::Io(error) => write!(f, "its socket failed: {error}"),
        }
    }
}
