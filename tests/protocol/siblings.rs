//! What two processes say to each other over a port, and their parent to each of them.

use kinfolk::{Bincode, Call, Limits, Message, OneWay, Protocol, Streaming, ToChild, ToParent, Version};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// The protocol of the port.
#[derive(Debug)]
pub enum Kin {}

impl Protocol for Kin {
    const NAME: &'static str = "kin";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
    /// Few, so that there is waiting for room.
    const LIMITS: Limits = Limits::DEFAULT.max_in_flight(24).window(4, 1 << 20).items(4, 1 << 20);
}

macro_rules! messages {
    ($($(#[$doc:meta])* $direction:ident $name:ident $fields:tt => $contract:ty;)*) => {$(
        messages!(@type $(#[$doc])* $name $fields);
        impl Message for $name {
            type To = $direction<Kin>;
            type Contract = $contract;
            const NAME: &'static str = stringify!($name);
        }
    )*};
    (@type $(#[$doc:meta])* $name:ident ($($type:ty),*)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name($(#[doc = "The value."] pub $type),*);
    };
}

messages! {
    /// Written down, then answered with the same number.
    ToChild Jot(u64) => Call<u64>;
    /// Sent back as [`Fed`], as many bytes.
    ToChild Feed(ByteBuf) => OneWay;
    /// See [`Feed`].
    ToParent Fed(ByteBuf) => OneWay;
    /// Answered with so many numbers.
    ToParent Produce(u64) => Streaming<u64>;
}

/// The protocol between the parent and the two children of a pipeline.
#[derive(Debug)]
pub enum Pipe {}

impl Protocol for Pipe {
    const NAME: &'static str = "pipe";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// Answered with the sum of so many numbers, which the sibling produces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum(
    /// How many.
    pub u64,
);

impl Message for Sum {
    type To = ToChild<Pipe>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Sum";
}

/// Told by a child when its sibling is gone: how the link ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone(
    /// In words.
    pub String,
);

impl Message for Alone {
    type To = ToParent<Pipe>;
    type Contract = OneWay;
    const NAME: &'static str = "Alone";
}
