//! Encoding outside every lock: a message's `Serialize` is user code, and may itself send.

use std::cell::Cell;

use kinfolk_protocol::{Codec, CodecError, Direction, Message, Protocol};
use serde::Serialize;

/// The codec of a message's protocol.
pub type CodecOf<M> = <<<M as Message>::To as Direction>::Protocol as Protocol>::Codec;

/// A buffer up to this long is kept for the next message. Fresh memory costs more than the copy into it: every page of
/// it faults once.
const KEPT: usize = 2 << 20;

thread_local! {
    /// Taken out while it is in use, so that an encoding within an encoding gets a buffer of its own.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Encodes `value` into a buffer that is usually not a new one.
///
/// # Errors
/// The value cannot be expressed in the codec.
pub fn encode<C: Codec, T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut buffer = SCRATCH.take();
    buffer.clear();
    match C::encode(value, &mut buffer) {
        Ok(()) => Ok(buffer),
        Err(error) => {
            recycle(buffer);
            Err(error)
        }
    }
}

/// Gives a buffer back for the next [`encode`] on this thread.
pub fn recycle(buffer: Vec<u8>) {
    // One that was handed over is empty, and must not take the place of one that was given back.
    if (1..=KEPT).contains(&buffer.capacity()) {
        SCRATCH.set(buffer);
    }
}
