//! What a child's frames mean, beyond its calls' own business.

use kinfolk_link::{Misbehaviour, Received};
use kinfolk_protocol::{InitFailed, Kind, Ready};

use super::{Driver, StartFailure};
use crate::event::{ChildEvent, Disconnected};
use crate::lifecycle::Cue;
use crate::trace::child_logged;

impl Driver {
    pub(super) fn on_received(&mut self, received: Received) -> Option<Cue> {
        match received {
            Received::Ready(ready) => self.on_ready(ready),
            Received::InitFailed(failed) => self.on_init_failed(failed),
            Received::Drain => Some(self.out_of_place(Kind::Drain, "although only a parent may")),
            Received::Panicked(panic) => {
                self.panic = Some(panic.clone());
                self.tell_event(ChildEvent::Panicked(panic))
            }
            Received::Log(record) => {
                child_logged(&self.shared.name, &record);
                self.tell_event(ChildEvent::Log(record))
            }
            Received::Rejected { message, failure } => self.tell_event(ChildEvent::Rejected { message, failure }),
            Received::Stopped(call) => {
                self.shared.pardon(call);
                None
            }
            // A child that was refused, or said itself that it will not become ready, has no business left.
            _ if self.has_failed() => None,
            Received::Message(letter) => {
                if let Some(letters) = &self.inbox.letters {
                    // Its task ends only after this sender is gone.
                    let _ = letters.send(letter);
                }
                None
            }
            Received::Call(asked) => {
                if let Some(conn) = self.shared.conn.get() {
                    self.handlers.call(&self.shared, conn, asked);
                }
                None
            }
            _ => None,
        }
    }

    /// An event that means nothing for the child's life.
    fn tell_event(&self, event: ChildEvent) -> Option<Cue> {
        self.shared.push(event);
        None
    }

    /// True once it is known that the child will not become ready.
    fn has_failed(&self) -> bool {
        self.starting.as_ref().is_some_and(|starting| starting.failure.is_some())
    }

    fn on_ready(&mut self, ready: Ready) -> Option<Cue> {
        if self.has_failed() || self.starting.is_none() {
            return Some(self.out_of_place(Kind::Ready, "twice, or after its initialization"));
        }
        if let Some(conn) = self.shared.conn.get() {
            conn.welcome(ready.welcomed);
        }
        self.shared.set_ready();
        // Whoever waited may have given up a moment ago; then it has also wished the child gone.
        self.starting.take().map(|starting| starting.result.send(Ok(())));
        Some(Cue::Ready)
    }

    fn on_init_failed(&mut self, failed: InitFailed) -> Option<Cue> {
        match &mut self.starting {
            Some(starting) if starting.failure.is_none() => {
                starting.failure = Some(StartFailure::InitFailed(failed.fault));
                Some(Cue::Failed)
            }
            _ => Some(self.out_of_place(Kind::InitFailed, "twice, or after its initialization")),
        }
    }

    fn out_of_place(&mut self, kind: Kind, when: &'static str) -> Cue {
        self.link.close();
        self.on_link_end(Disconnected::Misbehaved(Misbehaviour::OutOfPlace { kind, when }))
    }
}
