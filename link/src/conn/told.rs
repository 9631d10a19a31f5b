//! What a message type looks like, told before the first message of it, where the sender could not compare: its peer
//! has not said yet what it handles, or is a parent, which reads as an event what it has no handler for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use kinfolk_protocol::{Contract, Header, Kind, MAX_WELCOMED, Message, MessageId, Welcomed};

use super::{Admission, Conn, Peer, Table};
use crate::attachments::Packed;
use crate::error::Misbehaviour;
use crate::sync::lock;

/// Words are for error messages only: of all that a peer tells, so much is kept.
const MAX_WORDS: usize = 64 * 1024;

/// What the peer has told us.
#[derive(Debug, Default)]
pub(super) struct Learned {
    definitions: HashMap<MessageId, Arc<Welcomed>>,
    words: usize,
}

impl Learned {
    pub(super) fn get(&self, message: MessageId) -> Option<Arc<Welcomed>> {
        self.definitions.get(&message).cloned()
    }

    /// False if the type was told of before, or is one too many.
    fn add(&mut self, mut theirs: Welcomed) -> bool {
        let message = theirs.message;
        if self.definitions.len() == MAX_WELCOMED || self.definitions.contains_key(&message) {
            return false;
        }
        if self.words + theirs.shape.len() > MAX_WORDS {
            theirs.shape = String::new();
        }
        self.words += theirs.shape.len();
        self.definitions.insert(message, Arc::new(theirs));
        true
    }
}

/// The types of which we have told the peer.
pub(super) type Introduced = HashSet<MessageId>;

impl Conn {
    /// What the peer does with messages of this type. Where that cannot be told here, the peer is told what the type
    /// looks like, and compares.
    pub fn admit<M: Message>(&self) -> Admission {
        match self.welcomed.get().map(Table::admits::<M>) {
            Some(Admission::NoHandler) if self.peer == Peer::Parent && !M::Contract::ANSWERED => self.introduce::<M>(),
            Some(admission) => admission,
            None => self.introduce::<M>(),
        }
    }

    /// Queues the shape of a type, once: what is queued later comes later, since the frame is short and of no order.
    fn introduce<M: Message>(&self) -> Admission {
        let message = MessageId::of(M::NAME);
        if lock(&self.state).introduced.contains(&message) {
            return Admission::Handled;
        }
        // Not under the lock: it is the program's code.
        let ours = Welcomed::of::<M>();
        let mut state = lock(&self.state);
        if state.introduced.len() == MAX_WELCOMED {
            // More than that the peer does not keep, and so could not compare.
            return Admission::NoHandler;
        }
        if state.introduced.insert(message) && ours.fingerprint != 0 {
            let mut payload = Packed::from(ours.encode());
            let header = Header { message, ..Header::control(Kind::Definition, payload.len() as u32) };
            self.writer.push(&header, &mut payload);
            self.writer.wake();
        }
        Admission::Handled
    }

    /// The peer tells what a type looks like.
    pub(super) fn learn(&self, theirs: Welcomed) -> Result<(), Misbehaviour> {
        let kind = Kind::Definition;
        if matches!(self.peer, Peer::Port(_)) {
            return Err(Misbehaviour::OutOfPlace { kind, when: "over a port" });
        }
        if lock(&self.state).learned.add(theirs) {
            return Ok(());
        }
        Err(Misbehaviour::OutOfPlace { kind, when: "twice for a type, or for too many types" })
    }
}
