//! Encoding outside every lock: a message's `Serialize` is user code, and may itself send.

use std::cell::Cell;

use kinfolk_protocol::{Direction, Message, Protocol};

/// The codec of a message's protocol.
pub type CodecOf<M> = <<<M as Message>::To as Direction>::Protocol as Protocol>::Codec;

/// A buffer up to this long is kept for the next message. Fresh memory costs more than the copy into it: every page of
/// it faults once.
const KEPT: usize = 2 << 20;

thread_local! {
    /// Taken out while it is in use, so that an encoding within an encoding gets a buffer of its own.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer that is usually not a new one.
pub(crate) fn take() -> Vec<u8> {
    let mut buffer = SCRATCH.take();
    buffer.clear();
    buffer
}

/// Gives a buffer back for the next [`take`] on this thread.
pub(crate) fn recycle(buffer: Vec<u8>) {
    // One that was handed over is empty, and must not take the place of one that was given back.
    if (1..=KEPT).contains(&buffer.capacity()) {
        SCRATCH.set(buffer);
    }
}
