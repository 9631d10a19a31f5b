//! The adder's protocol.

use std::fmt;

use kinfolk_protocol::{Bincode, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Spoken with `three-crates-adder`.
#[derive(Debug)]
pub enum Adder {}
impl Protocol for Adder {
    const NAME: &'static str = "adder";
    const VERSION: Version = Version::new(1, 0);
    type Init = AdderInit;
    type Codec = Bincode;
}

/// Where the adder begins.
#[derive(Debug, Serialize, Deserialize)]
pub struct AdderInit {
    /// The balance before the first amount.
    pub balance: Cents,
}

/// Asks to add an amount to the balance; answered with the new one.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Adder, reply = Cents, error = AddError)]
pub struct Add {
    /// As people write it: `12`, `12.5`, `-0.99`.
    pub amount: String,
}

/// An amount of money, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Cents(pub i64);

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100)
    }
}

/// Why the balance is what it was.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Shape, Error)]
pub enum AddError {
    /// The text is no amount of money.
    #[error("{0:?} is no amount of money")]
    NotAnAmount(String),
    /// The sum is beyond all money there is.
    #[error("the balance would overflow")]
    Overflow,
}
