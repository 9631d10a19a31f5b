//! Long payloads, put together from their chunks.

use bytes::{Bytes, BytesMut};
use kinfolk_protocol::{Flags, FrameError, Header, MAX_LONG};

use super::Frame;
use crate::pool;
use crate::transport::Passed;

/// A buffer for a payload up to this long is used again: fresh memory would fault once per page.
const KEPT: usize = 2 << 20;
/// Reserved for a payload at first: its announced length is only a word.
const FIRST: usize = KEPT;

/// The payloads that were announced and have not come whole.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    open: Vec<Open>,
    announced: u64,
    /// Of the last payload: used again once that was dropped.
    spare: BytesMut,
}

#[derive(Debug)]
struct Open {
    number: u64,
    header: Header,
    passed: Passed,
    buffer: BytesMut,
}

impl Open {
    fn missing(&self) -> usize {
        self.header.length as usize - self.buffer.len()
    }
}

/// A chunk whose bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    number: u64,
    pub(super) missing: usize,
}

impl Assembly {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// A long payload was announced.
    pub(super) fn announce(&mut self, header: Header, passed: Passed) -> Result<(), FrameError> {
        if self.open.len() == MAX_LONG {
            return Err(FrameError::TooManyLong);
        }
        self.announced += 1;
        let length = header.length as usize;
        let pooled = if length > KEPT { pool::take(length) } else { None };
        let buffer = pooled.unwrap_or_else(|| std::mem::take(&mut self.spare));
        self.open.push(Open { number: self.announced, header, passed, buffer });
        Ok(())
    }

    /// A chunk was announced. `None` if it says that no more comes.
    pub(super) fn begin(&mut self, header: &Header) -> Result<Option<Chunk>, FrameError> {
        let number = header.call.to_bits();
        let Some(at) = self.open.iter().position(|open| open.number == number) else {
            return Err(FrameError::UnknownLong { number });
        };
        let missing = self.open[at].missing();
        if header.length as usize > missing {
            return Err(FrameError::BeyondEnd { length: header.length, missing });
        }
        if header.flags.has(Flags::ABANDONED) {
            self.open.swap_remove(at);
            return Ok(None);
        }
        Ok(Some(Chunk { number, missing: header.length as usize }))
    }

    /// Where the bytes of a chunk go: with room for at least those that are missing of it.
    pub(super) fn buffer(&mut self, chunk: Chunk) -> &mut BytesMut {
        let open = self.find(chunk);
        let spare = open.buffer.capacity() - open.buffer.len();
        if spare < chunk.missing {
            // As much again as there is: what a peer announces is believed as far as it has sent.
            let worth = open.buffer.len().max(FIRST).max(chunk.missing);
            open.buffer.reserve(open.missing().min(worth));
        }
        &mut open.buffer
    }

    fn find(&mut self, chunk: Chunk) -> &mut Open {
        let found = self.open.iter_mut().find(|open| open.number == chunk.number);
        found.expect("a payload is open until its last chunk has come")
    }

    /// The chunk has come whole: the frame, if it was the last.
    pub(super) fn end(&mut self, chunk: Chunk) -> Option<Frame> {
        if self.find(chunk).missing() > 0 {
            return None;
        }
        let at = self.open.iter().position(|open| open.number == chunk.number)?;
        let Open { header, passed, mut buffer, .. } = self.open.swap_remove(at);
        let payload: Bytes = buffer.split().freeze();
        match payload.len() {
            0..=KEPT => self.spare = buffer,
            length => pool::put(buffer, length),
        }
        Some(Frame { header, payload, passed })
    }
}
