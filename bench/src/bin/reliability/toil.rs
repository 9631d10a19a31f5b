//! What the suite and its children say to each other.

use kinfolk::{Bincode, Call, Message, Protocol, ToChild, Version};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

use crate::fault::{self, Fault, Stage};

/// The protocol of every child here.
#[derive(Debug)]
pub(crate) enum Toil {}

impl Protocol for Toil {
    const NAME: &'static str = "toil";
    const VERSION: Version = Version::new(1, 0);
    type Init = Begin;
    type Codec = Bincode;
}

/// How a child begins, and how it ends.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// The file it writes to what it has begun.
    pub(crate) history: Option<String>,
    /// A fault that is no call's.
    pub(crate) fault: Option<(Stage, Fault)>,
}

macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* } => $reply:ty, $idempotent:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }

        impl Message for $name {
            type To = ToChild<Toil>;
            type Contract = Call<$reply>;
            const NAME: &'static str = stringify!($name);
            const IDEMPOTENT: bool = $idempotent;
        }
    )*};
}

messages! {
    /// Written down, then answered with its nonce after so long. May be done twice.
    Again { id: u64, nonce: u64, micros: u64 } => u64, true;
    /// The same, and may be done once only.
    Once { id: u64, nonce: u64, micros: u64 } => u64, false;
    /// Answered with its number, or the death of the child.
    Dose { id: u64, lethal: bool } => u64, true;
    /// Computes for so long, on a thread of its own, and asks for no cancel.
    Burn { nonce: u64, millis: u64 } => u64, false;
    /// Computes for so long where all other handlers run too.
    Hog { nonce: u64, millis: u64 } => u64, false;
    /// Sleeps for so long on a thread of its own, and asks for no cancel.
    Overrun { nonce: u64, millis: u64 } => u64, false;
    /// Bytes, answered with their number after so long.
    Carry { ballast: ByteBuf, micros: u64 } => u64, true;
    /// Starts a program that stays, and answers with its process.
    Breed {} => u32, false;
    /// Answered with a charge: as it arrives, in its handler, or on its way back something goes wrong.
    Explode { charge: Charge } => Charge, false;
    /// Answered when it is cancelled: by the fault.
    Linger { fault: Fault } => u64, false;
    /// Has the fault happen when nothing else does.
    Later { fault: Fault } => u64, false;
}

/// A value of which one step on its way goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Charge(pub(crate) Stage, pub(crate) Fault);

impl Serialize for Charge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == Stage::Encode && fault::is_child() {
            fault::raise(self.1);
        }
        (self.0, self.1).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Charge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (stage, fault) = <(Stage, Fault)>::deserialize(deserializer)?;
        if stage == Stage::Decode && fault::is_child() {
            fault::raise(fault);
        }
        Ok(Self(stage, fault))
    }
}
