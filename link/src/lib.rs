//! Bytes and descriptors between two kinfolk processes, and the session that runs over them.
//!
//! Programs use `kinfolk`, not this crate: it is what the parent's and the child's runtime are built of. It is the
//! only place with `unsafe`, all of it in `sys`.

// Modules import only from those listed below them.
mod conn;

mod endpoint;
mod inherited;

mod reader;
mod writer;

mod scratch;

mod error;
mod memory;
mod transport;

mod sync;
mod sys;

pub use conn::{
    Answering, Asked, CallOutcome, Calling, Conn, Delivery, Job, Peer, Received, SendCause, SendError, Sending,
};
pub use endpoint::{CONNECT_VARIABLE, Endpoint, Visitor, connect};
pub use error::{LinkError, Misbehaviour};
pub use inherited::{InheritedPair, LINK_VARIABLE, ROLE_VARIABLE, claim, is_waiting, waiting_role};
pub use memory::Memory;
pub use reader::Reader;
pub use scratch::{CodecOf, encode, recycle};
pub use sync::{lock, panic_text};
pub use sys::{
    Pidfd, Reaped, Socket, Usage, at_exit, end_own_group, kill_group, peer_has_finished, peer_is_gone, reap,
    set_process_name,
};
pub use transport::Transport;

/// The signals a parent sends.
pub use rustix::process::Signal;
