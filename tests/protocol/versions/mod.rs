//! One protocol in two versions, as two programs have it that were not built together.

mod long;
pub mod new;
pub mod old;

pub use self::long::{Long, Longer};
use kinfolk::Shape;
use serde::{Deserialize, Serialize};

/// What came of a message that a child sent to its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub struct Said {
    /// The name of the message.
    pub message: String,
    /// In one word.
    pub end: String,
    /// In the words of its error, if it is one.
    pub sentence: String,
}

/// What both versions have alike.
macro_rules! common {
    () => {
        use kinfolk::{Bincode, Call, Message, Protocol, Shape, ToChild, Version};
        use serde::{Deserialize, Serialize};

        use super::Said;

        /// The protocol.
        #[derive(Debug)]
        pub enum Desk {}

        /// Answered with the sum.
        #[derive(Debug, Serialize, Deserialize, Message)]
        #[message(to_child = Desk, reply = u32)]
        pub struct Add(
            /// The numbers.
            pub Vec<u32>,
        );

        /// Answered with what came of one message of each type to the parent.
        #[derive(Debug, Serialize, Deserialize, Message)]
        #[message(to_child = Desk, reply = Vec<Said>)]
        pub struct Relay;

        /// Answered by the parent with the same number.
        #[derive(Debug, Serialize, Deserialize, Message)]
        #[message(to_parent = Desk, reply = u32)]
        pub struct Ask(
            /// The number.
            pub u32,
        );

        /// Told to the parent.
        #[derive(Debug, Serialize, Deserialize, Message)]
        #[message(to_parent = Desk)]
        pub struct Told(
            /// A number.
            pub u32,
        );
    };
}
use common;
