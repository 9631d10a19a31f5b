//! The operating system: all `unsafe` of kinfolk, behind functions that are safe to call.
#![expect(unsafe_code, reason = "the one place for it: each block names who upholds what it needs")]

mod bell;
mod board;
mod exit;
mod memory;
mod nature;
mod passing;
mod process;
mod socket;

pub(crate) use bell::Bell;
pub use bell::Heart;
pub(crate) use board::{Begin, Board, Withdrawal};
pub use exit::at_exit;
pub use memory::Atom;
pub(crate) use memory::{Draft, Foreign, Frozen, Slot, View, Words};
pub(crate) use nature::nature;
pub use passing::receive_blocking;
pub use process::{
    Pidfd, Reaped, Usage, end_own_group, kill_group, peer_process, process_has_ended, reap, set_process_name,
};
pub use socket::{Socket, peer_has_finished, peer_is_gone};
