//! What the test programs and the tests say to each other.
#![forbid(unsafe_code)]

pub mod bearer;
pub mod cousins;
pub mod labour;
mod ledger;
pub mod parcels;
pub mod relay;
pub mod siblings;
pub mod versions;

use kinfolk::{Bincode, Call, Message, OneWay, Protocol, ToChild, ToParent, Version};
use serde::{Deserialize, Serialize};
// Bytes as bytes: the elements of a `Vec<u8>` would be encoded one by one.
use serde_bytes::ByteBuf;

pub use crate::ledger::{AT_ONCE, Asking, AtOnce, Computing, Confirm, FLOW, Flowing, Ledger, Refused, Task, Waiting};

/// The protocol of nearly every test program.
#[derive(Debug)]
pub enum Drill {}

impl Protocol for Drill {
    const NAME: &'static str = "drill";
    const VERSION: Version = Version::new(1, 1);
    type Init = Begin;
    type Codec = Bincode;
}

/// The same protocol in a later, incompatible version.
#[derive(Debug)]
pub enum LaterDrill {}

impl Protocol for LaterDrill {
    const NAME: &'static str = "drill";
    const VERSION: Version = Version::new(2, 0);
    type Init = Begin;
    type Codec = Bincode;
}

/// How a worker's initialization goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Begin {
    /// Well.
    #[default]
    Well,
    /// With so many [`Tick`]s on the way.
    Ticking(u64),
    /// With an error.
    Fail,
    /// With a panic.
    Panic,
    /// Never.
    Hang,
    /// With `exit(9)`.
    Exit,
    /// With `abort`.
    Abort,
    /// With a return instead of `run`.
    Return,
    /// Deaf to SIGTERM, and later to the parent's wish to drain.
    Stubborn,
    /// With payloads of this many bytes to show.
    Bytes(ByteBuf),
}

macro_rules! messages {
    ($($(#[$doc:meta])* $direction:ident $name:ident $fields:tt => $contract:ty;)*) => {$(
        messages!(@type $(#[$doc])* $name $fields);
        impl Message for $name {
            type To = $direction<Drill>;
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
    /// Answered with the same number.
    ToChild Echo(u64) => Call<u64>;
    /// Answered with as many bytes as it has, plus so many more.
    ToChild Grow(ByteBuf, u32) => Call<ByteBuf>;
    /// Answered after so many milliseconds, by a future.
    ToChild Nap(u64) => Call<()>;
    /// Answered after so many milliseconds of computing on a thread of its own, unless cancelled before.
    ToChild Compute(u64) => Call<u64>;
    /// Answered with the number of calls that were cancelled.
    ToChild Cancellations() => Call<u64>;
    /// Done to the child by itself.
    ToChild Do(Deed) => Call<(), Denied>;
    /// Asks for so many [`Tick`]s.
    ToChild Count(u64) => OneWay;
    /// Keeps the child's one-way handlers busy for so many milliseconds.
    ToChild Slow(u64) => OneWay;
    /// Panics in a one-way handler.
    ToChild Trip() => OneWay;
    /// Answered with what the child knows of itself.
    ToChild Describe() => Call<Description>;
    /// Decoding it panics.
    ToChild FragileCall(Fragile) => Call<()>;
    /// Decoding it panics.
    ToChild FragileNote(Fragile) => OneWay;
    /// Answered with a value whose encoding panics.
    ToChild AskFragile() => Call<Fragile>;
    /// Decoding it panics.
    ToParent FragileTick(Fragile) => OneWay;
    /// Panics on a thread of its own.
    ToChild TripBlocking() => Call<()>;
    /// Answered by nobody.
    ToChild Unknown() => Call<()>;
    /// Handled by nobody.
    ToChild Ignored() => OneWay;
    /// One of many.
    ToParent Tick(u64) => OneWay;
    /// Said once the child's `main` is about to return.
    ToParent Farewell(String) => OneWay;
}

/// A value whose encoding and decoding may be bugged: the program's own code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragile {
    /// When it panics.
    pub when: When,
}

/// When a [`Fragile`] panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Where it is encoded.
    Encoded,
    /// Where it is decoded.
    Decoded,
}

impl Serialize for Fragile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.when != When::Encoded, "panicked while encoding");
        self.when.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let when = When::deserialize(deserializer)?;
        assert!(when != When::Decoded, "panicked while decoding");
        Ok(Self { when })
    }
}

/// The error of [`Do`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied(pub String);

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a child may do to itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// Decline.
    Decline,
    /// Panic in the handler.
    Panic,
    /// Panic in a thread that no handler waits for.
    PanicElsewhere,
    /// Call `abort`.
    Abort,
    /// Call `exit`.
    Exit(i32),
    /// Send so many [`Tick`]s and then end.
    TickThen(u64, End),
    /// Print lines.
    Print {
        /// On stdout.
        stdout: Vec<String>,
        /// On stderr.
        stderr: Vec<String>,
    },
    /// Leave the group that its parent put it in.
    LeaveGroup,
    /// Send a [`FragileTick`] and then a [`Tick`].
    SendFragile,
    /// Print without end.
    PrintForEver,
    /// Print so many numbered lines.
    PrintLines(u64),
    /// Compute for so many milliseconds on the thread that runs everything.
    Occupy(u64),
    /// Run the same program once more, as a plain program, and decline with its exit code.
    RunAgain,
    /// Start a child of its own, and decline with the child's answer to `Echo(5)`.
    BeParent,
    /// Start a program that outlives the child, in the child's group or a session of its own, holding its output.
    LeaveBehind {
        /// In a session of its own.
        session: bool,
    },
}

/// How a child ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// By returning from `main`.
    Return,
    /// By `std::process::exit`.
    Exit,
    /// By a panic in `main`.
    Panic,
}

/// What a child knows of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// `argv[0]` and the arguments.
    pub args: Vec<String>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: String,
    /// Descriptors that were open when `main` began, with what they lead to.
    pub at_start: Vec<(i32, String)>,
    /// Descriptors that are open now.
    pub now: Vec<(i32, String)>,
    /// The link, as [`now`](Self::now) shows it.
    pub link: String,
}
