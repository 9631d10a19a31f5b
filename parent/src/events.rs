//! What happens to a child, as a stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use kinfolk_link::lock;

use crate::event::ChildEvent;
use crate::log::{Freed, ReaderId};
use crate::shared::Shared;

/// The events of one child: those of its lifecycle from its start on, whenever it was asked for, and the others from
/// what not every reader before has seen.
///
/// A reader that stops reading holds back messages without a handler: their sender waits. Drop it, or read on.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    reader: ReaderId,
}

impl Events {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let reader = lock(&shared.log).subscribe();
        Self { shared, reader }
    }

    fn free(&self, freed: &Freed) {
        if let Some(conn) = self.shared.conn.get() {
            freed.iter().for_each(|bytes| conn.taken(*bytes));
        }
    }
}

impl Stream for Events {
    type Item = ChildEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ChildEvent>> {
        let polled = lock(&self.shared.log).poll(self.reader, cx);
        polled.map(|(event, freed)| {
            self.free(&freed);
            event
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let freed = lock(&self.shared.log).unsubscribe(self.reader);
        self.free(&freed);
    }
}
