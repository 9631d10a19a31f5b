//! What one side is ready to hold for the other.

use thiserror::Error;

/// What one side accepts from the other; each announces its own in the handshake, but for
/// [`descriptors`](Self::descriptors), and the other keeps to it.
///
/// Together they bound every queue between two sides, in items and in bytes: whoever would send more waits
/// (`send`, `request`) or gets its message back (`try_send`). A peer that sends more all the same has broken the
/// protocol, and its link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest message, in bytes. Too low: large ones are refused where they are sent. Too high: a message may
    /// claim that much memory here, and up to 16 may be under way at once. Default: 128 MiB.
    pub max_message: u32,
    /// Calls that may wait for an answer at once. Too low: callers queue. Too high: a stuck peer holds memory.
    /// Default: 1,024.
    pub max_in_flight: u32,
    /// One-way messages that may be on their way or waiting for their handler. Too low: senders wait for every
    /// hand-over. Too high: a slow handler holds memory. Default: 1,024.
    pub window: u32,
    /// Bytes that the payloads of those calls may hold together, of those up to 8 KiB and of longer ones each, so that
    /// large calls do not hold up small ones; and those of the one-way messages likewise. The last one let in may
    /// exceed it, or a message longer than the window could never be sent. Too low: large messages go one by one. Too
    /// high: a stuck peer holds memory. Default: 16 MiB.
    pub window_bytes: u64,
    /// Progress values, or items of a stream, that one call may have on their way or waiting for the caller. Too low:
    /// a handler waits for every hand-over. Too high: a slow caller holds memory. Default: 64.
    pub items: u32,
    /// Bytes they may hold together; the last one let in may exceed it. Too low: large items go one by one. Too high:
    /// a slow caller holds memory. Default: 1 MiB.
    pub item_bytes: u64,
    /// Bytes of blobs in shared memory that this side may hold at once. Those beyond it come within their messages, so
    /// that [`max_message`](Self::max_message) bounds them. Too low: large blobs are copied more often. Too high: as
    /// much of the peer's memory, or of ours where the peer is not trusted, may be held by what is not dropped.
    /// 0: none comes in shared memory. Default: 1 GiB.
    pub blob_bytes: u64,
    /// Descriptors that messages of the other side may have this side hold until they are decoded: of handles, and of
    /// sealed blobs. Those of a message that would exceed it are closed as it comes, and the message fails alone, as
    /// where this process has no descriptor left. Not announced: a sender cannot know what has been decoded. Too low:
    /// messages with handles fail while others wait for their handler. Too high: a hostile peer takes what this process
    /// may have open. 0: no handle comes, and no sealed blob. Default: 1,024.
    pub descriptors: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The least payload every side must take, so that a handshake and an error text always fit.
const LEAST_MESSAGE: u32 = 64 * 1024;
/// Of blobs in shared memory, in bytes.
const BLOB_CEILING: u64 = 1 << 40;
/// In calls or messages, and in bytes: what a peer announces beyond this is not made use of, since its word alone must
/// not let our queues grow.
const CEILING: (u32, u64) = (1 << 16, 1 << 30);

impl Limits {
    /// The defaults, as a constant.
    pub const DEFAULT: Self = Self {
        max_message: 128 << 20,
        max_in_flight: 1_024,
        window: 1_024,
        window_bytes: 16 << 20,
        items: 64,
        item_bytes: 1 << 20,
        blob_bytes: 1 << 30,
        descriptors: 1_024,
    };

    /// Sets [`blob_bytes`](Self::blob_bytes).
    #[must_use]
    pub const fn blob_bytes(mut self, bytes: u64) -> Self {
        self.blob_bytes = bytes;
        self
    }

    /// Sets [`descriptors`](Self::descriptors).
    #[must_use]
    pub const fn descriptors(mut self, descriptors: u32) -> Self {
        self.descriptors = descriptors;
        self
    }

    /// Sets [`items`](Self::items) and [`item_bytes`](Self::item_bytes).
    #[must_use]
    pub const fn items(mut self, items: u32, bytes: u64) -> Self {
        self.items = items;
        self.item_bytes = bytes;
        self
    }

    /// Sets [`max_message`](Self::max_message), in bytes.
    #[must_use]
    pub const fn max_message(mut self, bytes: u32) -> Self {
        self.max_message = bytes;
        self
    }

    /// Sets [`max_in_flight`](Self::max_in_flight).
    #[must_use]
    pub const fn max_in_flight(mut self, calls: u32) -> Self {
        self.max_in_flight = calls;
        self
    }

    /// Sets [`window`](Self::window) and [`window_bytes`](Self::window_bytes).
    #[must_use]
    pub const fn window(mut self, messages: u32, bytes: u64) -> Self {
        self.window = messages;
        self.window_bytes = bytes;
        self
    }

    /// What we make use of, of what a peer announces: 65,536 calls and messages, and 1 GiB, at most; of blobs in shared
    /// memory 1 TiB.
    #[must_use]
    pub fn within_ceiling(self) -> Self {
        Self {
            max_message: self.max_message,
            max_in_flight: self.max_in_flight.min(CEILING.0),
            window: self.window.min(CEILING.0),
            window_bytes: self.window_bytes.min(CEILING.1),
            items: self.items.min(CEILING.0),
            item_bytes: self.item_bytes.min(CEILING.1),
            blob_bytes: self.blob_bytes.min(BLOB_CEILING),
            descriptors: self.descriptors,
        }
    }

    /// Checks that work is possible within them.
    ///
    /// # Errors
    /// [`LimitsError`] if `max_message` is below 64 KiB, or one of the others is 0, but for `blob_bytes` and
    /// `descriptors`: nothing could ever be sent.
    pub const fn check(&self) -> Result<(), LimitsError> {
        if self.max_message < LEAST_MESSAGE {
            return Err(LimitsError {
                limit: "max_message",
                least: LEAST_MESSAGE as u64,
                given: self.max_message as u64,
            });
        }
        if self.max_in_flight == 0 {
            return Err(LimitsError { limit: "max_in_flight", least: 1, given: 0 });
        }
        if self.window == 0 {
            return Err(LimitsError { limit: "window", least: 1, given: 0 });
        }
        if self.window_bytes == 0 {
            return Err(LimitsError { limit: "window_bytes", least: 1, given: 0 });
        }
        if self.items == 0 {
            return Err(LimitsError { limit: "items", least: 1, given: 0 });
        }
        if self.item_bytes == 0 {
            return Err(LimitsError { limit: "item_bytes", least: 1, given: 0 });
        }
        Ok(())
    }
}

/// A limit under which nothing could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the limit `{limit}` is {given}, the least that works is {least}")]
pub struct LimitsError {
    limit: &'static str,
    least: u64,
    given: u64,
}
