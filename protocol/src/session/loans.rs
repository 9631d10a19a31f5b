//! Blobs in shared memory: what one side has lent the other, and has not got back.

use std::collections::HashMap;

use thiserror::Error;

/// Loans at once in one direction, besides the bound in bytes: each takes a place in a table of both sides.
const MAX_LOANS: usize = 4_096;
/// Regions at once in one direction: each takes a mapping, or a descriptor, of the receiver.
pub const MAX_REGIONS: usize = 64;

/// What a peer did with loans that it may not do: its link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BrokenLoan {
    /// It lent the same twice.
    #[error("it lent blob {loan}, which it has lent already")]
    Twice {
        /// The loan.
        loan: u32,
    },
    /// It lent more than may be held at once.
    #[error("it lent {bytes} bytes beyond the {max} that may be lent at once")]
    TooMuch {
        /// The length of the last loan.
        bytes: u64,
        /// The limit it was told.
        max: u64,
    },
    /// It gave back what it was not lent.
    #[error("it gave blob {loan} back, which it was not lent")]
    NotLent {
        /// The loan.
        loan: u32,
    },
    /// It named a region that it has not announced, or announced one twice, or too many.
    #[error("it named region {loan}, which it may not: {MAX_REGIONS} at most, announced once each")]
    Region {
        /// The region.
        loan: u32,
    },
    /// It lent more of a region than there is.
    #[error("it lent {length} bytes of region {loan}, which has {capacity}")]
    BeyondRegion {
        /// The region.
        loan: u32,
        /// What it lent, in bytes.
        length: u64,
        /// What there is, in bytes.
        capacity: u64,
    },
}

/// Loans in one direction; each side has one for what it lends and one for what it is lent.
#[derive(Debug)]
pub struct Loans {
    open: HashMap<u32, u64>,
    bytes: u64,
    max: u64,
}

impl Loans {
    /// None yet; at most `max` bytes at once.
    #[must_use]
    pub fn new(max: u64) -> Self {
        Self { open: HashMap::new(), bytes: 0, max }
    }

    /// True if so many bytes may be lent.
    #[must_use]
    pub fn has_room(&self, bytes: u64) -> bool {
        self.open.len() < MAX_LOANS && bytes <= self.max - self.bytes
    }

    /// Something is lent.
    ///
    /// # Errors
    /// [`BrokenLoan`] if it may not be.
    pub fn lend(&mut self, loan: u32, bytes: u64) -> Result<(), BrokenLoan> {
        if !self.has_room(bytes) {
            return Err(BrokenLoan::TooMuch { bytes, max: self.max });
        }
        if self.open.contains_key(&loan) {
            return Err(BrokenLoan::Twice { loan });
        }
        self.open.insert(loan, bytes);
        self.bytes += bytes;
        Ok(())
    }

    /// Something is given back.
    ///
    /// # Errors
    /// [`BrokenLoan::NotLent`].
    pub fn give_back(&mut self, loan: u32) -> Result<(), BrokenLoan> {
        let bytes = self.open.remove(&loan).ok_or(BrokenLoan::NotLent { loan })?;
        self.bytes -= bytes;
        Ok(())
    }

    /// True while it is lent.
    #[must_use]
    pub fn is_open(&self, loan: u32) -> bool {
        self.open.contains_key(&loan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_bounded_and_comes_back_once() {
        let mut loans = Loans::new(100);
        loans.lend(7, 60).unwrap();
        assert!(!loans.has_room(41));
        assert_eq!(loans.lend(8, 41), Err(BrokenLoan::TooMuch { bytes: 41, max: 100 }));
        assert_eq!(loans.lend(7, 1), Err(BrokenLoan::Twice { loan: 7 }));
        loans.lend(8, 40).unwrap();
        loans.give_back(7).unwrap();
        assert_eq!(loans.give_back(7), Err(BrokenLoan::NotLent { loan: 7 }));
        assert!(loans.has_room(60) && loans.is_open(8) && !loans.is_open(7));
        assert_eq!(loans.lend(9, u64::MAX), Err(BrokenLoan::TooMuch { bytes: u64::MAX, max: 100 }));
    }

    #[test]
    fn loans_are_bounded_in_number_too() {
        let mut loans = Loans::new(u64::MAX);
        (0..MAX_LOANS as u32).for_each(|loan| loans.lend(loan, 0).unwrap());
        assert!(!loans.has_room(0));
        loans.give_back(3).unwrap();
        assert!(loans.has_room(0));
    }
}
