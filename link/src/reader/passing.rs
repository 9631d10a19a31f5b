//! Which descriptors belong to which frame.
//!
//! They come with or before the first byte of their frame, and those of different frames come with different reads.

use std::collections::VecDeque;

use kinfolk_protocol::{Flags, FrameError, Header};

use crate::transport::{Lost, Passed};

/// Reads with descriptors whose frames have not been met: a header that has come in part is of one, and the read that
/// brings the rest of it may be of another.
const MOST_WAITING: usize = 4;

/// Descriptors that have come, and whose frame has not been met.
#[derive(Debug, Default)]
pub(super) struct Passing {
    waiting: VecDeque<Waiting>,
    /// Bytes ever read.
    read: u64,
}

#[derive(Debug)]
struct Waiting {
    passed: Passed,
    /// Their frame begins before this place of the stream.
    before: u64,
}

impl Passing {
    /// Something was read. Descriptors that no frame can own are not kept, or a peer could take all we may have.
    pub(super) fn read(&mut self, bytes: usize, passed: Passed) -> Result<(), FrameError> {
        let before = self.read + bytes.max(passed.within) as u64;
        self.read += bytes as u64;
        if passed.is_empty() {
            return Ok(());
        }
        if self.waiting.len() == MOST_WAITING {
            self.waiting.clear();
            return Err(FrameError::StrayDescriptors);
        }
        self.waiting.push_back(Waiting { passed, before });
        Ok(())
    }

    /// What came with a frame whose header begins so many bytes before the last that was read.
    pub(super) fn of(&mut self, header: &Header, behind: usize) -> Result<Passed, FrameError> {
        let begin = self.read - behind as u64;
        let here = self.waiting.front().is_some_and(|waiting| begin < waiting.before);
        if !here && !self.waiting.is_empty() {
            return Err(FrameError::StrayDescriptors);
        }
        if !header.flags.has(Flags::DESCRIPTORS) {
            return Ok(Passed::default());
        }
        let waiting = self.waiting.pop_front().ok_or(FrameError::NoDescriptors { kind: header.kind })?;
        if waiting.passed.lost == Some(Lost::TooMany) {
            return Err(FrameError::StrayDescriptors);
        }
        Ok(waiting.passed)
    }
}
