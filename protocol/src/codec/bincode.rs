//! The default codec: bincode 2's standard format, decoded under a limit that follows the input.

use bincode::config::{self, Config};
use bincode::error::DecodeError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Codec, CodecError};

/// bincode 2's standard format: little-endian, integers of variable length, nothing that describes itself.
///
/// The bytes are those of [bincode's written specification][spec]; attributes that need a self-describing format
/// (`flatten`, `untagged`, `skip_serializing_if`) do not work with it.
///
/// [spec]: https://docs.rs/bincode/2.0.1/bincode/spec/index.html
#[derive(Debug, Clone, Copy)]
pub enum Bincode {}

/// How much a decoded value may claim per byte received. The worst honest case is a `u128` below 251, which claims
/// its 16 bytes for one.
const CLAIM_PER_BYTE: usize = 16;

/// Decodes under the limit `N`, which bincode takes as a constant.
fn decode_under<T: DeserializeOwned, const N: usize>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    bincode::serde::decode_from_slice(bytes, limited::<N>())
}

fn limited<const N: usize>() -> impl Config {
    config::standard().with_limit::<N>()
}

/// Decodes under the lowest step that leaves honest input room: bincode reserves a text's announced length before it
/// reads it, so without a limit ten bytes could ask for exabytes.
fn decode_in_proportion<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    match bytes.len().saturating_mul(CLAIM_PER_BYTE) {
        0..0x400 => decode_under::<T, 0x400>(bytes),
        0x400..0x4000 => decode_under::<T, 0x4000>(bytes),
        0x4000..0x4_0000 => decode_under::<T, 0x4_0000>(bytes),
        0x4_0000..0x40_0000 => decode_under::<T, 0x40_0000>(bytes),
        0x40_0000..0x400_0000 => decode_under::<T, 0x400_0000>(bytes),
        0x400_0000..0x4000_0000 => decode_under::<T, 0x4000_0000>(bytes),
        _ => decode_under::<T, { isize::MAX as usize }>(bytes),
    }
}

impl Codec for Bincode {
    const NAME: &'static str = "bincode2";

    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match bincode::serde::encode_into_std_write(value, out, config::standard()) {
            Ok(_) => Ok(()),
            Err(error) => Err(CodecError::Encode {
                codec: Self::NAME,
                type_name: std::any::type_name::<T>(),
                reason: error.to_string(),
            }),
        }
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        match decode_in_proportion::<T>(bytes) {
            Ok((value, used)) if used == bytes.len() => Ok(value),
            Ok((_, used)) => Err(CodecError::Trailing {
                codec: Self::NAME,
                type_name: std::any::type_name::<T>(),
                bytes: bytes.len(),
                left: bytes.len() - used,
            }),
            Err(error) => Err(CodecError::Decode {
                codec: Self::NAME,
                type_name: std::any::type_name::<T>(),
                bytes: bytes.len(),
                reason: error.to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        Bincode::encode(value, &mut out).unwrap();
        out
    }

    #[test]
    fn values_come_back_whole() {
        let value = (7_u8, "text".to_owned(), vec![Some(1_u64), None], u128::MAX);
        assert_eq!(Bincode::decode::<(u8, String, Vec<Option<u64>>, u128)>(&bytes_of(&value)).unwrap(), value);
    }

    #[test]
    fn many_small_numbers_stay_within_the_limit() {
        for length in [0, 3, 63, 64, 1_000, 100_000] {
            let value = vec![1_u128; length];
            assert_eq!(Bincode::decode::<Vec<u128>>(&bytes_of(&value)).unwrap(), value);
        }
    }

    #[test]
    fn a_length_that_the_input_cannot_hold_is_refused() {
        // 253 announces a u64: the text claims 2^60 bytes and holds one.
        let hostile = [253, 0, 0, 0, 0, 0, 0, 0, 16, b'x'];
        assert!(matches!(Bincode::decode::<String>(&hostile), Err(CodecError::Decode { bytes: 10, .. })));
        assert!(matches!(Bincode::decode::<Vec<u64>>(&hostile), Err(CodecError::Decode { .. })));
    }

    #[test]
    fn bytes_left_over_are_an_error() {
        let error = Bincode::decode::<u8>(&[1, 2]).unwrap_err();
        assert!(matches!(error, CodecError::Trailing { left: 1, bytes: 2, .. }), "{error}");
    }
}
