//! The macros in a crate that calls kinfolk `kin`.
#![forbid(unsafe_code)]

use kin::child::Me;
use kin::{Bincode, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};

/// A protocol.
#[derive(Debug)]
pub enum Sums {}

impl Protocol for Sums {
    const NAME: &'static str = "sums";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// A message.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Sums, reply = Sum)]
pub struct Add(
    /// What is added.
    pub Vec<u64>,
);

/// Its reply.
#[derive(Debug, Serialize, Deserialize, Shape)]
pub struct Sum(
    /// The sum.
    pub u64,
);

/// A worker.
#[kin::child]
pub async fn worker(me: Me<Sums>) -> kin::child::Result {
    me.on_message(|_, Add(numbers)| async move { Ok(Sum(numbers.iter().sum())) }).run().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_macros_find_kinfolk_by_the_name_it_has() {
        assert_eq!(kin::Outline::of::<Add>().text, "Add([u64]) -> Sum(u64) | Fault");
        let _: fn() -> std::process::ExitCode = worker;
    }
}
