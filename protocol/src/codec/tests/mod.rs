//! What holds for every codec, tried with each that is compiled in.

mod random;
mod types;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;

pub(super) use self::types::{Chain, List, Shape, Tree};
use self::types::{Endless, Everything};
use super::bounded::{MAX_DEPTH, SPARE_ELEMENTS};
use super::{Codec, CodecError};

/// Tests for each codec, out of functions that are generic over it.
macro_rules! for_every_codec {
    ($($test:ident)*) => {
        #[cfg(feature = "bincode")]
        mod bincode { $(#[test] fn $test() { super::$test::<crate::Bincode>(); })* }
        #[cfg(feature = "postcard")]
        mod postcard { $(#[test] fn $test() { super::$test::<crate::Postcard>(); })* }
        #[cfg(feature = "json")]
        mod json { $(#[test] fn $test() { super::$test::<crate::Json>(); })* }
    };
}
use for_every_codec;

for_every_codec! {
    every_shape_of_value_comes_back_whole
    types_see_whether_people_can_read_the_codec
    values_nest_to_the_limit_and_no_deeper
    a_type_that_never_ends_is_refused
    elements_without_bytes_are_bounded
    elements_are_counted_over_the_whole_value
    fields_of_structs_and_tuples_are_not_counted
    every_cut_is_an_error
    bytes_left_over_are_an_error
}

pub(super) fn encode<C: Codec>(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    C::encode(value, &mut bytes).unwrap();
    bytes
}

/// The reason why `bytes` are no `T`.
pub(super) fn refused<C: Codec, T: DeserializeOwned>(bytes: &[u8]) -> String {
    match C::decode::<T>(bytes) {
        Err(CodecError::Decode { reason, bytes: length, codec, .. }) => {
            assert_eq!((length, codec), (bytes.len(), C::NAME));
            reason
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{} bytes were decoded", bytes.len()),
    }
}

pub(super) const TOO_DEEP: &str = "values nest deeper than 128 levels";

fn every_shape_of_value_comes_back_whole<C: Codec>() {
    let full = Everything {
        numbers: (i8::MIN, u16::MAX, -70_000, u64::MAX, i128::MIN, u128::MAX),
        floats: (f32::MIN_POSITIVE, 0.1 + 0.2),
        letter: 'ß',
        text: "tab\t\"quote\" \u{1F980}".to_owned(),
        bytes: ByteBuf::from([0, 255, 7]),
        options: (Some(Some(1)), None),
        shapes: vec![Shape::Dot, Shape::Circle(2.5), Shape::Line(1, 2), Shape::Label { text: "x".into(), size: None }],
        map: BTreeMap::from([(3, vec!["a".to_owned()]), (-1, Vec::new())]),
        nothing: types::Nothing,
    };
    for value in [full, Everything::default()] {
        assert_eq!(C::decode::<Everything>(&encode::<C>(&value)).unwrap(), value);
    }
}

fn types_see_whether_people_can_read_the_codec<C: Codec>() {
    let value = (IpAddr::V6(Ipv6Addr::LOCALHOST), Duration::from_millis(1_500));
    assert_eq!(C::decode::<(IpAddr, Duration)>(&encode::<C>(&value)).unwrap(), value);
}

fn values_nest_to_the_limit_and_no_deeper<C: Codec>() {
    let depth = usize::from(MAX_DEPTH);
    // The innermost enum is a level too; so is each of the two halves of a link or branch.
    let (deep, deeper) = (encode::<C>(&List::of(depth - 1)), encode::<C>(&List::of(depth)));
    assert_eq!(C::decode::<List>(&deep).unwrap(), List::of(depth - 1));
    assert_eq!(refused::<C, List>(&deeper), TOO_DEEP);

    let (deep, deeper) = (encode::<C>(&Chain::of(depth / 2 - 1)), encode::<C>(&Chain::of(depth / 2)));
    assert_eq!(C::decode::<Chain>(&deep).unwrap(), Chain::of(depth / 2 - 1));
    assert_eq!(refused::<C, Chain>(&deeper), TOO_DEEP);

    let (deep, deeper) = (encode::<C>(&Tree::of(depth / 2 - 1)), encode::<C>(&Tree::of(depth / 2)));
    assert_eq!(C::decode::<Tree>(&deep).unwrap(), Tree::of(depth / 2 - 1));
    assert_eq!(refused::<C, Tree>(&deeper), TOO_DEEP);
}

fn a_type_that_never_ends_is_refused<C: Codec>() {
    assert_eq!(refused::<C, Endless>(b""), TOO_DEEP);
}

fn elements_without_bytes_are_bounded<C: Codec>() {
    let value = vec![(); SPARE_ELEMENTS];
    assert_eq!(C::decode::<Vec<()>>(&encode::<C>(&value)).unwrap().len(), SPARE_ELEMENTS);
}

fn elements_are_counted_over_the_whole_value<C: Codec>() {
    let (half, bytes) = (vec![(); SPARE_ELEMENTS / 2], vec![1_u8; 100_000]);
    let value = (half.clone(), half, bytes);
    assert_eq!(C::decode::<(Vec<()>, Vec<()>, Vec<u8>)>(&encode::<C>(&value)).unwrap(), value);
}

fn fields_of_structs_and_tuples_are_not_counted<C: Codec>() {
    let value = vec![(1_u8, (), (), (), types::Nothing); 100_000];
    assert_eq!(C::decode::<Vec<(u8, (), (), (), types::Nothing)>>(&encode::<C>(&value)).unwrap(), value);
}

fn every_cut_is_an_error<C: Codec>() {
    let bytes = encode::<C>(&(Shape::Label { text: "text".into(), size: Some(3) }, vec![1_u64, 70_000]));
    for cut in 0..bytes.len() {
        refused::<C, (Shape, Vec<u64>)>(&bytes[..cut]);
    }
}

fn bytes_left_over_are_an_error<C: Codec>() {
    let mut bytes = encode::<C>(&(1_u8, 2_u8));
    let length = bytes.len();
    bytes.extend([7, 7]);
    let error = C::decode::<(u8, u8)>(&bytes).unwrap_err();
    let expected = CodecError::Trailing { codec: C::NAME, type_name: "(u8, u8)", bytes: length + 2, left: 2 };
    assert_eq!(error, expected);
}
