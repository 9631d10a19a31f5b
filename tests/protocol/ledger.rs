//! Tasks for a child that writes down which of them it has begun.

use kinfolk::{Bincode, Call, Limits, Message, Protocol, Streaming, ToChild, ToParent, Version};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// The protocol of the program that keeps a ledger.
#[derive(Debug)]
pub enum Ledger {}

impl Protocol for Ledger {
    const NAME: &'static str = "ledger";
    const VERSION: Version = Version::new(1, 0);
    /// The file it writes to.
    type Init = String;
    type Codec = Bincode;
    /// Few, so that calls wait for room.
    const LIMITS: Limits = Limits::DEFAULT.max_in_flight(48);
}

/// Handlers at work at once in the program.
pub const AT_ONCE: usize = 16;

/// Items of each [`Flowing`].
pub const FLOW: u64 = 5;

/// The error of a task that was begun and declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused;

/// What is to be written down, and bytes that make it long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Written down as the first act of its handler. Those divisible by seven are declined.
    pub number: u64,
    /// For nothing else.
    pub ballast: ByteBuf,
}

macro_rules! tasks {
    ($($(#[$doc:meta])* $name:ident => $contract:ty;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name(
            /// What is to be done.
            pub Task,
        );

        impl Message for $name {
            type To = ToChild<Ledger>;
            type Contract = $contract;
            const NAME: &'static str = stringify!($name);
        }
    )*};
}

tasks! {
    /// Answered at once.
    AtOnce => Call<u64, Refused>;
    /// Answered after some waits.
    Waiting => Call<u64, Refused>;
    /// Answered after some computing on a thread of its own.
    Computing => Call<u64, Refused>;
    /// Answered with what the parent says to [`Confirm`].
    Asking => Call<u64, Refused>;
    /// Answered with [`FLOW`] items.
    Flowing => Streaming<u64, Refused>;
}

/// Answered with the same number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm(
    /// The task's.
    pub u64,
);

impl Message for Confirm {
    type To = ToParent<Ledger>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Confirm";
}
