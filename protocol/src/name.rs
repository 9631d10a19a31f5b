//! Newtypes for what the frames and the handles are addressed by.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use thiserror::Error;

use crate::message::Message;

/// The name of a child, unique within its parent: 1 to 64 letters, digits, `.`, `_`, `-`.
///
/// It appears in errors, events, logs and file names, hence the narrow alphabet. Clones share the text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildName(Arc<str>);

/// The longest name a child may have, in bytes.
const MAX_NAME: usize = 64;

impl ChildName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, longer than 64 bytes, or holds another character than a letter, a digit or one of
    /// `.`, `_`, `-`.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() {
            Err(NameError::Empty)
        } else if name.len() > MAX_NAME {
            Err(NameError::TooLong { bytes: name.len() })
        } else if let Some(character) = name.chars().find(|c| !allowed(*c)) {
            Err(NameError::Character { name: name.to_owned(), character })
        } else {
            Ok(Self(name.into()))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for ChildName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ChildName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why a text is no [`ChildName`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// The text is empty.
    #[error("a child's name is empty: give it 1 to {MAX_NAME} letters, digits, `.`, `_` or `-`")]
    Empty,
    /// The text is too long.
    #[error("a child's name has {bytes} bytes: {MAX_NAME} is the most")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A character is not allowed.
    #[error("a child's name {name:?} holds {character:?}: only letters, digits, `.`, `_` and `-` may stand in it")]
    Character {
        /// The text.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
}

/// FNV-1a with the offset basis and prime of the 64-bit variant: <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(crate) mod fnv1a {
    /// The hash of nothing.
    pub(crate) const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

    /// The hash of what `hash` stands for, followed by `bytes`.
    pub(crate) const fn add(mut hash: u64, bytes: &[u8]) -> u64 {
        let mut at = 0;
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        hash
    }
}

/// What a message type is called in a frame: the 64-bit FNV-1a hash of [`Message::NAME`](crate::Message::NAME).
///
/// A hash, so that neither side needs a table before it can send. Two names of one protocol that collide (chance
/// below 10⁻¹⁵ for a hundred types) are refused where handlers are registered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(u64);

impl MessageId {
    /// In frames that carry no message.
    pub const NONE: Self = Self(0);

    /// The id of a message type's name.
    #[must_use]
    pub const fn of(name: &str) -> Self {
        Self(fnv1a::add(fnv1a::BASIS, name.as_bytes()))
    }

    /// The id as it stands in a frame.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// The id that stands in a frame.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A message type as events tell of it: by its name, where this side knows one for the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageName {
    id: MessageId,
    name: Option<&'static str>,
}

impl MessageName {
    /// The type of that id, which has this name if it is known.
    #[must_use]
    pub const fn new(id: MessageId, name: Option<&'static str>) -> Self {
        Self { id, name }
    }

    /// What it is called in a frame.
    #[must_use]
    pub const fn id(self) -> MessageId {
        self.id
    }

    /// What it is called in the program. `None` if the other side speaks of a type that this side has neither sent of
    /// late nor handles.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        self.name
    }

    /// True if it is `M`.
    #[must_use]
    pub fn is<M: Message>(self) -> bool {
        self.id == MessageId::of(M::NAME)
    }
}

/// The name between backticks, or the id.
impl fmt::Display for MessageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "`{name}`"),
            None => write!(f, "{}", self.id),
        }
    }
}

/// A call on one link: a slot of the caller's table and the slot's generation, so that an answer to an earlier call
/// of the same slot is never matched to a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl CallId {
    /// In frames that belong to no call.
    pub const NONE: Self = Self { slot: 0, generation: 0 };

    /// Its place in the caller's table.
    #[must_use]
    pub const fn slot(self) -> u32 {
        self.slot
    }

    /// Which of the calls of that place it is.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }

    /// The id as it stands in a frame.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The id that stands in a frame.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_alphabet_are_refused_with_the_reason() {
        assert!(ChildName::new("thumbs-a.1_b").is_ok());
        assert_eq!(ChildName::new(""), Err(NameError::Empty));
        assert_eq!(ChildName::new(&"x".repeat(65)), Err(NameError::TooLong { bytes: 65 }));
        let message = ChildName::new("a b").unwrap_err().to_string();
        assert!(message.contains("' '"), "{message}");
    }

    #[test]
    fn a_message_type_is_told_of_by_its_name_or_else_by_its_id() {
        let id = MessageId::of("foobar");
        assert_eq!(MessageName::new(id, Some("foobar")).to_string(), "`foobar`");
        assert_eq!(MessageName::new(id, None).to_string(), "85944171f73967e8");
    }

    #[test]
    fn a_message_id_is_the_published_hash_of_its_name() {
        // Test vectors of the FNV page: the empty string and "foobar".
        assert_eq!(MessageId::of("").to_bits(), 0xcbf2_9ce4_8422_2325);
        assert_eq!(MessageId::of("foobar").to_bits(), 0x8594_4171_f739_67e8);
    }
}
