//! An error that can cross a process border: text with its causes.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Nobody waits for the answer any more: how a computation leaves by `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call was cancelled")]
pub struct Cancelled;

/// What went wrong, as text and its causes: the default error of a call, and the error of a child's `main`.
///
/// Every [`Error`] becomes one by `?`, its chain of sources included. Like `anyhow::Error` it is no [`Error`] itself,
/// or that conversion could not exist. A caller that must decide by kind gives its message an error type of its own.
///
/// ```
/// use kinfolk_protocol::Fault;
/// fn parse(text: &str) -> Result<u32, Fault> {
///     Ok(text.parse()?)
/// }
/// assert_eq!(parse("x").unwrap_err().to_string(), "invalid digit found in string");
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    message: String,
    causes: Vec<String>,
}

impl Fault {
    /// A fault from a text of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), causes: Vec::new() }
    }

    pub(crate) fn with_causes(message: String, causes: Vec<String>) -> Self {
        Self { message, causes }
    }

    /// The outermost text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What it was caused by, outermost first.
    pub fn causes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.causes.iter().map(String::as_str)
    }

    /// The same fault with a sentence in front that says what was being done.
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.message, doing.into());
        self.causes.insert(0, inner);
        self
    }
}

impl<E: Error> From<E> for Fault {
    fn from(error: E) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            causes.push(cause.to_string());
            source = cause.source();
        }
        Self { message: error.to_string(), causes }
    }
}

impl fmt::Display for Fault {
    /// The message; with `{:#}` the causes too, on the same line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if f.alternate() {
            for cause in &self.causes {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Fault {
    /// The message and a line per cause: what a `main` that returns it prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, "\n  caused by: {cause}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("could not open the store")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_keeps_its_chain_of_causes() {
        let fault = Fault::from(Outer(std::io::Error::other("disk on fire")));
        assert_eq!(format!("{fault:#}"), "could not open the store: disk on fire");
        let fault = fault.context("starting");
        assert_eq!(fault.causes().collect::<Vec<_>>(), ["could not open the store", "disk on fire"]);
    }
}
