//! How long what took, in one way.

use std::time::{Duration, Instant};

/// Times of one way, summed up over its pieces.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Times {
    /// Pieces that went there, and as many that came back.
    pub(crate) pieces: u32,
    pub(crate) there: Duration,
    pub(crate) back: Duration,
    /// By both sides.
    pub(crate) building: Duration,
    /// By both sides.
    pub(crate) checking: Duration,
    /// By both sides.
    pub(crate) freeing: Duration,
}

impl Times {
    /// All of it.
    pub(crate) fn in_all(&self) -> Duration {
        self.there + self.back + self.building + self.checking + self.freeing
    }
}

/// Does something and says how long it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (work(), begun.elapsed())
}
