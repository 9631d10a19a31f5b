//! What the four processes say to each other: two protocols between neighbours, and one of the parent with each child.
//!
//! None of the parent's has a message that could hold a block.

use std::path::PathBuf;
use std::time::Duration;

use kinfolk::{Bincode, Blob, Limits, Message, Port, Protocol, Shape, ToChild, ToParent, Version};
use serde::{Deserialize, Serialize};

/// Blocks that one neighbour takes from another before it has answered for some of them. This is what bounds memory:
/// a call that finds no room waits, and so does whoever made it.
const AHEAD: u32 = 8;

/// Spoken between reader and squeezer.
pub(crate) enum Raw {}
impl Protocol for Raw {
    const NAME: &'static str = "raw";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
    const LIMITS: Limits = Limits::DEFAULT.max_in_flight(AHEAD);
}

/// Squeeze this block and pass it on. The answer is the writer's: it comes when the block is in its place.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Raw, reply = ())]
pub(crate) struct Squeeze {
    pub(crate) number: u64,
    pub(crate) block: Blob,
}

/// Spoken between squeezer and writer.
pub(crate) enum Packed {}
impl Protocol for Packed {
    const NAME: &'static str = "packed";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
    const LIMITS: Limits = Limits::DEFAULT.max_in_flight(AHEAD);
}

/// Unpack this block and put it in its place.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Packed, reply = ())]
pub(crate) struct Keep {
    pub(crate) number: u64,
    pub(crate) packed: Blob,
}

/// Spoken by the parent with the reader.
pub(crate) enum Reading {}
impl Protocol for Reading {
    const NAME: &'static str = "reading";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// From now on blocks go this way, those without an acknowledgement too.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Reading, reply = ())]
pub(crate) struct SendTo(pub(crate) Port<ToChild<Raw>>);

/// Make so many blocks and have them delivered.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Reading, reply = Delivered)]
pub(crate) struct DeliverAll {
    pub(crate) blocks: u64,
}

/// Every block is acknowledged.
#[derive(Serialize, Deserialize, Shape)]
pub(crate) struct Delivered {
    /// Sent more than once.
    pub(crate) sent_again: u64,
    /// Of all blocks, in their order.
    pub(crate) sum: String,
}

/// Spoken by the parent with the squeezer.
pub(crate) enum Squeezing {}
impl Protocol for Squeezing {
    const NAME: &'static str = "squeezing";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// The two neighbours.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Squeezing, reply = ())]
pub(crate) struct Join {
    pub(crate) from: Port<ToParent<Raw>>,
    pub(crate) to: Port<ToChild<Packed>>,
}

/// Spoken by the parent with the writer.
pub(crate) enum Writing {}
impl Protocol for Writing {
    const NAME: &'static str = "writing";
    const VERSION: Version = Version::new(1, 0);
    type Init = Output;
    type Codec = Bincode;
}

/// Where the output goes, and how slowly.
#[derive(Serialize, Deserialize)]
pub(crate) struct Output {
    pub(crate) file: PathBuf,
    /// Waited before a block is acknowledged.
    pub(crate) slow: Duration,
}

/// Blocks come this way too from now on.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Writing, reply = ())]
pub(crate) struct TakeFrom(pub(crate) Port<ToParent<Packed>>);

/// Answer when so many blocks are in their places.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Writing, reply = ())]
pub(crate) struct Reach {
    pub(crate) blocks: u64,
}

/// Read the output once more, and tell what it is.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Writing, reply = Written)]
pub(crate) struct Check;

/// The output.
#[derive(Serialize, Deserialize, Shape)]
pub(crate) struct Written {
    pub(crate) blocks: u64,
    pub(crate) bytes: u64,
    /// Bytes that came for them.
    pub(crate) squeezed: u64,
    /// Blocks that came more than once, and were known by their number.
    pub(crate) twice: u64,
    pub(crate) sum: String,
}
