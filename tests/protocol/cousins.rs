//! What two real children say to each other over a port that came in a message, and their parent to each of them.

use std::fs::File;

use kinfolk::{Bincode, Blob, Handle, Message, Port, Protocol, Shape, ToChild, ToParent, Version};
use serde::{Deserialize, Serialize};

/// The protocol of the port.
#[derive(Debug)]
pub enum Ply {}

impl Protocol for Ply {
    const NAME: &'static str = "ply";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// The end that asks.
pub type Asks = Port<ToChild<Ply>>;
/// The end that answers.
pub type Answers = Port<ToParent<Ply>>;

/// Answered with twice the number, for which [`Half`] is asked back.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Ply, reply = u64)]
pub struct Twice(pub u64);

/// Answered with half the number.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Ply, reply = u64)]
pub struct Half(pub u64);

/// Begun, counted and never answered. One at a time.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Ply, reply = ())]
pub struct Ponder;

/// Answered with the sum of the bytes, and with where they are.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Ply, reply = Seen)]
pub struct See(pub Blob);

/// What became of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Seen {
    /// Of its bytes.
    pub sum: u64,
    /// True if they are read where the sender put them.
    pub in_place: bool,
}

/// Answered with what is in the file.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Ply, reply = String)]
pub struct Read(pub Handle<File>);

/// The protocol of the parent with each.
#[derive(Debug)]
pub enum Cousins {}

impl Protocol for Cousins {
    const NAME: &'static str = "cousins";
    const VERSION: Version = Version::new(1, 0);
    type Init = Start;
    type Codec = Bincode;
}

/// How a cousin begins.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Start {
    /// Opened at once, if there is one.
    pub port: Option<Answers>,
    /// Whether it trusts who asks it.
    pub trusting: bool,
}

/// Opens this end, and answers when it is open.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Cousins, reply = ())]
pub struct Answer(pub Answers);

/// Opens this end, and answers when it is open.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Cousins, reply = ())]
pub struct Ask(pub Asks);

/// Opens this end.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Cousins)]
pub struct AskLater(pub Asks);

/// Drops this end.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Cousins, reply = ())]
pub struct Refuse(pub Answers);

/// Has the one that asks do something with the other, and tell what came of it.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Cousins, reply = String)]
pub struct Do(pub Errand);

/// What is done.
#[derive(Debug, Serialize, Deserialize, Shape)]
pub enum Errand {
    /// Asks [`Twice`].
    Twice(u64),
    /// Asks so many times for [`Ponder`], and tells the deliveries and the end of the link when all is lost.
    Ponder(usize),
    /// Has a blob of so many bytes seen, built in sealed memory or not, and checks the sum.
    See {
        /// In bytes.
        length: usize,
        /// In sealed memory.
        sealed: bool,
    },
    /// Has a file read.
    Read(String),
    /// Closes the link.
    Close,
}

/// Answered with how many times [`Ponder`] was begun.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Cousins, reply = u64)]
pub struct Begun;

/// Answered with the open descriptors, as what they lead to.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Cousins, reply = Vec<String>)]
pub struct Descriptors;
