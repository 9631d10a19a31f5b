//! Writing without a runtime: a process is about to exit.

use std::io;
use std::time::{Duration, Instant};

use super::Writer;
use super::batch::Lanes;

impl Writer {
    /// Writes what is queued without a runtime, for at most `limit`. True if all of it was written.
    pub(crate) fn flush_blocking(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Another thread may hold the lock or the buffers; it may also have ended with them.
            let Ok(mut queue) = self.queue.try_lock() else {
                if left.is_zero() {
                    return false;
                }
                std::thread::yield_now();
                continue;
            };
            if queue.is_empty() {
                return true;
            }
            if left.is_zero() {
                return false;
            }
            let batch = queue.take(Lanes::Both);
            drop(queue);
            let Some(batch) = batch else {
                std::thread::yield_now();
                continue;
            };
            let result =
                batch.with_slices(|slices| batch.transport().write_blocking(slices, batch.descriptors(), left));
            self.put_back(batch, *result.as_ref().unwrap_or(&0));
            if result.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
                return false;
            }
        }
    }
}
