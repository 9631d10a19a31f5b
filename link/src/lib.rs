//! Bytes and descriptors between two kinfolk processes, and the session that runs over them.
//!
//! Programs use `kinfolk`, not this crate: it is what the parent's and the child's runtime are built of. It is the
//! only place with `unsafe`, all of it in `sys`.

// Modules import only from those listed below them.
pub mod port;

mod handlers;
mod handling;
mod request;

mod conn;

mod ambient;
#[cfg_attr(feature = "tracing", path = "trace/on.rs")]
#[cfg_attr(not(feature = "tracing"), path = "trace/off.rs")]
mod trace;

mod endpoint;
mod inherited;

mod reader;
mod writer;

mod attachments;

mod pool;
mod scratch;

mod error;
mod memory;
mod transport;

mod sync;
mod sys;

pub use ambient::Ambient;
pub use attachments::{Arrived, BlobBuilder, Packed, Region, Trust, arrival};
pub use conn::{
    Admission, Answering, Asked, CallOutcome, Calling, Conn, Delivery, Known, Letter, Manner, Peer, Received, Scope,
    SendCause, SendError, Sending, ShapeMismatch,
};
pub use endpoint::{CONNECT_VARIABLE, Endpoint, Visitor, connect};
pub use error::{LinkError, Misbehaviour};
pub use handlers::{Handlers, deliver};
pub use handling::{Caught, answer, handle};
pub use inherited::{InheritedPair, LINK_VARIABLE, ROLE_VARIABLE, claim, is_waiting, waiting_role};
pub use memory::Memory;
pub use reader::{Frame, Reader};
pub use request::{Asker, CallError, CallSite, Caller, CancelMode, End, Forceful, Pending, Replies, Request};
pub use scratch::CodecOf;
pub use sync::{lock, panic_text};
pub use sys::{
    Atom, Heart, Pidfd, Reaped, Socket, Usage, at_exit, end_own_group, kill_group, peer_has_finished, peer_is_gone,
    peer_process, process_has_ended, reap, receive_blocking, set_process_name,
};
pub use transport::{Lost, Passed, Room, Transport};

/// The unit in which the kernel counts a process's memory, in bytes.
pub use rustix::param::page_size;
/// The signals a parent sends.
pub use rustix::process::Signal;
