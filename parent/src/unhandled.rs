//! Messages for which a spec has no handler: read as events, and decoded there.

use std::sync::Arc;

use kinfolk_link::{Arrived, CodecOf, Letter, ShapeMismatch};
use kinfolk_protocol::{CodecError, Message, MessageId, Welcomed};
use thiserror::Error;

/// A message that the spec has no handler for.
#[derive(Debug, Clone)]
pub struct Unhandled {
    message: MessageId,
    payload: Arc<Arrived>,
    /// The type as the child defines it, if it could tell.
    definition: Option<Arc<Welcomed>>,
}

/// A message is none, although it is called so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnhandledError {
    /// The child means something else by it.
    #[error(transparent)]
    ShapeMismatch(Box<ShapeMismatch>),
    /// It does not decode.
    #[error(transparent)]
    Decode(CodecError),
}

impl Unhandled {
    pub(crate) fn new(Letter { message, payload, definition }: Letter) -> Self {
        // A small message must not keep the whole buffer it was read into alive for as long as nobody reads it.
        Self { message, payload: Arc::new(payload.kept()), definition }
    }

    /// True if it is an `M`.
    #[must_use]
    pub fn is<M: Message>(&self) -> bool {
        self.message == MessageId::of(M::NAME)
    }

    /// The message, if it is an `M`.
    ///
    /// # Errors
    /// [`UnhandledError`] if it is one by name, and the child was built from another definition of `M`, or it does not
    /// decode.
    pub fn decode<M: Message>(&self) -> Option<Result<M, UnhandledError>> {
        self.is::<M>().then(|| {
            if let Some(theirs) = &self.definition {
                let compared = ShapeMismatch::check(M::NAME, &Welcomed::of::<M>(), theirs);
                compared.map_err(UnhandledError::ShapeMismatch)?;
            }
            self.payload.duplicate().decode::<CodecOf<M>, M>().map_err(UnhandledError::Decode)
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.payload.len()
    }
}
