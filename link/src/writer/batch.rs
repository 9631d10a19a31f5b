//! Buffers on their way to the transport.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use kinfolk_protocol::WHOLE;

use crate::scratch::recycle;
use crate::transport::Transport;

/// A shared buffer takes no more frames from this size on.
pub(super) const FULL_BUFFER: usize = 64 * 1024;
/// Buffers handed to one system call, of short frames.
pub(super) const BATCH: usize = 8;
/// Those of long ones on top.
pub(super) const LONGS: usize = 16;
/// Those of the last chunk besides: its head and its parts.
pub(super) const CHUNK: usize = PARTS + 1;
/// Parts of one chunk. Data is longer than what a message holds inline, so that few of them fill it.
pub(super) const PARTS: usize = 15;

/// So much of long payloads leaves in one system call, two chunks: more is cheaper for them, and short frames wait for
/// it.
pub(super) const LONG_BATCH: usize = 2 * WHOLE as usize;

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lanes {
    /// Whatever there is.
    Both,
    /// Nothing more of long payloads: there is enough in the socket.
    Short,
}

/// Bytes to write.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) content: Content,
    /// They leave with the first byte.
    pub(super) descriptors: Vec<OwnedFd>,
}

#[derive(Debug)]
pub(super) enum Content {
    /// Headers and short payloads.
    Frames(Vec<u8>),
    /// A part of a long payload.
    Part(Part),
}

/// A part of a long payload.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) bytes: Bytes,
    /// The memory may be used again: it is not the program's.
    pub(super) ours: bool,
}

impl Part {
    /// Takes the beginning out.
    pub(super) fn split_to(&mut self, at: usize) -> Self {
        Self { bytes: self.bytes.split_to(at), ours: self.ours }
    }
}

impl Piece {
    pub(super) fn frames(buffer: Vec<u8>, descriptors: Vec<OwnedFd>) -> Self {
        Self { content: Content::Frames(buffer), descriptors }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Frames(buffer) => buffer,
            Content::Part(part) => &part.bytes,
        }
    }

    /// Drops it but for what is the program's.
    pub(super) fn spend(self, spent: &mut Vec<Bytes>) {
        if let Content::Part(part) = self.content {
            spent.push(part.bytes);
        }
    }

    /// The length of a part.
    pub(super) fn long(&self) -> Option<usize> {
        match &self.content {
            Content::Frames(_) => None,
            Content::Part(part) => Some(part.bytes.len()),
        }
    }
}

impl From<Content> for Piece {
    fn from(content: Content) -> Self {
        Self { content, descriptors: Vec::new() }
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

    /// What leaves with the first byte that is written.
    pub(super) fn descriptors(&self) -> &[OwnedFd] {
        self.buffers.front().map_or(&[], |piece| &piece.descriptors)
    }

    /// Calls `write` with the buffers' remaining bytes.
    pub(super) fn with_slices<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); BATCH + LONGS + CHUNK];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.buffers) {
            let bytes = piece.bytes();
            *slice = IoSlice::new(if count == 0 { &bytes[self.offset..] } else { bytes });
            count += 1;
        }
        write(&slices[..count])
    }

    /// Takes out what was written; true if nothing is left.
    pub(super) fn advance(&mut self, mut written: usize, spare: &mut Vec<u8>, spent: &mut Vec<Bytes>) -> bool {
        if let Some(first) = self.buffers.front_mut().filter(|_| written > 0) {
            first.descriptors.clear();
        }
        while let Some(first) = self.buffers.front() {
            let left = first.bytes().len() - self.offset;
            if written < left {
                self.offset += written;
                return false;
            }
            written -= left;
            self.offset = 0;
            match self.buffers.pop_front().map(|piece| piece.content) {
                Some(Content::Frames(mut done)) if done.capacity() <= 2 * FULL_BUFFER => {
                    done.clear();
                    *spare = done;
                }
                Some(Content::Frames(done)) => recycle(done),
                // The last part of a long payload: its memory is for the next message of this thread.
                Some(Content::Part(part)) if part.ours && part.bytes.is_unique() => recycle(Vec::from(part.bytes)),
                Some(Content::Part(part)) => spent.push(part.bytes),
                None => {}
            }
        }
        true
    }
}
