//! What each contender must be able to do: the measuring loops are the same for all, only this differs.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;

/// Why a measurement could not be taken. A bench only prints it, so it needs no kinds.
pub type Failure = Box<dyn Error + Send + Sync>;

/// The outcome of a step of a measurement.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Bytes of a small message.
pub(crate) const SMALL: usize = 32;

/// A started child and the way to talk to it.
pub(crate) trait Peer: Sized {
    /// A payload in the form in which it is handed over.
    type Payload;

    /// Starts a child. It need not be ready when this returns: the first echo waits for it.
    async fn start() -> Result<Self>;

    /// The process id of the child.
    fn pid(&self) -> u32;

    /// Prepares a payload. Not part of any measured time: a program has its bytes already.
    fn payload(source: &Bytes) -> Self::Payload;

    /// Sends the payload, waits for the same back, and returns how many bytes came.
    async fn echo(&mut self, payload: Self::Payload) -> Result<usize>;

    /// Sends the payload, waits for its [`touch`]ed sum.
    async fn upload(&mut self, payload: Self::Payload) -> Result<u64>;

    /// Keeps `calls` small echoes unanswered for `duration`; returns how many were answered.
    async fn in_flight(&mut self, calls: usize, duration: Duration) -> Result<u64>;

    /// Sends small messages for `duration`, then waits until the child has counted them; returns how many.
    async fn one_way(&mut self, duration: Duration) -> Result<u64>;

    /// Ends the child and reaps it.
    async fn stop(self) -> Result<()>;
}

/// What a receiver does with a large payload: one read per page, so that the bytes were really reachable.
pub(crate) fn touch(bytes: &[u8]) -> u64 {
    let sum: u64 = bytes.iter().step_by(4096).map(|byte| u64::from(std::hint::black_box(*byte))).sum();
    sum + bytes.len() as u64
}

/// Bytes without a pattern that something on the way could profit from.
pub(crate) fn noise(length: usize) -> Bytes {
    let mut state = 0x9E37_79B9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Turns a broken expectation about an answer into a failure, since a fast wrong answer is not a measurement.
pub(crate) fn ensure(holds: bool, what: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(what.into()) }
}
