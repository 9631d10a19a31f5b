//! The child's side of kinfolk: a plain `main` that hands over to [`main`], typed init, and handlers. In the facade
//! `#[kinfolk::child]` writes that `main`.
//!
//! ```no_run
//! # use kinfolk_protocol::{Bincode, Call, Fault, Message, Protocol, ToChild, Version};
//! # enum Sums {}
//! # impl Protocol for Sums {
//! #     const NAME: &'static str = "sums";
//! #     const VERSION: Version = Version::new(1, 0);
//! #     type Init = u64;
//! #     type Codec = Bincode;
//! # }
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # struct Add(Vec<u64>);
//! # impl Message for Add {
//! #     type To = ToChild<Sums>;
//! #     type Contract = Call<u64>;
//! #     const NAME: &'static str = "Add";
//! # }
//! use kinfolk_child::Me;
//!
//! async fn worker(me: Me<Sums>) -> Result<(), Fault> {
//!     let start = *me.init(); // an error up to `run` is the parent's `InitFailed`
//!     me.on_message(move |_, Add(numbers)| async move { Ok(start + numbers.iter().sum::<u64>()) })
//!         .run()
//!         .await
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     kinfolk_child::main(worker)
//! }
//! ```
#![forbid(unsafe_code)]

// Modules import only from those listed below them.
mod entry;

mod me;
mod serve;

mod handlers;

mod cx;
#[cfg(feature = "tracing")]
mod logs;
mod parent;

mod runtime;

mod gate;
mod lane;
mod panics;

mod orphan;

pub use cx::{Cx, Job};
pub use entry::{Result, enter, host, main, role};
#[doc(inline)]
pub use kinfolk_link::port;
pub use kinfolk_link::{Asker, CallError, CallSite};
#[cfg(feature = "tracing")]
pub use logs::ShipLogs;
pub use me::Me;
pub use parent::{ParentHandle, Pending, Replies, Request};
pub use serve::Serve;
