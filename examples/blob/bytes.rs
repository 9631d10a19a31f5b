//! Bytes that are told from others by a sum.

use std::io;

use kinfolk::{Blob, BlobBuilder};

use crate::protocol::Built;

/// Spreads a counter over all bits of a word.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const WORD: usize = size_of::<u64>();

/// A blob of `length` bytes, a multiple of 8, and its sum.
pub(crate) fn build(length: usize, seed: u64, built: Built) -> io::Result<(Blob, u64)> {
    match built {
        Built::InPlace => {
            let mut builder = BlobBuilder::zeroed(length)?;
            let sum = fill(builder.as_mut(), seed);
            Ok((builder.finish()?, sum))
        }
        Built::Apart => {
            let mut bytes = vec![0; length];
            let sum = fill(&mut bytes, seed);
            Ok((Blob::from(bytes), sum))
        }
    }
}

/// The sum of bytes, which counts every word by its place: words that are missing, changed or exchanged show.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(WORD).map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    words.enumerate().fold(0, add)
}

fn fill(bytes: &mut [u8], seed: u64) -> u64 {
    let mut sum = 0;
    for (at, word) in bytes.chunks_exact_mut(WORD).enumerate() {
        let value = (at as u64 ^ seed).wrapping_mul(SPREAD);
        word.copy_from_slice(&value.to_le_bytes());
        sum = add(sum, (at, value));
    }
    sum
}

fn add(sum: u64, (at, word): (usize, u64)) -> u64 {
    sum.wrapping_add(word.wrapping_mul(2 * at as u64 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_that_of_these_bytes_only() {
        for built in [Built::InPlace, Built::Apart] {
            let (blob, expected) = build(1 << 20, 7, built).unwrap();
            assert_eq!((blob.len(), sum(&blob)), (1 << 20, expected));
            let mut changed = blob.to_vec();
            changed[9] ^= 1;
            assert_ne!(sum(&changed), expected);
            changed[9] ^= 1;
            changed.swap(8, 16);
            assert_ne!(sum(&changed), expected);
        }
        assert_ne!(build(64, 1, Built::Apart).unwrap().1, build(64, 2, Built::Apart).unwrap().1);
    }
}
