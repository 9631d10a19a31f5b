//! What the parent and its two child programs say to each other: the only crate that all of them share.
//!
//! Two programs, two protocols: a message for the greeter cannot be sent to the adder, and either program can change
//! without the other being built again.
#![forbid(unsafe_code)]

mod adder;
mod greeter;

pub use crate::adder::{Add, AddError, Adder, AdderInit, Cents};
pub use crate::greeter::{Greet, GreetError, Greeter, GreeterInit, Greeting};
