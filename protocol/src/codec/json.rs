//! JSON, decoded within the limits of every codec.

use serde::Serialize;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny};
use serde_json::Deserializer;

use super::bounded::{self, Seed};
use super::{Codec, CodecError};

/// JSON: describes itself, so that people can read it and programs in other languages can speak it.
///
/// Several times larger and slower than the positional codecs. Every attribute of serde works with it, and a type may
/// gain fields within a minor version if both sides can do without them (`#[serde(default)]`): unknown ones are passed
/// over.
///
/// What JSON does not express does not come back: the keys of a map must be texts, numbers, truth values or variants
/// without data; a float that is no number or infinite becomes `null`; `Some(None)` and `Some(())` become `None`. Bytes
/// are a list of numbers: send large ones with another codec, or as text.
#[derive(Debug, Clone, Copy)]
pub enum Json {}

fn decode_slice<T: DeserializeOwned>(seed: Seed<'_, T>, bytes: &[u8]) -> Result<(T, usize), serde_json::Error> {
    let mut deserializer = Deserializer::from_slice(bytes);
    // The limit of the seed is the same for every codec and says so in the same words.
    deserializer.disable_recursion_limit();
    let value = seed.deserialize(&mut deserializer)?;
    match deserializer.end() {
        Ok(()) => Ok((value, bytes.len())),
        Err(_) => Ok((value, deserializer.into_iter::<IgnoredAny>().byte_offset())),
    }
}

impl Codec for Json {
    const NAME: &'static str = "json";

    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError> {
        serde_json::to_writer(out, value).map_err(|error| CodecError::encode::<Self, T>(&error))
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
        bounded::decode::<Self, T>(bytes, |seed, bytes| decode_slice(seed, bytes).map_err(|error| error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;
    use crate::codec::tests::{Chain, List, Shape, TOO_DEEP, Tree, encode, refused};

    #[test]
    fn a_value_is_these_bytes() {
        let value = (300_u32, -2_i64, "kin", [Some(true), None], Shape::Label { text: "x".into(), size: Some(9) });
        let golden = br#"[300,-2,"kin",[true,null],{"Label":{"text":"x","size":9}}]"#;
        assert_eq!(encode::<Json>(&value), golden);
        assert_eq!(encode::<Json>(&(vec![1.5_f32], u64::MAX)), b"[[1.5],18446744073709551615]");
    }

    #[test]
    fn hostile_depth_is_refused() {
        let deep = |opening: &str| opening.repeat(1_000_000).into_bytes();
        assert_eq!(refused::<Json, List>(&deep(r#"{"More":"#)), TOO_DEEP);
        assert_eq!(refused::<Json, Chain>(&deep(r#"{"next":"#)), TOO_DEEP);
        assert_eq!(refused::<Json, Tree>(&deep("[")), TOO_DEEP);
        assert_eq!(refused::<Json, Value>(&deep("[")), TOO_DEEP);
        assert_eq!(refused::<Json, Value>(&deep(r#"{"a":"#)), TOO_DEEP);
    }

    #[test]
    fn what_is_passed_over_may_be_as_deep_as_it_likes() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Known {
            a: u8,
        }
        let deep = format!(r#"{{"b":{}{},"a":1}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(Json::decode::<Known>(deep.as_bytes()).unwrap(), Known { a: 1 });
    }

    #[test]
    fn space_round_a_value_is_no_error() {
        assert_eq!(Json::decode::<u8>(b" 7\n").unwrap(), 7);
    }

    #[test]
    fn a_map_with_keys_that_are_no_texts_cannot_be_encoded() {
        let value = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert!(matches!(Json::encode(&value, &mut Vec::new()), Err(CodecError::Encode { codec: "json", .. })));
    }
}
