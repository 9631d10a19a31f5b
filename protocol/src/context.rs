//! What travels with a call besides its message: how much time is left, on whose behalf it is made, which trace it
//! belongs to.

use std::time::Duration;

use crate::name::CallId;
use crate::wire::{Fields, WireError};

/// The surroundings of a call. `docs/wire.md` has its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Context {
    /// How long its caller still waits. A duration, so that the clocks of two processes need not agree.
    pub remaining: Option<Duration>,
    /// The call of the receiver's whose handler makes this one.
    pub cause: Option<CallId>,
    /// The trace it belongs to: `traceparent` and `tracestate` of <https://www.w3.org/TR/trace-context/>.
    pub trace: Option<Trace>,
}

/// A place in a distributed trace, as the W3C writes it. Opaque here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// `traceparent`.
    pub parent: String,
    /// `tracestate`, or empty.
    pub state: String,
}

const REMAINING: u8 = 1;
const CAUSE: u8 = 2;
const TRACE_PARENT: u8 = 3;
const TRACE_STATE: u8 = 4;

impl Context {
    /// True if there is nothing to say, so that it need not be sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remaining.is_none() && self.cause.is_none() && self.trace.is_none()
    }

    /// Its bytes, which stand in front of the payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.extend_from_slice(&[0, 0]);
        if let Some(remaining) = self.remaining {
            let micros = u64::try_from(remaining.as_micros()).unwrap_or(u64::MAX);
            put(&mut out, REMAINING, &micros.to_le_bytes());
        }
        if let Some(cause) = self.cause {
            put(&mut out, CAUSE, &cause.to_bits().to_le_bytes());
        }
        if let Some(trace) = &self.trace {
            put(&mut out, TRACE_PARENT, trace.parent.as_bytes());
            put(&mut out, TRACE_STATE, trace.state.as_bytes());
        }
        let length = (out.len() - 2) as u16;
        out[..2].copy_from_slice(&length.to_le_bytes());
        out
    }

    /// The context at the front of a payload, and its length. Entries that are not known are skipped.
    ///
    /// # Errors
    /// [`WireError`] if there is none.
    pub fn decode(payload: &[u8]) -> Result<(Self, usize), WireError> {
        let mut fields = Fields::new("Call", payload);
        let length = usize::from(fields.u16("context")?);
        let mut entries = Fields::new("Call", fields.take("context", length)?);
        let mut context = Self::default();
        while !entries.rest().is_empty() {
            let tag = entries.u8("context")?;
            let length = usize::from(entries.u8("context")?);
            let value = entries.take("context", length)?;
            context.read(tag, value)?;
        }
        Ok((context, length + 2))
    }

    fn read(&mut self, tag: u8, value: &[u8]) -> Result<(), WireError> {
        let mut field = Fields::new("Call", value);
        match tag {
            REMAINING => self.remaining = Some(Duration::from_micros(field.u64("remaining time")?)),
            CAUSE => self.cause = Some(CallId::from_bits(field.u64("cause")?)),
            TRACE_PARENT => self.trace.get_or_insert_default().parent = text(value)?,
            TRACE_STATE => self.trace.get_or_insert_default().state = text(value)?,
            _ => {}
        }
        Ok(())
    }
}

/// Appends an entry. One that is too long, which only foreign trace state can be, is left out.
fn put(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    if let Ok(length) = u8::try_from(value.len()) {
        out.extend_from_slice(&[tag, length]);
        out.extend_from_slice(value);
    }
}

fn text(value: &[u8]) -> Result<String, WireError> {
    match std::str::from_utf8(value) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(WireError::NotUtf8 { frame: "Call", field: "trace" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Context {
        Context {
            remaining: Some(Duration::from_micros(258)),
            cause: Some(CallId::from_bits(5)),
            trace: Some(Trace { parent: "00-a-b-01".into(), state: String::new() }),
        }
    }

    #[test]
    fn a_context_is_these_bytes() {
        let golden = b"\x21\0\x01\x08\x02\x01\0\0\0\0\0\0\x02\x08\x05\0\0\0\0\0\0\0\x03\x0900-a-b-01\x04\0";
        assert_eq!(full().encode(), golden);
        assert_eq!(Context::decode(golden), Ok((full(), golden.len())));
    }

    #[test]
    fn what_a_later_version_adds_is_skipped_and_a_cut_never_panics() {
        let bytes = b"\x05\0\xee\x03abcpayload";
        assert_eq!(Context::decode(bytes), Ok((Context::default(), 7)));
        let bytes = full().encode();
        for cut in 0..bytes.len() {
            assert!(Context::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}
