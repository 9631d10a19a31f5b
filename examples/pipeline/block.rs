//! Numbered blocks, and the sum that tells their bytes from others.

use std::fmt::Write as _;
use std::io;

use kinfolk::{Blob, BlobBuilder};
use sha2::{Digest as _, Sha256};

/// Bytes of a block. So many are built in memory that travels without a copy.
pub(crate) const LENGTH: usize = 256 * 1024;

/// What a block is made of, so that there is something to squeeze.
const WORDS: [&[u8; 8]; 8] =
    [b"the sea ", b"and sky ", b"a gull, ", b"no wind ", b"a sail, ", b"at dawn ", b"far out ", b"we wait\n"];
/// Spreads a counter over all bits of a word.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The block of this number: the number, then words that depend on it.
pub(crate) fn make(number: u64) -> io::Result<Blob> {
    let mut builder = BlobBuilder::zeroed(LENGTH)?;
    let (head, words) = builder.as_mut().split_at_mut(8);
    head.copy_from_slice(&number.to_le_bytes());
    for (at, place) in words.chunks_exact_mut(8).enumerate() {
        let mixed = (number << 32 | at as u64).wrapping_mul(SPREAD);
        let chosen = (mixed ^ mixed >> 29).wrapping_mul(SPREAD) >> 61;
        place.copy_from_slice(WORDS[chosen as usize]);
    }
    builder.finish()
}

/// A sum in the usual notation.
pub(crate) fn hex(sum: Sha256) -> String {
    sum.finalize().iter().fold(String::new(), |mut text, byte| {
        // A `String` takes all that is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
