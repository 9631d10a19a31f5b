//! What the test programs and the tests say to each other.
#![forbid(unsafe_code)]

use kinfolk::{Bincode, Call, Message, OneWay, Protocol, ToChild, ToParent, Version};
use serde::{Deserialize, Serialize};

/// The protocol of every test program.
#[derive(Debug)]
pub enum Drill {}

impl Protocol for Drill {
    const NAME: &'static str = "drill";
    const VERSION: Version = Version::new(1, 0);
    type Init = String;
    type Codec = Bincode;
}

/// Answered with the same number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Echo(pub u64);

impl Message for Echo {
    type To = ToChild<Drill>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Echo";
    const IDEMPOTENT: bool = true;
}

/// Asks the child to send so many [`Tick`]s.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Count(pub u64);

impl Message for Count {
    type To = ToChild<Drill>;
    type Contract = OneWay;
    const NAME: &'static str = "Count";
}

/// One of many.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tick(pub u64);

impl Message for Tick {
    type To = ToParent<Drill>;
    type Contract = OneWay;
    const NAME: &'static str = "Tick";
}
