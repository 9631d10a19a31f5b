//! The task: bytes to hash.

use std::sync::OnceLock;
use std::time::Instant;

use sha2::{Digest, Sha256};

/// Hashed again and again. So short that it stays in the processor's cache.
const BLOCK: usize = 64 << 10;

/// Hashes so many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) bytes: u64,
    /// How long that takes, in nanoseconds, as it was measured.
    pub(crate) nanos: f64,
}

impl Task {
    /// As many bytes as take so long on a processor that does nothing else. None take no time.
    pub(crate) fn lasting(micros: u32) -> Self {
        let nanos = f64::from(micros) * 1e3;
        Self { bytes: (nanos / nanos_per_byte()) as u64, nanos }
    }

    /// What its answer is to be.
    pub(crate) fn answer(self) -> u64 {
        hash(self.bytes)
    }
}

/// Measured once for all contenders of this run, the fastest of many times: what disturbs it only makes it slower.
fn nanos_per_byte() -> f64 {
    static MEASURED: OnceLock<f64> = OnceLock::new();
    const BYTES: u64 = 4 << 20;
    *MEASURED.get_or_init(|| {
        let time = || {
            let start = Instant::now();
            std::hint::black_box(hash(BYTES));
            start.elapsed().as_nanos() as f64 / BYTES as f64
        };
        (0..40).map(|_| time()).fold(f64::INFINITY, f64::min)
    })
}

/// The first eight bytes of a SHA-256, little-endian.
pub(crate) fn hash(bytes: u64) -> u64 {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let block = BYTES.get_or_init(|| (0..BLOCK).map(|at| (at % 251) as u8).collect());
    let mut sha = Sha256::new();
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    while left > 0 {
        let part = left.min(block.len());
        sha.update(&block[..part]);
        left -= part;
    }
    let sum = sha.finalize();
    u64::from_le_bytes(std::array::from_fn(|at| sum[at]))
}

#[cfg(test)]
mod tests {
    use super::hash;

    #[test]
    fn an_answer_is_the_beginning_of_a_sum() {
        // SHA-256 of nothing: e3b0c44298fc1c14..
        assert_eq!(hash(0).to_le_bytes(), [0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14]);
        assert_ne!(hash(100_000), hash(100_001));
    }
}
