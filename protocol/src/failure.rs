//! What the runtime of the other side answers where its handler gave no answer.

use std::fmt;

use crate::wire::{Fields, WireError, put_text};

/// A panic in another process: its text and place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PanicInfo {
    /// What it said.
    pub message: String,
    /// `file:line:column`, or empty if it is not known.
    pub location: String,
    /// The thread's name, or empty if it has none.
    pub thread: String,
}

impl PanicInfo {
    /// A panic from its parts.
    #[must_use]
    pub const fn new(message: String, location: String, thread: String) -> Self {
        Self { message, location, thread }
    }

    /// The payload of a `Panicked` frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_text(&mut out, &self.message);
        put_text(&mut out, &self.location);
        put_text(&mut out, &self.thread);
        out
    }

    /// The panic in the payload of a `Panicked` frame.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        Self::read(&mut Fields::new("Panicked", payload))
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, WireError> {
        let message = fields.text("message")?.to_owned();
        let location = fields.text("location")?.to_owned();
        let thread = fields.text("thread")?.to_owned();
        Ok(Self { message, location, thread })
    }
}

impl fmt::Display for PanicInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.message)?;
        if !self.location.is_empty() {
            write!(f, " at {}", self.location)?;
        }
        Ok(())
    }
}

/// Why a message was not handled: the payload of `Failed` and `Rejected` frames.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// No handler is registered for its type.
    Unsupported,
    /// Its payload stands for no value of its type; in the codec's words.
    BadMessage(String),
    /// Its handler panicked.
    Panicked(PanicInfo),
    /// The answer could not be encoded, or is longer than the caller takes; in the codec's words.
    BadAnswer(String),
}

impl Failure {
    /// The payload of a `Failed` or `Rejected` frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Unsupported => out.push(1),
            Self::BadMessage(reason) => {
                out.push(2);
                put_text(&mut out, reason);
            }
            Self::Panicked(panic) => {
                out.push(3);
                out.extend_from_slice(&panic.encode());
            }
            Self::BadAnswer(reason) => {
                out.push(4);
                put_text(&mut out, reason);
            }
        }
        out
    }

    /// The failure in the payload of a `Failed` or `Rejected` frame.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new("Failed", payload);
        Ok(match fields.u8("reason")? {
            1 => Self::Unsupported,
            2 => Self::BadMessage(fields.text("detail")?.to_owned()),
            3 => Self::Panicked(PanicInfo::read(&mut fields)?),
            4 => Self::BadAnswer(fields.text("detail")?.to_owned()),
            other => return Err(fields.invalid("reason", other)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_these_bytes() {
        let panic = PanicInfo::new("oh".into(), "a.rs:1:2".into(), String::new());
        let golden = b"\x03\x02\0oh\x08\0a.rs:1:2\0\0";
        assert_eq!(Failure::Panicked(panic.clone()).encode(), golden);
        assert_eq!(Failure::decode(golden), Ok(Failure::Panicked(panic)));
        assert_eq!(Failure::BadMessage("x".into()).encode(), b"\x02\x01\0x");
    }

    #[test]
    fn every_failure_survives_the_journey_and_no_cut_of_it_panics() {
        let panic = PanicInfo::new("text".into(), "place".into(), "worker".into());
        for failure in [
            Failure::Unsupported,
            Failure::BadMessage("why".into()),
            Failure::Panicked(panic),
            Failure::BadAnswer("why".into()),
        ] {
            let bytes = failure.encode();
            assert_eq!(Failure::decode(&bytes), Ok(failure));
            for cut in 0..bytes.len() {
                assert!(Failure::decode(&bytes[..cut]).is_err());
            }
        }
        assert!(matches!(Failure::decode(&[77]), Err(WireError::Invalid { .. })));
    }
}
