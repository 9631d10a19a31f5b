//! What is documented for each fault at each stage, in `docs/lifecycle.md` and `docs/calls.md`.

use crate::fault::{Fault, Stage};

/// The outcome of a cell, in the words of [`cell`](super::cell).
pub(crate) fn documented(stage: Stage, fault: Fault) -> &'static str {
    MATRIX[stage as usize][fault as usize]
}

/// A row for each of [`Stage::ALL`], a column for each of [`Fault::ALL`]: SIGKILL, SEGV, ABRT, exit 0, exit 1, a panic,
/// the link closed, garbage sent, SIGSTOP, out of memory.
const MATRIX: [[&str; 10]; 14] = [
    // There is no process yet: ten programs that cannot be run stand in for the faults, see `programs`.
    [
        "start: Program",
        "start: Spawn",
        "start: Spawn",
        "start: Spawn",
        "start: Program",
        "start: Spawn",
        "start: Program",
        "start: Program",
        "start: Spawn",
        "start: Spawn",
    ],
    // By hand: nothing was said.
    [
        "start: Exited before hello; signal 9, OomLikely",
        "start: Exited before hello; signal 11, Itself",
        "start: Exited before hello; signal 6, Itself",
        "start: Exited before hello; code 0, Itself",
        "start: Exited before hello; code 1, Itself",
        "start: Exited before hello; code 101, Itself",
        "start: Exited before hello; signal 15, us: LinkEnded",
        "start: Misbehaved; signal 9, us: Misbehaved",
        "start: Timeout before hello; signal 9, us: HandshakeTimeout",
        "start: Exited before hello; signal 6, Itself",
    ],
    // By hand: after 20 bytes.
    [
        "start: Exited before hello; signal 9, OomLikely",
        "start: Exited before hello; signal 11, Itself",
        "start: Exited before hello; signal 6, Itself",
        "start: Exited before hello; code 0, Itself",
        "start: Exited before hello; code 1, Itself",
        "start: Exited before hello; code 101, Itself",
        "start: Exited before hello; signal 15, us: LinkEnded",
        "start: Misbehaved; signal 9, us: Misbehaved",
        "start: Timeout before hello; signal 9, us: HandshakeTimeout",
        "start: Exited before hello; signal 6, Itself",
    ],
    // Between the hello and `run`.
    [
        "start: Exited in its init; signal 9, OomLikely",
        "start: Exited in its init; signal 11, Itself",
        "start: Exited in its init; signal 6, Itself",
        "start: Exited in its init; code 0, Itself",
        "start: Exited in its init; code 1, Itself",
        "start: InitFailed; code 101, Itself",
        "start: Exited in its init; signal 15, us: LinkEnded",
        "start: Misbehaved; signal 9, us: Misbehaved",
        "start: Timeout in its init; signal 9, us: InitTimeout",
        "start: Exited in its init; signal 6, Itself",
    ],
    // On a thread of its own, after the only call. A panic there ends nothing.
    [
        "answered; signal 9, OomLikely",
        "answered; signal 11, Itself",
        "answered; signal 6, Itself",
        "answered; code 0, Itself",
        "answered; code 1, Itself",
        "answered; lives on, answered; signal 9, us: Killed",
        "answered; signal 15, us: LinkEnded",
        "answered; signal 9, us: Misbehaved",
        "answered; lives on, Deadline Sent; signal 9, us: Killed",
        "answered; signal 6, Itself",
    ],
    // By hand, beginnings told by frames: none was sent. While it may still come, and of a child that breaks the
    // protocol, that says nothing.
    [
        "Exited Sent; signal 9, OomLikely",
        "Exited Sent; signal 11, Itself",
        "Exited Sent; signal 6, Itself",
        "Exited Sent; code 0, Itself",
        "Exited Sent; code 1, Itself",
        "Exited Sent; code 101, Itself",
        "Disconnected Started; signal 15, us: LinkEnded",
        "Exited Started; signal 9, us: Misbehaved",
        "Deadline Started; lives on, Deadline Started; signal 9, us: Killed",
        "Exited Sent; signal 6, Itself",
    ],
    // While the message is decoded, which is a part of its handler's work.
    [
        "Exited Started; signal 9, OomLikely",
        "Exited Started; signal 11, Itself",
        "Exited Started; signal 6, Itself",
        "Exited Started; code 0, Itself",
        "Exited Started; code 1, Itself",
        "Panicked; lives on, answered; signal 9, us: Killed",
        "Disconnected Started; signal 15, us: LinkEnded",
        "Exited Started; signal 9, us: Misbehaved",
        "Deadline Started; lives on, Deadline Sent; signal 9, us: Killed",
        "Exited Started; signal 6, Itself",
    ],
    // In a handler that holds up all others.
    [
        "Exited Started; signal 9, OomLikely",
        "Exited Started; signal 11, Itself",
        "Exited Started; signal 6, Itself",
        "Exited Started; code 0, Itself",
        "Exited Started; code 1, Itself",
        "Panicked; lives on, answered; signal 9, us: Killed",
        "Disconnected Started; signal 15, us: LinkEnded",
        "Exited Started; signal 9, us: Misbehaved",
        "Deadline Started; lives on, Deadline Sent; signal 9, us: Killed",
        "Exited Started; signal 6, Itself",
    ],
    // While the reply is encoded.
    [
        "Exited Started; signal 9, OomLikely",
        "Exited Started; signal 11, Itself",
        "Exited Started; signal 6, Itself",
        "Exited Started; code 0, Itself",
        "Exited Started; code 1, Itself",
        "Panicked; lives on, answered; signal 9, us: Killed",
        "Disconnected Started; signal 15, us: LinkEnded",
        "Exited Started; signal 9, us: Misbehaved",
        "Deadline Started; lives on, Deadline Sent; signal 9, us: Killed",
        "Exited Started; signal 6, Itself",
    ],
    // By hand, beginnings told by frames: after half of the reply's header.
    [
        "Exited Started; signal 9, OomLikely",
        "Exited Started; signal 11, Itself",
        "Exited Started; signal 6, Itself",
        "Exited Started; code 0, Itself",
        "Exited Started; code 1, Itself",
        "Exited Started; code 101, Itself",
        "Disconnected Started; signal 15, us: LinkEnded",
        "Exited Started; signal 9, us: Misbehaved",
        "Deadline Started; lives on, Deadline Started; signal 9, us: Killed",
        "Exited Started; signal 6, Itself",
    ],
    // By hand: the reply has left.
    [
        "answered; signal 9, OomLikely",
        "answered; signal 11, Itself",
        "answered; signal 6, Itself",
        "answered; code 0, Itself",
        "answered; code 1, Itself",
        "answered; code 101, Itself",
        "answered; signal 15, us: LinkEnded",
        "answered; signal 9, us: Misbehaved",
        "answered; lives on, Deadline Started; signal 9, us: Killed",
        "answered; signal 6, Itself",
    ],
    // By hand: at the word to finish, which is a shutdown of the parent's.
    [
        "signal 9, OomLikely",
        "signal 11, Itself",
        "signal 6, Itself",
        "code 0, Itself",
        "code 1, Itself",
        "code 101, Itself",
        "signal 15, us: LinkEnded",
        "signal 9, us: Misbehaved",
        "signal 9, us: Shutdown",
        "signal 6, Itself",
    ],
    // On a thread that computes, once its call was cancelled: its runtime goes on, as when it is idle.
    [
        "Cancelled Started; signal 9, OomLikely",
        "Cancelled Started; signal 11, Itself",
        "Cancelled Started; signal 6, Itself",
        "Cancelled Started; code 0, Itself",
        "Cancelled Started; code 1, Itself",
        "Cancelled Started; lives on, answered; signal 9, us: Killed",
        "Cancelled Started; signal 15, us: LinkEnded",
        "Cancelled Started; signal 9, us: Misbehaved",
        "Cancelled Started; lives on, Deadline Sent; signal 9, us: Killed",
        "Cancelled Started; signal 6, Itself",
    ],
    // After `run` has returned: all was said, and the link has ended.
    [
        "signal 9, OomLikely",
        "signal 11, Itself",
        "signal 6, Itself",
        "code 0, Itself",
        "code 1, Itself",
        "code 101, Itself",
        "signal 15, us: LinkEnded",
        "signal 15, us: LinkEnded",
        "signal 9, us: LinkEnded",
        "signal 6, Itself",
    ],
];
