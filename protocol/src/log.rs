//! An event of a child's log, on its way to the parent.

use std::fmt;

use crate::wire::{Fields, WireError, put_text};

/// How important an event is, as the `tracing` crate has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Something is to be looked at.
    Warn,
    /// What goes on.
    Info,
    /// For whoever looks for a mistake.
    Debug,
    /// All of it.
    Trace,
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        })
    }
}

/// An event of a child's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRecord {
    /// How important it is.
    pub level: LogLevel,
    /// The part of the program it comes from.
    pub target: String,
    /// What it says.
    pub message: String,
    /// Names and values that came with it, and with the spans around it.
    pub fields: Vec<(String, String)>,
    /// How many events before it were left out, because the parent had not read those before them.
    pub missed: u64,
}

/// Fields beyond these are left out.
const MAX_FIELDS: usize = 64;
/// A text beyond this is cut: the largest record fits one frame.
const MAX_TEXT: usize = 448;
/// A message beyond this is cut.
const MAX_MESSAGE: usize = 4 * 1024;

fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl LogRecord {
    /// A record without fields.
    #[must_use]
    pub fn new(level: LogLevel, target: impl Into<String>, message: impl Into<String>) -> Self {
        Self { level, target: target.into(), message: message.into(), fields: Vec::new(), missed: 0 }
    }

    /// Its payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.push(match self.level {
            LogLevel::Error => 1,
            LogLevel::Warn => 2,
            LogLevel::Info => 3,
            LogLevel::Debug => 4,
            LogLevel::Trace => 5,
        });
        out.extend_from_slice(&self.missed.to_le_bytes());
        put_text(&mut out, cut(&self.target, MAX_TEXT));
        put_text(&mut out, cut(&self.message, MAX_MESSAGE));
        out.extend_from_slice(&(self.fields.len().min(MAX_FIELDS) as u16).to_le_bytes());
        for (name, value) in self.fields.iter().take(MAX_FIELDS) {
            put_text(&mut out, cut(name, MAX_TEXT));
            put_text(&mut out, cut(value, MAX_TEXT));
        }
        out
    }

    /// The record in a payload. What follows its last field is left to later versions.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new("Log", payload);
        let level = match fields.u8("level")? {
            1 => LogLevel::Error,
            2 => LogLevel::Warn,
            3 => LogLevel::Info,
            4 => LogLevel::Debug,
            5 => LogLevel::Trace,
            other => return Err(fields.invalid("level", other)),
        };
        let missed = fields.u64("missed")?;
        let (target, message) = (fields.text("target")?.to_owned(), fields.text("message")?.to_owned());
        let count = fields.u16("fields")?;
        if usize::from(count) > MAX_FIELDS {
            return Err(fields.invalid("fields", count));
        }
        let mut pairs = Vec::new();
        for _ in 0..count {
            pairs.push((fields.text("name")?.to_owned(), fields.text("value")?.to_owned()));
        }
        Ok(Self { level, target, message, fields: pairs, missed })
    }
}

impl fmt::Display for LogRecord {
    /// One line, without its end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5} {}: {}", self.level, self.target, self.message)?;
        self.fields.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_these_bytes() {
        let mut record = LogRecord::new(LogLevel::Warn, "a::b", "low");
        record.fields.push(("left".into(), "3".into()));
        record.missed = 1;
        let golden = b"\x02\x01\0\0\0\0\0\0\0\x04\0a::b\x03\0low\x01\0\x04\0left\x01\x003";
        assert_eq!(record.encode(), golden);
        assert_eq!(LogRecord::decode(golden), Ok(record.clone()));
        assert_eq!(record.to_string(), "WARN  a::b: low left=3");
        for end in 0..golden.len() {
            assert!(LogRecord::decode(&golden[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn the_largest_record_fits_one_frame() {
        let long = "ü".repeat(10_000);
        let mut record = LogRecord::new(LogLevel::Info, long.clone(), long.clone());
        record.fields = vec![(long.clone(), long); 1_000];
        let bytes = record.encode();
        assert!(bytes.len() <= crate::WHOLE as usize, "{} bytes", bytes.len());
        assert_eq!(LogRecord::decode(&bytes).unwrap().fields.len(), MAX_FIELDS);
    }
}
