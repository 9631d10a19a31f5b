//! Tasks for the children of a pool: each says what becomes of it, and of its child.

use std::fmt;

use kinfolk::{Bincode, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};

/// The protocol of a pool's children.
#[derive(Debug)]
pub enum Labour {}

impl Protocol for Labour {
    const NAME: &'static str = "labour";
    const VERSION: Version = Version::new(1, 0);
    type Init = Hire;
    type Codec = Bincode;
}

/// How a child begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hire {
    /// Its slot.
    pub slot: u64,
    /// Handlers it runs at once; as many as it may if 0.
    pub at_once: u64,
    /// It does not become ready while this file is there.
    pub unless: Option<String>,
}

/// What becomes of a task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum Fate {
    /// It is answered.
    #[default]
    Done,
    /// It is answered once this file is there.
    Await(String),
    /// It is declined.
    Declined,
    /// It panics.
    Panics,
    /// Its child aborts.
    Aborts,
    /// Its child aborts, unless this file is there, which it then is.
    AbortsOnce(String),
    /// It never ends, whoever asks.
    Hangs,
    /// It ends when it is cancelled.
    Waits,
    /// So many bytes of its child's memory are never freed.
    Leaks(u64),
}

/// Who did a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Receipt {
    /// The task's number.
    pub number: u64,
    /// The process.
    pub pid: u32,
    /// Its slot.
    pub slot: u64,
    /// How many tasks it has begun, this one among them.
    pub begun: u64,
}

/// The error of a task that was declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Declined;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it was declined")
    }
}

/// A task that may be done twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(to_child = Labour, reply = Receipt, error = Declined, progress = u64, idempotent)]
pub struct Chore {
    /// Which.
    pub number: u64,
    /// What becomes of it.
    pub fate: Fate,
}

/// A task that must not be done twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(to_child = Labour, reply = Receipt, error = Declined)]
pub struct Deed {
    /// Which.
    pub number: u64,
    /// What becomes of it.
    pub fate: Fate,
}

/// A stream of numbers up to this one, which then meets its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Message)]
#[message(to_child = Labour, stream = u64, error = Declined, idempotent)]
pub struct CountTo {
    /// How far.
    pub number: u64,
    /// What becomes of it after the last.
    pub fate: Fate,
}
