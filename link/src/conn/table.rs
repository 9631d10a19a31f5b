//! Which message types the peer handles, and whether it means the same by them as we do.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

use kinfolk_protocol::{Message, MessageId, Welcomed};
use thiserror::Error;

/// The two sides were built from different definitions of a message type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub struct ShapeMismatch {
    /// The message type's name.
    pub message: &'static str,
    /// What it looks like here.
    pub ours: String,
    /// What it looks like there. Empty if that was not told in words, which have to fit one frame.
    pub theirs: String,
}

impl ShapeMismatch {
    /// Compares two definitions of the type of that name.
    ///
    /// # Errors
    /// Both shapes are known, and differ.
    pub fn check(message: &'static str, ours: &Welcomed, theirs: &Welcomed) -> Result<(), Box<Self>> {
        let known = ours.fingerprint != 0 && theirs.fingerprint != 0;
        if !known || ours.fingerprint == theirs.fingerprint {
            return Ok(());
        }
        Err(Box::new(Self { message, ours: ours.shape.clone(), theirs: theirs.shape.clone() }))
    }
}

impl fmt::Display for ShapeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is `{}` in this program and ", self.message, self.ours)?;
        match self.theirs.as_str() {
            "" => f.write_str("something else")?,
            theirs => write!(f, "`{theirs}`")?,
        }
        f.write_str(" in the other: build both from one version of the protocol crate; ")?;
        f.write_str("a minor version may add message types, never change them")
    }
}

/// What the peer does with a message type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It handles it.
    Handled,
    /// It has no handler for it, as far as it has said.
    NoHandler,
    /// It means another shape by it.
    Mismatch(Box<ShapeMismatch>),
}

#[derive(Debug)]
pub(super) struct Table(Vec<Row>);

#[derive(Debug)]
struct Row {
    entry: Welcomed,
    /// Compared once: outlines are written when they are asked for.
    verdict: AtomicU8,
}

const UNKNOWN: u8 = 0;
const SAME: u8 = 1;
const DIFFERENT: u8 = 2;

impl Table {
    pub(super) fn new(mut entries: Vec<Welcomed>) -> Self {
        entries.sort_unstable_by_key(|entry| entry.message);
        Self(entries.into_iter().map(|entry| Row { entry, verdict: AtomicU8::new(UNKNOWN) }).collect())
    }

    pub(super) fn admits<M: Message>(&self) -> Admission {
        let found = self.0.binary_search_by_key(&MessageId::of(M::NAME), |row| row.entry.message);
        let Ok(at) = found else { return Admission::NoHandler };
        let row = &self.0[at];
        match row.verdict.load(Ordering::Relaxed) {
            SAME => Admission::Handled,
            _ => row.compare::<M>(),
        }
    }
}

impl Row {
    #[cold]
    fn compare<M: Message>(&self) -> Admission {
        let compared = ShapeMismatch::check(M::NAME, &Welcomed::of::<M>(), &self.entry);
        self.verdict.store(if compared.is_ok() { SAME } else { DIFFERENT }, Ordering::Relaxed);
        compared.map_or_else(Admission::Mismatch, |()| Admission::Handled)
    }
}
