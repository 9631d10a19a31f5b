//! The limits' wire: `[u32 length][u32 operation]` and the payload. Shared by both limits, which differ in I/O only.

use crate::peer::{SMALL, touch};

/// Bytes before the payload.
pub(super) const HEADER: usize = 8;
/// A small message with its header.
pub(super) const SMALL_FRAME: usize = HEADER + SMALL;
/// A short answer with its header.
pub(super) const SHORT_ANSWER: usize = HEADER + 8;
/// What is read at once. Larger payloads go into a buffer of their own.
pub(super) const READ_BUFFER: usize = 1 << 17;
const LARGE: usize = 1 << 16;

/// What the child shall do with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Operation {
    /// Send the payload back.
    Echo = 0,
    /// Touch the payload, send the sum.
    Upload = 1,
    /// Count the message.
    OneWay = 2,
    /// Send the count.
    Count = 3,
    /// Send so many items, in chunks.
    Stream = 4,
}

/// The header of a payload of that length.
pub(super) fn header(length: usize, operation: Operation) -> [u8; HEADER] {
    let length = u32::try_from(length).expect("the largest payload here is 64 MiB");
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..].copy_from_slice(&(operation as u32).to_le_bytes());
    bytes
}

/// The payload length a header announces, and its operation by number.
pub(super) fn parse(bytes: &[u8]) -> (usize, u32) {
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    (number(0) as usize, number(4))
}

/// One small message, ready to be written.
pub(super) fn small(operation: Operation) -> [u8; SMALL_FRAME] {
    let mut frame = [7; SMALL_FRAME];
    frame[..HEADER].copy_from_slice(&header(SMALL, operation));
    frame
}

/// A payload too large for the read buffer, of which a part has arrived.
#[derive(Debug)]
pub(super) struct Large {
    /// The buffer, reused from message to message; bytes up to `arrived` are filled.
    pub(super) buffer: Vec<u8>,
    /// How much of it is there already.
    pub(super) arrived: usize,
    operation: u32,
}

/// The child's side: takes what was read, holds what is to be written.
#[derive(Debug, Default)]
pub(super) struct Service {
    /// Answers to write. The I/O loop clears it.
    pub(super) answers: Vec<u8>,
    counted: u64,
    spare: Vec<u8>,
}

impl Service {
    /// Takes all whole frames at the start of `bytes`. Returns how many bytes that were, and the large payload to
    /// read to its end before going on, if one began.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, Option<Large>) {
        let mut at = 0;
        while bytes.len() - at >= HEADER {
            let (length, operation) = parse(&bytes[at..]);
            let payload = &bytes[at + HEADER..];
            if length > LARGE {
                let arrived = payload.len().min(length);
                return (at + HEADER + arrived, Some(self.begin(length, operation, &payload[..arrived])));
            }
            if payload.len() < length {
                break;
            }
            self.answer(operation, &payload[..length]);
            at += HEADER + length;
        }
        (at, None)
    }

    /// Answers a large payload that has arrived whole.
    pub(super) fn finish(&mut self, large: Large) {
        self.answer(large.operation, &large.buffer);
        self.spare = large.buffer;
    }

    fn begin(&mut self, length: usize, operation: u32, start: &[u8]) -> Large {
        let mut buffer = std::mem::take(&mut self.spare);
        buffer.resize(length, 0);
        buffer[..start.len()].copy_from_slice(start);
        Large { buffer, arrived: start.len(), operation }
    }

    fn answer(&mut self, operation: u32, payload: &[u8]) {
        match operation {
            0 => self.reply(payload),
            1 => self.reply(&touch(payload).to_le_bytes()),
            2 => self.counted += 1,
            _ => self.reply(&self.counted.to_le_bytes()),
        }
    }

    fn reply(&mut self, payload: &[u8]) {
        self.answers.extend_from_slice(&header(payload.len(), Operation::Echo));
        self.answers.extend_from_slice(payload);
    }
}

/// The parent's side of calls in flight: counts whole answers in a byte stream of small frames.
#[derive(Debug, Default)]
pub(super) struct Answers {
    partial: usize,
}

impl Answers {
    /// How many answers became whole with these bytes.
    pub(super) fn complete(&mut self, bytes: usize) -> usize {
        self.partial += bytes;
        let whole = self.partial / SMALL_FRAME;
        self.partial %= SMALL_FRAME;
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, HEADER, Operation, SMALL_FRAME, Service, header, small};

    #[test]
    fn half_a_frame_is_left_for_the_next_read() {
        let mut service = Service::default();
        let bytes = [small(Operation::Echo), small(Operation::Echo)].concat();
        let (taken, large) = service.take(&bytes[..SMALL_FRAME + 3]);
        assert_eq!((taken, large.is_none(), service.answers.len()), (SMALL_FRAME, true, SMALL_FRAME));
    }

    #[test]
    fn one_way_messages_are_counted_and_not_answered() {
        let mut service = Service::default();
        let bytes = [small(Operation::OneWay).as_slice(), &header(0, Operation::Count)].concat();
        service.take(&bytes);
        assert_eq!(service.answers[HEADER..], 1_u64.to_le_bytes());
    }

    #[test]
    fn a_large_payload_begins_with_what_came_along() {
        let mut service = Service::default();
        let bytes = [header(1 << 20, Operation::Upload).as_slice(), b"abc"].concat();
        let (taken, large) = service.take(&bytes);
        let large = large.unwrap();
        assert_eq!((taken, large.arrived, large.buffer.len()), (HEADER + 3, 3, 1 << 20));
        service.finish(large);
        assert_eq!(service.answers.len(), HEADER + 8);
    }

    #[test]
    fn answers_are_counted_across_reads() {
        let mut answers = Answers::default();
        assert_eq!((answers.complete(SMALL_FRAME + 1), answers.complete(SMALL_FRAME - 1)), (1, 1));
    }
}
