//! What `asker` and its tests say to each other: streams, progress, and calls in both directions.

use kinfolk::{Bincode, Cancelled, Limits, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::Denied;

/// The protocol of `asker`.
#[derive(Debug)]
pub enum Relay {}

impl Protocol for Relay {
    const NAME: &'static str = "relay";
    const VERSION: Version = Version::new(1, 0);
    type Init = Opening;
    type Codec = Bincode;
}

/// The protocol of `asker --tight`, which accepts next to nothing at once.
#[derive(Debug)]
pub enum Tight {}

/// What a tight child, and the tests' parent of one, accept.
pub const TIGHT: Limits = Limits::DEFAULT.items(1, 1).max_in_flight(2).window(1, 1).max_message(1 << 20);

impl Protocol for Tight {
    const NAME: &'static str = "tight";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
    const LIMITS: Limits = TIGHT;
}

/// How an `asker` begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opening {
    /// At once.
    Plain,
    /// With the parent's answer to [`Who`], which [`Ask`] tells as [`Question::Before`].
    Asking,
    /// With an error unless the parent answers [`Refuse`].
    Needing,
}

/// Answered with its number, after as many [`Step`]s.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay, reply = u64, progress = Step, error = Denied, opaque(progress, error))]
pub struct Report {
    /// How many.
    pub steps: u64,
    /// From a thread of its own.
    pub blocking: bool,
    /// The last one is bad.
    pub flaw: Option<Flaw>,
}

/// What is wrong with a [`Step`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum Flaw {
    /// It cannot be encoded.
    Unwritable,
    /// It has 2 MiB.
    TooLong,
    /// It cannot be decoded.
    Unreadable,
}

/// Progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The how manieth.
    pub number: u64,
    /// What is wrong with it.
    pub flaw: Option<Flaw>,
}

impl Serialize for Step {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.flaw == Some(Flaw::Unwritable) {
            return Err(serde::ser::Error::custom("no words for it"));
        }
        let padding = ByteBuf::from(vec![0; if self.flaw == Some(Flaw::TooLong) { 2 << 20 } else { 0 }]);
        (self.number, self.flaw, padding).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (number, flaw, _) = <(u64, Option<Flaw>, ByteBuf)>::deserialize(deserializer)?;
        if flaw == Some(Flaw::Unreadable) {
            return Err(serde::de::Error::custom("no sense in it"));
        }
        Ok(Self { number, flaw })
    }
}

/// Items `0..count`, then the end.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay, stream = Piece, error = Denied, opaque(error))]
pub struct Pieces {
    /// How many.
    pub count: u64,
    /// Their sizes, in turn.
    pub sizes: Vec<u32>,
    /// From a thread of its own.
    pub blocking: bool,
    /// With an error at the end.
    pub decline: bool,
}

/// An item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Piece {
    /// The how manieth.
    pub number: u64,
    /// As many as were asked for.
    #[message(opaque)]
    pub bytes: ByteBuf,
}

/// Answered with what the child has counted.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay, reply = Count)]
pub struct Counters();

/// What a child has counted since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Count {
    /// Handlers that have begun, [`Counters`] apart.
    pub begun: u64,
    /// Those of them that were dropped, or left because of their cancel, before they were done.
    pub dropped: u64,
    /// Items and progress values handed over.
    pub sent: u64,
}

/// Asks the parent; answered with what came of it, in words.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay, reply = String)]
pub struct Ask(pub Question);

/// What the parent is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub enum Question {
    /// [`Who`], on behalf of this call.
    Who,
    /// [`Who`], from a thread of its own.
    WhoBlocking,
    /// [`Who`], on nobody's behalf.
    WhoUnasked,
    /// What it said to [`Opening::Asking`].
    Before,
    /// [`Refuse`].
    Refuse,
    /// [`Stumble`].
    Stumble,
    /// [`Hang`].
    Hang,
    /// How many microseconds its handler of [`Left`] has.
    Left,
    /// How many microseconds this handler has.
    OwnLeft,
    /// How many microseconds a child of this child has for [`Question::OwnLeft`].
    GrandchildLeft,
    /// [`Feed`] of so many, summed up.
    Feed(u64),
}

/// Answered with its depth, after as many calls to and fro.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay, reply = u64)]
pub struct Bounce(pub u64);

/// Computes for a minute; deaf, or until its cancel.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay, reply = u64)]
pub struct Toil {
    /// Does not look whether it is cancelled.
    pub deaf: bool,
}

/// Waits for ever, without computing.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay, reply = ())]
pub struct Wait();

/// Answered with as many bytes as it has, and so many more.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay, reply = ByteBuf, opaque(reply))]
pub struct Grow(#[message(opaque)] pub ByteBuf, pub u32);

/// Sent back as a [`Heard`], in order.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Relay)]
pub struct Say(pub u64, #[message(opaque)] pub ByteBuf);

/// What was said.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Relay)]
pub struct Heard(pub u64, #[message(opaque)] pub ByteBuf);

/// Answered with the cause, in words.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Relay, reply = String)]
pub struct Who();

/// Declined.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Relay, reply = (), error = Denied, opaque(error))]
pub struct Refuse();

/// Its handler panics.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Relay, reply = ())]
pub struct Stumble();

/// Never answered.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Relay, reply = ())]
pub struct Hang();

/// Answered with how many microseconds the handler has.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Relay, reply = Option<u64>)]
pub struct Left();

/// Numbers from 0 on.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Relay, stream = u64)]
pub struct Feed(pub u64);

/// Answered with its depth, after as many calls to and fro.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Relay, reply = u64)]
pub struct BounceBack(pub u64);

/// Answered with its bytes, which have been to the parent and back as [`Hoist`], one [`Tight`] progress value on the
/// way.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Tight, reply = ByteBuf, progress = ByteBuf, opaque(reply, progress))]
pub struct Haul(#[message(opaque)] pub ByteBuf);

/// Answered with its bytes, after an item with them.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Tight, reply = ByteBuf, progress = ByteBuf, opaque(reply, progress))]
pub struct Hoist(#[message(opaque)] pub ByteBuf);

/// Said back as a [`Told`].
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_child = Tight)]
pub struct Tell(#[message(opaque)] pub ByteBuf);

/// What was told.
#[derive(Debug, Clone, Serialize, Deserialize, Message)]
#[message(to_parent = Tight)]
pub struct Told(#[message(opaque)] pub ByteBuf);

impl From<Cancelled> for Denied {
    fn from(_: Cancelled) -> Self {
        Self("cancelled".into())
    }
}
