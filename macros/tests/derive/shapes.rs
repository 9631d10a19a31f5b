//! What a shape tells: which kinds of types differ, and what serde is told about them.

use kinfolk_protocol::{Fault, Shape};
use serde::{Deserialize, Serialize};

use crate::{foreign, outline_of, shape};

mod kinds {
    use kinfolk_protocol::Shape;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) struct Named {
        a: u8,
    }

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) struct Renamed {
        a: u8,
    }

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) struct Other {
        b: u8,
    }

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) struct Tuple(u8);

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) struct Unit;

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) struct Empty {}

    #[derive(Serialize, Deserialize, Shape)]
    pub(crate) enum Nothing {}

    #[derive(Serialize, Deserialize, Shape)]
    #[expect(non_camel_case_types, reason = "as a field would be called")]
    pub(crate) enum Variant {
        a,
    }
}

#[test]
fn the_kinds_of_types_have_shapes_that_differ() {
    use kinds::{Empty, Named, Nothing, Other, Renamed, Tuple, Unit, Variant};

    assert_eq!(outline_of::<Named>().fingerprint, outline_of::<Renamed>().fingerprint);
    let different = [
        outline_of::<Named>(),
        outline_of::<Other>(),
        outline_of::<Tuple>(),
        outline_of::<(u8,)>(),
        outline_of::<Unit>(),
        outline_of::<Empty>(),
        outline_of::<Nothing>(),
        outline_of::<Variant>(),
        outline_of::<u8>(),
    ];
    for (at, one) in different.iter().enumerate() {
        for other in &different[at + 1..] {
            assert_ne!(one.fingerprint, other.fingerprint, "{} and {}", one.text, other.text);
        }
    }
}

mod hex {
    pub(crate) fn serialize<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(bytes, serializer)
    }
    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        serde::Deserialize::deserialize(deserializer)
    }
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Told {
    #[serde(rename(serialize = "a", deserialize = "b"), alias = "c", default)]
    first: u8,
    #[serde(skip)]
    _cache: foreign::Zone<u8>,
    #[serde(with = "hex")]
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(tag = "kind", content = "value", crate = "serde")]
enum Tagged {
    One,
    #[serde(skip)]
    #[expect(dead_code, reason = "its place counts")]
    Never(foreign::Zone<u8>),
    #[serde(with = "hex")]
    Bytes(Vec<u8>),
    Cut(#[serde(skip)] u8),
}

#[derive(Serialize, Deserialize, Shape)]
struct Cut(u8, #[serde(skip)] ());

#[test]
fn what_serde_is_told_counts_where_it_changes_bytes() {
    assert_eq!(
        shape::<Told>(),
        r#"Told #[rename_all = "camelCase"] { #[rename(serialize = "a", deserialize = "b"), default] first: u8, #[with = "hex"] bytes: Vec<u8> }"#
    );
    assert_eq!(
        shape::<Tagged>(),
        r#"Tagged #[tag = "kind", content = "value"] { One, #[skip] Never, #[with = "hex"] Bytes(Vec<u8>), Cut }"#
    );
    assert_eq!(shape::<Cut>(), "Cut(u8,)");
}

#[derive(Serialize, Deserialize, Shape)]
#[serde(transparent)]
struct Pixels {
    count: u32,
    #[serde(skip)]
    _of: foreign::Zone<()>,
}

#[derive(Clone, Serialize, Deserialize, Shape)]
#[serde(into = "f64", try_from = "f64")]
struct Celsius(f64);
impl From<Celsius> for f64 {
    fn from(Celsius(degrees): Celsius) -> Self {
        degrees
    }
}
impl TryFrom<f64> for Celsius {
    type Error = Fault;
    fn try_from(degrees: f64) -> Result<Self, Fault> {
        if degrees < -273.15 { Err(Fault::new("too cold")) } else { Ok(Self(degrees)) }
    }
}

#[derive(Clone, Serialize, Deserialize, Shape)]
#[serde(into = "String", from = "char")]
struct Letter(char);
impl From<Letter> for String {
    fn from(Letter(letter): Letter) -> Self {
        letter.into()
    }
}
impl From<char> for Letter {
    fn from(letter: char) -> Self {
        Self(letter)
    }
}

#[test]
fn a_type_that_serde_writes_as_another_looks_like_that_one() {
    assert_eq!(shape::<Pixels>(), "Pixels = u32");
    assert_eq!(shape::<Celsius>(), "Celsius = f64");
    assert_eq!(shape::<Letter>(), "Letter = String read as char");
}
