//! The operating system: all `unsafe` of kinfolk, behind functions that are safe to call.
#![expect(unsafe_code, reason = "the one place for it: each block names who upholds what it needs")]

mod board;
mod exit;
#[cfg_attr(not(test), expect(dead_code, reason = "blobs and shared regions, which stand on it, are still to come"))]
mod memory;
mod process;
mod socket;

pub(crate) use board::{Begin, Board, Withdrawal};
pub use exit::at_exit;
#[expect(unused_imports, reason = "blobs and shared regions, which stand on it, are still to come")]
pub(crate) use memory::{Atom, BadMemory, Draft, Foreign, Frozen, Slot, View, Words};
pub use process::{Pidfd, Reaped, Usage, end_own_group, kill_group, reap, set_process_name};
pub use socket::{Socket, peer_has_finished, peer_is_gone, receive_with_descriptor};
