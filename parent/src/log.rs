//! The events of one child in their one order, for any number of readers. Each begins with the first lifecycle event,
//! and
//! with whatever else not every reader before it has seen.
//!
//! Lifecycle events are kept for ever: there are four. Output and errors are kept within a bound and lost to a reader
//! that is too slow, with a count. Messages that no handler took are never lost: they keep their credit until every
//! reader has seen them, so that the child waits instead.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use crate::event::ChildEvent;

/// Lines and errors kept for slow readers, or for the first one.
const KEPT: usize = 1_024;

/// What becomes of an event that nobody has read yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Lifecycle,
    Message { bytes: usize },
    Droppable,
}

fn class(event: &ChildEvent) -> Class {
    match event {
        ChildEvent::Message(message) => Class::Message { bytes: message.bytes() },
        ChildEvent::Output { .. }
        | ChildEvent::Failed { .. }
        | ChildEvent::Rejected { .. }
        | ChildEvent::Log(_)
        | ChildEvent::Panicked(_) => Class::Droppable,
        _ => Class::Lifecycle,
    }
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    lifecycle: Vec<(u64, ChildEvent)>,
    rest: VecDeque<(u64, ChildEvent)>,
    droppable: usize,
    next: u64,
    readers: Vec<(ReaderId, Reader)>,
    issued: u64,
    /// Dropped while nobody read: told to the first reader.
    unseen: u64,
    /// Messages and errors that came before `Ready`: told after it.
    early: Vec<ChildEvent>,
    open: bool,
    closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReaderId(u64);

#[derive(Debug)]
struct Reader {
    next: u64,
    lost: u64,
    waker: Option<Waker>,
}

/// The credit that a reading has freed: so many messages of so many bytes each.
pub(crate) type Freed = Vec<usize>;

impl Log {
    /// Appends an event and wakes the readers. Messages and errors wait for `Ready`, or for the end if it never comes;
    /// nothing follows `Exited`.
    pub(crate) fn push(&mut self, event: ChildEvent) {
        if self.closed {
            return;
        }
        match &event {
            ChildEvent::Spawned { .. } | ChildEvent::Output { .. } => self.append(event),
            ChildEvent::Ready => {
                self.append(event);
                self.open();
            }
            ChildEvent::Disconnected(_) | ChildEvent::Exited(_) => {
                self.open();
                self.closed = matches!(event, ChildEvent::Exited(_));
                self.append(event);
            }
            _ if self.open => self.append(event),
            // The window and the handler table bound messages; errors are dropped like others.
            _ if self.early.len() < KEPT || matches!(event, ChildEvent::Message(_)) => self.early.push(event),
            _ => self.unseen += 1,
        }
    }

    fn open(&mut self) {
        self.open = true;
        for event in std::mem::take(&mut self.early) {
            self.append(event);
        }
    }

    fn append(&mut self, event: ChildEvent) {
        let number = self.next;
        self.next += 1;
        match class(&event) {
            Class::Lifecycle => self.lifecycle.push((number, event)),
            Class::Message { .. } => self.rest.push_back((number, event)),
            Class::Droppable => {
                self.rest.push_back((number, event));
                self.droppable += 1;
                if self.droppable > KEPT {
                    self.drop_oldest();
                }
            }
        }
        self.readers.iter_mut().filter_map(|(_, reader)| reader.waker.take()).for_each(Waker::wake);
    }

    fn drop_oldest(&mut self) {
        let Some(at) = self.rest.iter().position(|(_, event)| class(event) == Class::Droppable) else { return };
        let Some((number, _)) = self.rest.remove(at) else { return };
        self.droppable -= 1;
        if self.readers.is_empty() {
            self.unseen += 1;
        }
        for (_, reader) in self.readers.iter_mut().filter(|(_, reader)| reader.next <= number) {
            reader.lost += 1;
        }
    }

    /// A reader that begins with the first event.
    pub(crate) fn subscribe(&mut self) -> ReaderId {
        self.issued += 1;
        let id = ReaderId(self.issued);
        self.readers.push((id, Reader { next: 0, lost: std::mem::take(&mut self.unseen), waker: None }));
        id
    }

    /// The reader leaves: what only it had not seen is freed, unless it was the last one.
    pub(crate) fn unsubscribe(&mut self, id: ReaderId) -> Freed {
        self.readers.retain(|(known, _)| *known != id);
        self.trim()
    }

    /// The next event of a reader, and the credit it freed.
    pub(crate) fn poll(&mut self, id: ReaderId, cx: &Context<'_>) -> Poll<(Option<ChildEvent>, Freed)> {
        let Some((_, reader)) = self.readers.iter_mut().find(|(known, _)| *known == id) else {
            return Poll::Ready((None, Freed::new()));
        };
        let first = |(number, _): &&(u64, ChildEvent)| *number >= reader.next;
        let (kept, other) = (self.lifecycle.iter().find(first), self.rest.iter().find(first));
        let found = match (kept, other) {
            (Some(kept), Some(other)) => Some(if kept.0 < other.0 { kept } else { other }),
            (kept, other) => kept.or(other),
        };
        let lifecycle = found.is_some_and(|(_, event)| class(event) == Class::Lifecycle);
        if reader.lost > 0 && !lifecycle {
            let count = std::mem::take(&mut reader.lost);
            return Poll::Ready((Some(ChildEvent::Missed { count }), Freed::new()));
        }
        match found {
            Some((number, event)) => {
                reader.next = number + 1;
                let event = event.clone();
                let freed = self.trim();
                Poll::Ready((Some(event), freed))
            }
            None if matches!(self.lifecycle.last(), Some((_, ChildEvent::Exited(_)))) => {
                Poll::Ready((None, Freed::new()))
            }
            None => {
                reader.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Drops what every reader has seen.
    fn trim(&mut self) -> Freed {
        let mut freed = Freed::new();
        let Some(seen) = self.readers.iter().map(|(_, reader)| reader.next).min() else { return freed };
        let count = self.rest.iter().take_while(|(number, _)| *number < seen).count();
        for (_, event) in self.rest.drain(..count) {
            match class(&event) {
                Class::Message { bytes } => freed.push(bytes),
                Class::Droppable => self.droppable -= 1,
                Class::Lifecycle => {}
            }
        }
        freed
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use kinfolk_link::{Arrived, Letter};
    use kinfolk_protocol::MessageId;

    use super::*;
    use crate::event::Output;
    use crate::unhandled::Unhandled;

    fn line(text: usize) -> ChildEvent {
        ChildEvent::Output { stream: Output::Stdout, line: text.to_string() }
    }

    fn message(bytes: usize) -> ChildEvent {
        let payload = Arrived::from(Bytes::from(vec![0; bytes]));
        ChildEvent::Message(Unhandled::new(Letter { message: MessageId::of("m"), payload, definition: None }))
    }

    fn next(log: &mut Log, reader: ReaderId) -> (String, Freed) {
        match log.poll(reader, &Context::from_waker(Waker::noop())) {
            Poll::Ready((Some(ChildEvent::Output { line, .. }), freed)) => (line, freed),
            Poll::Ready((Some(ChildEvent::Message(_)), freed)) => ("message".into(), freed),
            Poll::Ready((Some(event), freed)) => (format!("{event:?}"), freed),
            Poll::Ready((None, freed)) => ("end".into(), freed),
            Poll::Pending => ("pending".into(), Freed::new()),
        }
    }

    fn ready() -> Log {
        let mut log = Log::default();
        log.push(ChildEvent::Ready);
        log
    }

    #[test]
    fn messages_of_the_initialization_follow_ready_and_nothing_follows_exited() {
        let mut log = Log::default();
        log.push(message(1));
        log.push(line(1));
        log.push(ChildEvent::Ready);
        log.push(message(2));
        let reader = log.subscribe();
        let order: Vec<String> = (0..5).map(|_| next(&mut log, reader).0).collect();
        assert_eq!(order, ["1", "Ready", "message", "message", "pending"]);
        log.push(ChildEvent::Disconnected(crate::event::Disconnected::Closed));
        log.closed = true;
        log.push(message(3));
        assert_eq!(next(&mut log, reader).0, "Disconnected(Closed)");
        assert_eq!(next(&mut log, reader).0, "pending");
    }

    #[test]
    fn every_reader_begins_with_the_first_event() {
        let mut log = Log::default();
        log.push(ChildEvent::Spawned { pid: 7 });
        let early = log.subscribe();
        assert_eq!(next(&mut log, early).0, "Spawned { pid: 7 }");
        log.push(line(1));
        log.push(ChildEvent::Ready);
        assert_eq!(next(&mut log, early).0, "1");
        let late = log.subscribe();
        assert_eq!(next(&mut log, late).0, "Spawned { pid: 7 }");
        assert_eq!(next(&mut log, late).0, "Ready");
        assert_eq!(next(&mut log, early).0, "Ready");
        assert_eq!(next(&mut log, early).0, "pending");
    }

    #[test]
    fn a_message_keeps_its_credit_until_every_reader_has_seen_it() {
        let mut log = ready();
        log.push(message(10));
        let first = log.subscribe();
        let second = log.subscribe();
        for reader in [first, second] {
            assert_eq!(next(&mut log, reader).0, "Ready");
        }
        assert_eq!(next(&mut log, first).1, Freed::new());
        assert_eq!(next(&mut log, second).1, vec![10]);
        log.push(message(20));
        assert_eq!(next(&mut log, first).1, Freed::new());
        assert_eq!(log.unsubscribe(second), vec![20], "the one who left was the last to see it");
    }

    #[test]
    fn without_readers_messages_are_held_and_output_is_bounded() {
        let mut log = ready();
        log.push(message(1));
        (0..KEPT + 3).for_each(|n| log.push(line(n)));
        let reader = log.subscribe();
        assert_eq!(next(&mut log, reader).0, "Ready");
        assert_eq!(next(&mut log, reader).0, "Missed { count: 3 }");
        assert_eq!(next(&mut log, reader).0, "message");
        assert_eq!(next(&mut log, reader).0, "3");
    }

    #[test]
    fn a_slow_reader_loses_output_with_a_count_and_nothing_else() {
        let mut log = ready();
        let slow = log.subscribe();
        assert_eq!(next(&mut log, slow).0, "Ready");
        log.push(message(1));
        (0..KEPT + 5).for_each(|n| log.push(line(n)));
        assert_eq!(next(&mut log, slow).0, "Missed { count: 5 }");
        assert_eq!(next(&mut log, slow).0, "message");
        assert_eq!(next(&mut log, slow).0, "5");
    }
}
