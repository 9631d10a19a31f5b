//! The default codec: bincode 2's standard format, decoded under a limit that follows the input.

use bincode::config::{self, Config};
use bincode::error::{DecodeError, EncodeError};
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

use super::bounded::{self, Seed};
use super::{Codec, CodecError};

/// bincode 2's standard format: little-endian, integers of variable length, nothing that describes itself.
///
/// Small, fast, and the default. The bytes are those of [bincode's written specification][spec].
///
/// Attributes that need a format which describes itself (`flatten`, `untagged`, `tag`, `skip_serializing_if`) do not
/// work with it. [`Codec`] has the limits, and how protocols with a positional codec evolve.
///
/// [spec]: https://docs.rs/bincode/2.0.1/bincode/spec/index.html
#[derive(Debug, Clone, Copy)]
pub enum Bincode {}

/// How much a decoded value may claim per byte received. The worst honest case is a `u128` below 251, which claims
/// its 16 bytes for one.
const CLAIM_PER_BYTE: usize = 16;

/// Decodes under the limit `N`, which bincode takes as a constant.
fn decode_under<'de, S: DeserializeSeed<'de>, const N: usize>(
    seed: S,
    bytes: &'de [u8],
) -> Result<(S::Value, usize), DecodeError> {
    bincode::serde::seed_decode_from_slice(seed, bytes, limited::<N>())
}

fn limited<const N: usize>() -> impl Config {
    config::standard().with_limit::<N>()
}

/// Decodes under the lowest step that leaves honest input room: bincode reserves a text's announced length before it
/// reads it, so without a limit ten bytes could ask for exabytes.
fn decode_in_proportion<T: DeserializeOwned>(seed: Seed<'_, T>, bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    match bytes.len().saturating_mul(CLAIM_PER_BYTE) {
        0..0x400 => decode_under::<_, 0x400>(seed, bytes),
        0x400..0x4000 => decode_under::<_, 0x4000>(seed, bytes),
        0x4000..0x4_0000 => decode_under::<_, 0x4_0000>(seed, bytes),
        0x4_0000..0x40_0000 => decode_under::<_, 0x40_0000>(seed, bytes),
        0x40_0000..0x400_0000 => decode_under::<_, 0x400_0000>(seed, bytes),
        0x400_0000..0x4000_0000 => decode_under::<_, 0x4000_0000>(seed, bytes),
        _ => decode_under::<_, { isize::MAX as usize }>(seed, bytes),
    }
}

fn reason(error: &DecodeError) -> String {
    match error {
        DecodeError::LimitExceeded => format!("more than {CLAIM_PER_BYTE} bytes are claimed per byte received"),
        // A type's own words.
        DecodeError::OtherString(reason) => reason.clone(),
        other => other.to_string(),
    }
}

impl Codec for Bincode {
    const NAME: &'static str = "bincode2";

    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match bincode::serde::encode_into_std_write(value, out, config::standard()) {
            Ok(_) => Ok(()),
            Err(EncodeError::OtherString(reason)) => Err(CodecError::encode::<Self, T>(&reason)),
            Err(error) => Err(CodecError::encode::<Self, T>(&error)),
        }
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        bounded::decode::<Self, T>(bytes, |seed, bytes| {
            decode_in_proportion(seed, bytes).map_err(|error| reason(&error))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::codec::tests::{Chain, List, Shape, TOO_DEEP, Tree, encode, refused};

    #[test]
    fn a_value_is_these_bytes() {
        let value = (300_u32, -2_i64, "kin", [Some(true), None], Shape::Label { text: "x".into(), size: Some(9) });
        let golden = b"\xfb\x2c\x01\x03\x03kin\x01\x01\x00\x03\x01x\x01\x09";
        assert_eq!(encode::<Bincode>(&value), golden);
        assert_eq!(
            encode::<Bincode>(&(vec![1.5_f32], u64::MAX)),
            b"\x01\0\0\xc0\x3f\xfd\xff\xff\xff\xff\xff\xff\xff\xff"
        );
    }

    #[test]
    fn many_small_numbers_stay_within_the_limit() {
        for length in [0, 3, 63, 64, 1_000, 100_000] {
            let value = vec![1_u128; length];
            assert_eq!(Bincode::decode::<Vec<u128>>(&encode::<Bincode>(&value)).unwrap(), value);
        }
    }

    /// A length of 2^60: 253 announces a `u64`.
    const HUGE: [u8; 9] = [253, 0, 0, 0, 0, 0, 0, 0, 16];

    #[test]
    fn a_length_that_the_input_cannot_hold_is_refused() {
        assert_eq!(refused::<Bincode, String>(&HUGE), "more than 16 bytes are claimed per byte received");
        let too_many = "sequences and maps have more than 65545 elements";
        assert_eq!(refused::<Bincode, Vec<u64>>(&HUGE), too_many);
        assert_eq!(refused::<Bincode, Vec<()>>(&HUGE), too_many);
        assert_eq!(refused::<Bincode, BTreeMap<(), ()>>(&HUGE), too_many);
    }

    #[test]
    fn elements_without_bytes_are_counted_over_the_whole_value() {
        let value = (vec![(); 40_000], vec![(); 40_000]);
        let too_many = "sequences and maps have more than 65542 elements";
        assert_eq!(refused::<Bincode, (Vec<()>, Vec<()>)>(&encode::<Bincode>(&value)), too_many);
    }

    #[test]
    fn hostile_depth_is_refused() {
        let deep = vec![1; 1_000_000];
        assert_eq!(refused::<Bincode, List>(&deep), TOO_DEEP);
        assert_eq!(refused::<Bincode, Chain>(&deep), TOO_DEEP);
        assert_eq!(refused::<Bincode, Tree>(&deep), TOO_DEEP);
    }
}
