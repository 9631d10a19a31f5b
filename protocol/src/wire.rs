//! The few primitives that the handshake and failure payloads are made of: little-endian numbers, texts with a length.

use thiserror::Error;

/// A payload of the handshake that ends too early or holds what it must not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The payload ends within a field.
    #[error("the {frame} frame ends within `{field}`")]
    Truncated {
        /// The kind of frame.
        frame: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A text is not UTF-8.
    #[error("`{field}` in the {frame} frame is not UTF-8")]
    NotUtf8 {
        /// The kind of frame.
        frame: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A value is outside what the field may hold.
    #[error("`{field}` in the {frame} frame may not be {found}")]
    Invalid {
        /// The kind of frame.
        frame: &'static str,
        /// The field.
        field: &'static str,
        /// What stands there.
        found: String,
    },
}

/// The longest text, in bytes: names, and messages for people. A few of them fit any
/// [`max_message`](crate::Limits::max_message).
const MAX_TEXT: usize = 8 * 1024;

/// Appends `text` after its length as a `u16`. A longer text is cut at a character.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(&(end as u16).to_le_bytes());
    out.extend_from_slice(&text.as_bytes()[..end]);
}

/// Reads fields one after another.
pub(crate) struct Fields<'a> {
    frame: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(frame: &'static str, payload: &'a [u8]) -> Self {
        Self { frame, rest: payload }
    }

    /// What has not been read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], WireError> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(WireError::Truncated { frame: self.frame, field }),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], WireError> {
        let taken = self.take(field, N)?;
        Ok(taken.try_into().expect("`take` gives as many bytes as it was asked for"))
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, WireError> {
        Ok(u8::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.array(field)?))
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, WireError> {
        let length = self.u16(field)?;
        let bytes = self.take(field, usize::from(length))?;
        std::str::from_utf8(bytes).map_err(|_| WireError::NotUtf8 { frame: self.frame, field })
    }

    pub(crate) fn invalid(&self, field: &'static str, found: impl ToString) -> WireError {
        WireError::Invalid { frame: self.frame, field, found: found.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_too_long_for_its_length_is_cut_at_a_character() {
        let mut out = Vec::new();
        put_text(&mut out, &format!("x{}", "ü".repeat(40_000)));
        let mut fields = Fields::new("test", &out);
        assert_eq!(fields.text("text").unwrap().len(), MAX_TEXT - 1);
        assert!(fields.rest().is_empty());
    }
}
