//! What happens to a pool, as a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::stream::{BoxStream, Stream, StreamExt, unfold};
use kinfolk_protocol::ChildName;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::core::{Fingerprint, Quarantined};
use super::error::Trouble;
use super::tally::Cause;
use crate::report::ExitReport;

/// Something that happened to a pool.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum PoolEvent {
    /// A child is ready.
    Ready {
        /// Its name.
        child: ChildName,
        /// Its process id.
        pid: u32,
        /// Its place in the pool, from 0 on.
        slot: usize,
        /// How many the place has had, this one among them.
        generation: u64,
    },
    /// A child did not become ready. Another is started after a pause.
    NotReady {
        /// Why.
        trouble: Arc<Trouble>,
    },
    /// A child is ready that replaces one with which nothing was wrong.
    Recycled {
        /// Its place in the pool.
        slot: usize,
        /// Why.
        cause: Cause,
    },
    /// A child has ended.
    Ended {
        /// How.
        report: Arc<ExitReport>,
        /// Why it has to be replaced; `None` if the pool had let it go.
        cause: Option<Cause>,
    },
    /// A call has killed too many children, and is refused from now on.
    Quarantined(Quarantined),
    /// A call in quarantine may run again.
    Released(Fingerprint),
    /// There is no child, and none can be started: calls are refused.
    Unavailable {
        /// Why.
        trouble: Arc<Trouble>,
    },
    /// Nothing is left of it. The last event.
    Closed,
    /// This reader was too slow for so many events.
    Missed {
        /// How many.
        count: u64,
    },
}

/// The events of a pool, from the moment they were asked for. A reader that is 256 events late misses the oldest, and
/// is told how many.
///
/// # Cancel safety
/// A dropped `next` loses no event.
pub struct PoolEvents(BoxStream<'static, PoolEvent>);

impl PoolEvents {
    pub(crate) fn new(receiver: Receiver<PoolEvent>) -> Self {
        let next = |receiver: Option<Receiver<PoolEvent>>| async move {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Ok(PoolEvent::Closed) => Some((PoolEvent::Closed, None)),
                Ok(event) => Some((event, Some(receiver))),
                Err(RecvError::Lagged(count)) => Some((PoolEvent::Missed { count }, Some(receiver))),
                Err(RecvError::Closed) => None,
            }
        };
        Self(unfold(Some(receiver), next).boxed())
    }
}

impl fmt::Debug for PoolEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PoolEvents")
    }
}

impl Stream for PoolEvents {
    type Item = PoolEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<PoolEvent>> {
        self.0.poll_next_unpin(cx)
    }
}
