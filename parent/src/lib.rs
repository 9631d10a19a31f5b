//! The parent's side of kinfolk: named children, each with a typed init value; typed messages, requests and events;
//! ends that explain themselves.
//!
//! A [`Parent`] owns children. A [`ChildSpec`] says how one is started, a [`Child`] is its handle, an [`ExitReport`]
//! tells how it ended. `docs/lifecycle.md` has every step with its bound.
#![forbid(unsafe_code)]

// Modules import only from those listed below them.
mod parent;

pub mod pool;

mod registry;

mod attach;
mod driver;

mod spec;

mod handlers;

mod cx;

#[cfg(feature = "tower")]
mod service;

mod child;
mod request;

mod events;
mod shared;

mod condemned;
#[cfg_attr(feature = "tracing", path = "trace/on.rs")]
#[cfg_attr(not(feature = "tracing"), path = "trace/off.rs")]
mod trace;

mod log;

mod event;
mod unhandled;

mod process;

mod launch;

mod error;

mod program;
mod stdio;

mod invitation;
mod lifecycle;
mod proc;
mod pulse;
mod report;

pub use child::Child;
pub use cx::{Cause, Cx};
pub use error::{CallError, CallSite, StartError, Step};
pub use event::{ChildEvent, Disconnected, Output};
pub use events::Events;
pub use invitation::Invitation;
#[doc(inline)]
pub use kinfolk_link::port;
pub use parent::{ChildInfo, Parent};
pub use program::{Hosted, Program, ProgramError};
pub use report::{EndedBy, ExitReport, ExitStatus, Why};
pub use request::{Asker, Pending, Replies, Request};
pub use spec::{ChildSpec, Initialized, NeedsInit, NoInit, WithInit};
pub use stdio::Stdio;
pub use unhandled::{Unhandled, UnhandledError};
