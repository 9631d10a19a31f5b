//! Values and bytes that nobody thought of.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::{prop_assert_eq, sample};
use serde_bytes::ByteBuf;

use super::types::{Chain, Everything, List, Nested, Tree};
use super::{encode, for_every_codec};
use crate::codec::Codec;

for_every_codec! {
    any_value_comes_back_whole
    any_float_comes_back_whole
    any_bytes_are_a_value_or_an_error
    any_damaged_value_is_a_value_or_an_error
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() }
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..8).prop_map(|letters| letters.into_iter().collect())
}

fn nested() -> impl Strategy<Value = Nested> {
    let leaf = prop_oneof![
        Just(Nested::Leaf),
        any::<i64>().prop_map(Nested::Number),
        text().prop_map(Nested::Text),
        vec(any::<u8>(), 0..20).prop_map(|bytes| Nested::Bytes(ByteBuf::from(bytes))),
        Just(Nested::Maybe(None)),
    ];
    leaf.prop_recursive(6, 32, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|some| Nested::Maybe(Some(Box::new(some)))),
            vec(inner.clone(), 0..4).prop_map(Nested::Many),
            btree_map(text(), inner.clone(), 0..4).prop_map(Nested::Named),
            (inner.clone(), inner)
                .prop_map(|(left, right)| Nested::Pair { left: Box::new(left), right: Box::new(right) }),
        ]
    })
}

/// Bytes as they come, and bytes of which JSON is made.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let json = sample::select(b"[]{}\",:0123456789-.eE \\unltrfaMoEd".as_slice());
    prop_oneof![vec(any::<u8>(), 0..200), vec(0..4_u8, 0..200), vec(json, 0..100)]
}

/// Decodes the bytes as many types; what comes of it does not matter, as long as something does.
fn decode_as_everything<C: Codec>(bytes: &[u8]) {
    let _ = C::decode::<Everything>(bytes);
    let _ = C::decode::<Nested>(bytes);
    let _ = C::decode::<List>(bytes);
    let _ = C::decode::<Chain>(bytes);
    let _ = C::decode::<Tree>(bytes);
    let _ = C::decode::<Vec<()>>(bytes);
    let _ = C::decode::<Vec<Vec<String>>>(bytes);
    let _ = C::decode::<BTreeMap<String, BTreeMap<u8, Option<bool>>>>(bytes);
}

fn any_value_comes_back_whole<C: Codec>() {
    proptest::proptest!(config(), |(value in nested())| {
        prop_assert_eq!(C::decode::<Nested>(&encode::<C>(&value)), Ok(value));
    });
}

fn any_float_comes_back_whole<C: Codec>() {
    proptest::proptest!(config(), |(single in any::<f32>(), double in any::<f64>())| {
        let back = C::decode::<(f32, f64)>(&encode::<C>(&(single, double)));
        prop_assert_eq!(back.map(|(s, d)| (s.to_bits(), d.to_bits())), Ok((single.to_bits(), double.to_bits())));
    });
}

fn any_bytes_are_a_value_or_an_error<C: Codec>() {
    proptest::proptest!(config(), |(bytes in bytes())| decode_as_everything::<C>(&bytes));
}

fn any_damaged_value_is_a_value_or_an_error<C: Codec>() {
    let damage = (any::<sample::Index>(), any::<u8>());
    proptest::proptest!(config(), |(value in nested(), (at, byte) in damage)| {
        let mut bytes = encode::<C>(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        decode_as_everything::<C>(&bytes);
    });
}
