//! Postcard's format, decoded within the limits of every codec.

use postcard::Deserializer;
use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed};

use super::bounded::{self, Seed};
use super::{Codec, CodecError};

/// Postcard's format: little-endian, integers of variable length, nothing that describes itself.
///
/// As small and fast as `Bincode`, from a crate that is kept up, with a [written wire specification][spec] that is
/// stable since 1.0. For protocols whose
/// dependencies must carry no advisory.
///
/// Attributes that need a format which describes itself (`flatten`, `untagged`, `tag`, `skip_serializing_if`) do not
/// work with it, and the words of a type's own decoding errors are lost. [`Codec`] has the limits, and how protocols
/// with a positional codec evolve.
///
/// [spec]: https://postcard.jamesmunns.com/wire-format
#[derive(Debug, Clone, Copy)]
pub enum Postcard {}

fn decode_slice<T: DeserializeOwned>(seed: Seed<'_, T>, bytes: &[u8]) -> Result<(T, usize), postcard::Error> {
    let mut deserializer = Deserializer::from_bytes(bytes);
    let value = seed.deserialize(&mut deserializer)?;
    Ok((value, bytes.len() - deserializer.finalize()?.len()))
}

impl Codec for Postcard {
    const NAME: &'static str = "postcard1";

    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        match postcard::to_io(value, out) {
            Ok(_) => Ok(()),
            Err(error) => Err(CodecError::encode::<Self, T>(&error)),
        }
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        bounded::decode::<Self, T>(bytes, |seed, bytes| decode_slice(seed, bytes).map_err(|error| error.to_string()))
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
        let golden = b"\xac\x02\x03\x03kin\x01\x01\x00\x03\x01x\x01\x09";
        assert_eq!(encode::<Postcard>(&value), golden);
        assert_eq!(encode::<Postcard>(&(vec![1.5_f32], u16::MAX)), b"\x01\0\0\xc0\x3f\xff\xff\x03");
    }

    /// A length of 2^60, seven bits to the byte.
    const HUGE: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];

    #[test]
    fn a_length_that_the_input_cannot_hold_is_refused() {
        refused::<Postcard, String>(&HUGE);
        refused::<Postcard, Vec<u64>>(&HUGE);
        let too_many = "sequences and maps have more than 65545 elements";
        assert_eq!(refused::<Postcard, Vec<()>>(&HUGE), too_many);
        assert_eq!(refused::<Postcard, BTreeMap<(), ()>>(&HUGE), too_many);
    }

    #[test]
    fn elements_without_bytes_are_counted_over_the_whole_value() {
        let value = (vec![(); 40_000], vec![(); 40_000]);
        let too_many = "sequences and maps have more than 65542 elements";
        assert_eq!(refused::<Postcard, (Vec<()>, Vec<()>)>(&encode::<Postcard>(&value)), too_many);
    }

    #[test]
    fn hostile_depth_is_refused() {
        let deep = vec![1; 1_000_000];
        assert_eq!(refused::<Postcard, List>(&deep), TOO_DEEP);
        assert_eq!(refused::<Postcard, Chain>(&deep), TOO_DEEP);
        assert_eq!(refused::<Postcard, Tree>(&deep), TOO_DEEP);
    }
}
