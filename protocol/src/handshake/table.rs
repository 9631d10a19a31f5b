//! Message types and their shapes, as one side tells the other: which it handles, and what others that it sends look
//! like.

use crate::message::Message;
use crate::name::MessageId;
use crate::shape::Outline;
use crate::wire::{Fields, WireError, put_text};

/// A message type one side handles, or is about to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Welcomed {
    /// The type.
    pub message: MessageId,
    /// A fingerprint of its shape, or 0 where none is known.
    pub fingerprint: u64,
    /// Its shape in words, for an error message; empty where none is known, or there was no room for it.
    pub shape: String,
}

/// Longer words are left out of a [`Kind::Definition`](crate::Kind::Definition) frame, so that it is a short frame:
/// those keep their order, and so it comes before the message it is about.
const MAX_SHAPE: usize = 4 * 1024;

impl Welcomed {
    /// The entry for a message type.
    #[must_use]
    pub fn of<M: Message>() -> Self {
        let Outline { fingerprint, text } = Outline::of::<M>();
        Self { message: MessageId::of(M::NAME), fingerprint, shape: text }
    }

    /// The payload of a [`Kind::Definition`](crate::Kind::Definition) frame, whose header names the type.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.fingerprint.to_le_bytes().to_vec();
        put_text(&mut out, if self.shape.len() <= MAX_SHAPE { &self.shape } else { "" });
        out
    }

    /// The type in a payload. What follows its last field is left to later versions.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(message: MessageId, payload: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new("Definition", payload);
        Ok(Self { message, fingerprint: fields.u64("fingerprint")?, shape: fields.text("shape")?.to_owned() })
    }
}

/// Types beyond these do not fit one frame.
pub const MAX_WELCOMED: usize = 2_048;
/// What the shapes of a table may take together, so that it fits one frame with as many types as there may be.
const MAX_SHAPES: usize = 24 * 1024;

/// Shapes come behind the table: a reader without use for them stops there.
pub(super) fn put_table(out: &mut Vec<u8>, table: &[Welcomed]) {
    out.extend_from_slice(&(table.len() as u32).to_le_bytes());
    for entry in table {
        out.extend_from_slice(&entry.message.to_bits().to_le_bytes());
        out.extend_from_slice(&entry.fingerprint.to_le_bytes());
    }
    let mut room = MAX_SHAPES;
    for entry in table {
        let fits = entry.shape.len() <= room;
        room -= if fits { entry.shape.len() } else { 0 };
        put_text(out, if fits { &entry.shape } else { "" });
    }
}

pub(super) fn table(fields: &mut Fields<'_>) -> Result<Vec<Welcomed>, WireError> {
    let count = fields.u32("count")? as usize;
    // The announced count reserves nothing: entries are pushed as they are found.
    let mut table = Vec::new();
    for _ in 0..count {
        let message = MessageId::from_bits(fields.u64("message")?);
        table.push(Welcomed { message, fingerprint: fields.u64("fingerprint")?, shape: String::new() });
    }
    for entry in &mut table {
        entry.shape = fields.text("shape")?.to_owned();
    }
    Ok(table)
}
