//! What parent and child say to each other.

use std::path::PathBuf;

use kinfolk::{Bincode, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};

/// Spoken with the child that counts primes.
pub(crate) enum Primes {}
impl Protocol for Primes {
    const NAME: &'static str = "primes";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// Asks how many primes there are, and for a table of them.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Primes, reply = Counted, progress = Permille)]
pub(crate) struct CountPrimes {
    /// Up to here, exclusive.
    pub(crate) below: u64,
    /// Where the table goes: a line for each step, with a number and how many primes are below it.
    pub(crate) table: PathBuf,
}

/// How far a count is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Shape)]
pub(crate) struct Permille(pub(crate) u16);

/// The end of a count.
#[derive(Debug, Serialize, Deserialize, Shape)]
pub(crate) struct Counted {
    /// How many primes there are.
    pub(crate) primes: u64,
    /// Lines of the table.
    pub(crate) lines: u64,
}

/// Tells, unasked, that the unfinished table of a cancelled count was taken away.
#[derive(Serialize, Deserialize, Message)]
#[message(to_parent = Primes)]
pub(crate) struct TakenAway {
    /// The file that is gone.
    pub(crate) file: PathBuf,
}
