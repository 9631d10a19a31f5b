//! The greeter's protocol.

use kinfolk_protocol::{Bincode, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Spoken with `three-crates-greeter`.
#[derive(Debug)]
pub enum Greeter {}
impl Protocol for Greeter {
    const NAME: &'static str = "greeter";
    const VERSION: Version = Version::new(1, 0);
    type Init = GreeterInit;
    type Codec = Bincode;
}

/// What the greeter must know before it can greet anybody.
#[derive(Debug, Serialize, Deserialize)]
pub struct GreeterInit {
    /// A language code as in `LANG`: `de`, or `de_AT.UTF-8`. The greeter does not start with one that it does not
    /// speak.
    pub language: String,
}

/// Asks for a greeting.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Greeter, reply = Greeting, error = GreetError, idempotent)]
pub struct Greet {
    /// Who is greeted.
    pub name: String,
}

/// A whole sentence.
#[derive(Debug, Serialize, Deserialize, Shape)]
pub struct Greeting(pub String);

/// Why nobody was greeted.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Shape, Error)]
pub enum GreetError {
    /// The name is empty.
    #[error("there is nobody to greet")]
    Nobody,
}
