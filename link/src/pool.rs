//! Buffers for payloads that are too long for every link to keep one: fresh memory faults once per page, which takes
//! three times as long as what is read into it.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::BytesMut;

use crate::sync::lock;

/// This process keeps so many bytes in buffers that nobody uses.
const KEPT: usize = 128 << 20;
/// And so many of them: each is looked at for every payload.
const MOST: usize = 16;

static POOL: Mutex<Pool> = Mutex::new(Pool { buffers: VecDeque::new() });

struct Pool {
    /// The one put back last at the end. Each may be in use still: by a payload that was read into it.
    buffers: VecDeque<Buffer>,
}

struct Buffer {
    /// Empty, at the end of the memory the payload is in.
    end: BytesMut,
    length: usize,
}

/// A buffer for a payload of that length, if there is one that nobody uses.
pub(crate) fn take(length: usize) -> Option<BytesMut> {
    lock(&POOL).take(length)
}

/// Puts back what is left of a buffer, out of which a payload of that length was split.
pub(crate) fn put(end: BytesMut, length: usize) {
    let dropped = lock(&POOL).put(end, length);
    // What is the allocator's work is done without the lock.
    drop(dropped);
}

impl Pool {
    fn take(&mut self, length: usize) -> Option<BytesMut> {
        // A much longer one is left to longer payloads.
        let fits = |buffer: &Buffer| length <= buffer.length && buffer.length / 4 <= length;
        let at = self.buffers.iter_mut().rposition(|buffer| fits(buffer) && buffer.end.try_reclaim(length))?;
        self.buffers.remove(at).map(|buffer| buffer.end)
    }

    fn put(&mut self, end: BytesMut, length: usize) -> Vec<Buffer> {
        self.buffers.push_back(Buffer { end, length });
        let mut dropped = Vec::new();
        let mut kept: usize = self.buffers.iter().map(|buffer| buffer.length).sum();
        while kept > KEPT || self.buffers.len() > MOST {
            let Some(oldest) = self.buffers.pop_front() else { break };
            kept -= oldest.length;
            dropped.push(oldest);
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn filled(mut buffer: BytesMut, length: usize) -> (Bytes, BytesMut) {
        buffer.resize(length, 7);
        (buffer.split().freeze(), buffer)
    }

    #[test]
    fn a_buffer_is_used_again_once_nobody_reads_it() {
        let mut pool = Pool { buffers: VecDeque::new() };
        let length = 3 << 20;
        assert!(pool.take(length).is_none());
        let (payload, end) = filled(BytesMut::new(), length);
        let address = payload.as_ptr();
        assert!(pool.put(end, length).is_empty());
        assert!(pool.take(length).is_none(), "it is being read");
        drop(payload);
        assert!(pool.take(length / 5).is_none(), "it is left to a longer payload");
        let (payload, _) = filled(pool.take(length - 5).unwrap(), length - 5);
        assert_eq!(payload.as_ptr(), address);
        assert!(pool.take(length).is_none(), "it is taken");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut pool = Pool { buffers: VecDeque::new() };
        for _ in 0..3 {
            assert!(pool.put(BytesMut::new(), 40 << 20).is_empty());
        }
        assert_eq!(pool.put(BytesMut::new(), 40 << 20).len(), 1);
        (0..MOST - 3).for_each(|_| assert!(pool.put(BytesMut::new(), 1).is_empty()));
        assert_eq!(pool.put(BytesMut::new(), 1).len(), 1);
        assert_eq!(pool.put(BytesMut::new(), 129 << 20).len(), MOST + 1, "one that is too long is not kept either");
    }
}
