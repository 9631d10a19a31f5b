//! Buffers on their way to the transport.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;

use crate::scratch::recycle;
use crate::transport::Transport;

/// A shared buffer takes no more frames from this size on.
pub(super) const FULL_BUFFER: usize = 64 * 1024;
/// Buffers handed to one system call, of short frames.
pub(super) const BATCH: usize = 8;
/// Those of long ones on top, two each.
pub(super) const LONGS: usize = 16;

/// Bytes to write.
#[derive(Debug)]
pub(super) enum Piece {
    /// Headers and short payloads.
    Frames(Vec<u8>),
    /// A part of a long payload.
    Part(Bytes),
}

impl Piece {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Frames(buffer) => buffer,
            Self::Part(part) => part,
        }
    }

    /// The length of a part.
    pub(super) fn long(&self) -> Option<usize> {
        match self {
            Self::Frames(_) => None,
            Self::Part(part) => Some(part.len()),
        }
    }
}

/// Buffers taken out to be written.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) buffers: VecDeque<Piece>,
    pub(super) offset: usize,
}

impl Batch {
    pub(super) fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    pub(super) fn len(&self) -> u64 {
        self.buffers.iter().map(|piece| piece.bytes().len() as u64).sum::<u64>() - self.offset as u64
    }

    /// Calls `write` with the buffers' remaining bytes.
    pub(super) fn with_slices<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); BATCH + LONGS + 2];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.buffers) {
            let bytes = piece.bytes();
            *slice = IoSlice::new(if count == 0 { &bytes[self.offset..] } else { bytes });
            count += 1;
        }
        write(&slices[..count])
    }

    /// Drops what was written; true if nothing is left.
    pub(super) fn advance(&mut self, mut written: usize, spare: &mut Vec<u8>) -> bool {
        while let Some(first) = self.buffers.front() {
            let left = first.bytes().len() - self.offset;
            if written < left {
                self.offset += written;
                return false;
            }
            written -= left;
            self.offset = 0;
            match self.buffers.pop_front() {
                Some(Piece::Frames(mut done)) if done.capacity() <= 2 * FULL_BUFFER => {
                    done.clear();
                    *spare = done;
                }
                Some(Piece::Frames(done)) => recycle(done),
                // The last part of a long payload: its memory is for the next message of this thread.
                Some(Piece::Part(part)) if part.is_unique() => recycle(Vec::from(part)),
                _ => {}
            }
        }
        true
    }
}
