//! Where the frames of a stream begin and end.

use kinfolk_protocol::{Flags, HEADER_LEN, Header, PREAMBLE_LEN};

/// Follows a stream of frames byte by byte, without keeping any of it but the current header.
#[derive(Debug)]
pub(crate) struct Tracker {
    header: Vec<u8>,
    /// Of the preamble or the current payload.
    left: usize,
    /// Frames that have begun.
    begun: u64,
}

impl Tracker {
    pub(crate) fn new() -> Self {
        Self { header: Vec::new(), left: PREAMBLE_LEN, begun: 0 }
    }

    /// The number of the frame whose first byte comes next, from 1; `None` within a frame or the preamble.
    pub(crate) fn next_frame(&self) -> Option<u64> {
        (self.left == 0 && self.header.is_empty()).then_some(self.begun + 1)
    }

    /// How much of the current header has passed.
    pub(crate) fn within_header(&self) -> Option<usize> {
        (self.left == 0).then_some(self.header.len())
    }

    /// Lets bytes pass, as far as the next beginning of a frame; returns how many.
    pub(crate) fn pass(&mut self, bytes: &[u8]) -> usize {
        if self.left > 0 {
            let passed = self.left.min(bytes.len());
            self.left -= passed;
            return passed;
        }
        if self.header.is_empty() && !bytes.is_empty() {
            self.begun += 1;
        }
        let passed = (HEADER_LEN - self.header.len()).min(bytes.len());
        self.header.extend_from_slice(&bytes[..passed]);
        if let Some(header) = self.header.first_chunk::<HEADER_LEN>() {
            // A header that is none ends the link anyway.
            let header = Header::decode(header, u32::MAX).ok();
            let short = header.filter(|header| !header.flags.has(Flags::LONG));
            self.left = short.map_or(0, |header| header.length as usize);
            self.header.clear();
        }
        passed
    }
}
