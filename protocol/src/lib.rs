//! The pure half of kinfolk: what a parent and its children say to each other, and the rules they both follow.
//!
//! Nothing here does I/O, reads a clock or needs a runtime. A [`Handle`] alone makes system calls: it duplicates its
//! descriptor when it is encoded, and tokio's types in it (feature `tokio`) need a runtime to be decoded in. A
//! *protocol crate*, the one a parent and its child programs share, needs only this: a [`Protocol`] tag and one
//! [`Message`] impl per message type.
//!
#![cfg_attr(feature = "bincode", doc = "```")]
#![cfg_attr(not(feature = "bincode"), doc = "```ignore")]
//! use kinfolk_protocol::{Bincode, Call, Message, OneWay, Protocol, ToChild, ToParent, Version};
//! use serde::{Deserialize, Serialize};
//!
//! /// The tag: a type without values, shared by the parent and the program.
//! pub enum Thumbs {}
//! impl Protocol for Thumbs {
//!     const NAME: &'static str = "thumbs";
//!     const VERSION: Version = Version::new(1, 2);
//!     type Init = ThumbInit;
//!     type Codec = Bincode;
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! pub struct ThumbInit {
//!     pub quality: u8,
//! }
//!
//! /// A call: the parent asks, the child answers with the width it settled for.
//! #[derive(Serialize, Deserialize)]
//! pub struct Resize {
//!     pub width: u32,
//! }
//! impl Message for Resize {
//!     type To = ToChild<Thumbs>;
//!     type Contract = Call<u32>;
//!     const NAME: &'static str = "Resize";
//! }
//!
//! /// A one-way message from the child.
//! #[derive(Serialize, Deserialize)]
//! pub struct Scanned(pub u64);
//! impl Message for Scanned {
//!     type To = ToParent<Thumbs>;
//!     type Contract = OneWay;
//!     const NAME: &'static str = "Scanned";
//! }
//! ```
//!
//! With the feature `derive` those impls can be derived: `#[derive(Message)]` with `#[message(to_child = Thumbs,
//! reply = u32)]`, and `#[derive(Shape)]` for types inside messages.
//!
//! The bytes are described in `docs/wire.md`, which the golden-byte tests of this crate hold to.
#![forbid(unsafe_code)]

// Modules import only from those listed below them.
mod session;

mod handshake;

mod context;
mod failure;
mod frame;
mod log;
mod wire;

mod port;

mod message;
mod shape;

mod attachment;

mod codec;

mod fault;
mod limits;
mod name;
mod version;

pub use attachment::{
    Arrival, Blob, Cargo, Carrier, ENTRY_LEN, Entry, Handle, INLINE, Lent, Loan, MAX_ATTACHMENTS, Nature, Table,
    Transfer, cannot_unpack, pack, unpack,
};
#[cfg(feature = "bincode")]
pub use codec::Bincode;
#[cfg(feature = "json")]
pub use codec::Json;
#[cfg(feature = "postcard")]
pub use codec::Postcard;
pub use codec::{Codec, CodecError};
pub use context::{Context, Trace};
pub use failure::{Failure, PanicInfo};
pub use fault::{Cancelled, Fault};
pub use frame::{
    FRAME_VERSION, Flags, FrameError, HEADER_LEN, Header, Kind, MAX_LONG, PREAMBLE, PREAMBLE_LEN, SHORT, WHOLE,
    check_preamble,
};
pub use handshake::{
    Expected, Greeting, Hello, Init, InitFailed, MAX_WELCOMED, PortMismatch, Ready, Refusal, Token, Welcomed,
};
pub use limits::{Limits, LimitsError};
pub use log::{LogLevel, LogRecord};
pub use message::{
    Answer, Answered, Call, Contract, Direction, ErrorOf, Message, Never, OneWay, Payload, Progress, Protocol, Reply,
    Streamed, Streaming, ToChild, ToParent, Towards, Unanswered, Way,
};
pub use name::{CallId, ChildName, MessageId, MessageName, NameError};
pub use port::Port;
pub use session::{Broken, BrokenLoan, Closing, Grant, ItemRoom, Loans, MAX_REGIONS, Session, Settled, Untaken};
pub use shape::{Outline, Shape, Sketch};
pub use version::Version;
pub use wire::WireError;

#[cfg(feature = "derive")]
pub use kinfolk_macros::{Message, Shape};
