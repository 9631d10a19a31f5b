//! Small calls beside a large stream over the same link: does one wait for the other?

use std::time::{Duration, Instant};

use crate::measure::Pace;
use crate::peer::{Result, ensure};
use crate::sample::Sample;
use crate::stats::percentile;

/// Bytes of a small call, and of its answer.
pub(crate) const CALL: usize = 100;
/// Bytes of an item of the stream.
pub(crate) const ITEM: usize = 32 << 10;

/// Whether calls are made while a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// None.
    Nothing,
    /// One after another, until the stream has ended.
    Calls,
}

/// A stream that was read to its end.
#[derive(Debug)]
pub(crate) struct Streamed {
    /// How long it took.
    pub(crate) took: Duration,
    /// The calls beside it, in nanoseconds.
    pub(crate) calls: Vec<u64>,
}

/// A child that streams, and answers calls meanwhile.
pub(crate) trait Streamer: Sized {
    /// Starts a child.
    async fn open() -> Result<Self>;

    /// Makes calls of [`CALL`] bytes, one after another, for that long. Returns how long each took, in nanoseconds.
    async fn calls(&mut self, duration: Duration) -> Result<Vec<u64>>;

    /// Reads a stream of so many [`ITEM`]s, each byte of which has arrived when this returns.
    async fn stream(&mut self, items: usize, beside: Beside) -> Result<Streamed>;

    /// Ends the child and reaps it.
    async fn close(self) -> Result<()>;
}

/// Measures calls alone, the stream alone, and both.
pub(crate) async fn measure<S: Streamer>(pace: &Pace) -> Result<Sample> {
    let mut peer = S::open().await?;
    peer.calls(pace.warm_up).await?;
    peer.stream(pace.items.div_ceil(8), Beside::Calls).await?;
    let mut idle = peer.calls(pace.duration).await?;
    let alone = peer.stream(pace.items, Beside::Nothing).await?;
    let mut both = peer.stream(pace.items, Beside::Calls).await?;
    peer.close().await?;
    ensure(!idle.is_empty() && !both.calls.is_empty(), "no call was answered")?;
    let [(idle_p50, idle_p99), (loaded_p50, loaded_p99)] = [&mut idle, &mut both.calls].map(|nanos| micros(nanos));
    let gbps = |took: Duration| (pace.items * ITEM) as f64 / took.as_secs_f64() / 1e9;
    let (alone_gbps, loaded_gbps) = (gbps(alone.took), gbps(both.took));
    Ok(Sample::Fairness {
        idle_p50,
        idle_p99,
        loaded_p50,
        loaded_p99,
        alone_gbps,
        loaded_gbps,
        calls: both.calls.len(),
    })
}

/// The median and the 99th percentile.
fn micros(nanos: &mut [u64]) -> (f64, f64) {
    nanos.sort_unstable();
    let at = |percent| percentile(nanos, percent) as f64 / 1e3;
    (at(50), at(99))
}

/// The time since then.
pub(crate) fn nanos_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
