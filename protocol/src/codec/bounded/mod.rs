//! Limits on what a value may cost to decode, the same for every codec.
//!
//! Neither bincode nor postcard knows how deep a type of the user's nests, so a few thousand hostile bytes would
//! overflow the stack; and elements without bytes, as of a `Vec<()>`, are bounded by nothing they have. Everything
//! serde
//! hands from a deserializer to a type and back is therefore wrapped in a [`Bounded`], which counts and otherwise
//! passes on what it is given: the deserializer here, visitors in `visitor.rs`, what visitors read from in `access.rs`.

mod access;
mod visitor;

use std::any::type_name;
use std::cell::Cell;
use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, Visitor};

use super::{Codec, CodecError};

/// How many values may lie within one another. A level of a small type takes about 2 KiB of stack in a debug build, of
/// the 2 MiB that a thread has unless it is told otherwise.
pub(super) const MAX_DEPTH: u8 = 128;

/// How many elements a value may have beyond one per byte: room for those that have no bytes.
pub(super) const SPARE_ELEMENTS: usize = 65_536;

/// Decodes a value out of all of `bytes`, within the limits.
///
/// `read` deserializes the seed and says how many bytes that took, or why there is no value.
pub(super) fn decode<'de, C: Codec, T: DeserializeOwned>(
    bytes: &'de [u8],
    read: impl FnOnce(Seed<'_, T>, &'de [u8]) -> Result<(T, usize), String>,
) -> Result<T, CodecError> {
    let (codec, type_name, length) = (C::NAME, type_name::<T>(), bytes.len());
    let budget = Budget::of(length);
    match read(Seed { budget: &budget, type_: PhantomData }, bytes) {
        Ok((value, used)) if used == length => Ok(value),
        Ok((_, used)) => Err(CodecError::Trailing { codec, type_name, bytes: length, left: length - used }),
        // Not every codec's error keeps the words it is given, so the limit that was exceeded is remembered here.
        Err(reason) => {
            let reason = budget.exceeded.get().map_or(reason, |limit| limit.to_string());
            Err(CodecError::Decode { codec, type_name, bytes: length, reason })
        }
    }
}

/// Deserializes a `T` within the limits.
pub(super) struct Seed<'b, T> {
    budget: &'b Budget,
    type_: PhantomData<T>,
}

impl<'de, T: DeserializeOwned> DeserializeSeed<'de> for Seed<'_, T> {
    type Value = T;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::deserialize(Bounds { depth: MAX_DEPTH, budget: self.budget }.around(deserializer))
    }
}

/// A limit that was exceeded.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Depth,
    Elements { max: usize },
}

impl Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Depth => write!(f, "values nest deeper than {MAX_DEPTH} levels"),
            Self::Elements { max } => write!(f, "sequences and maps have more than {max} elements"),
        }
    }
}

/// What all parts of one value share.
struct Budget {
    /// The length of the input, in bytes.
    length: usize,
    /// The elements that may still come.
    elements: Cell<usize>,
    exceeded: Cell<Option<Limit>>,
}

impl Budget {
    fn of(length: usize) -> Self {
        let elements = length.saturating_add(SPARE_ELEMENTS);
        Self { length, elements: Cell::new(elements), exceeded: Cell::new(None) }
    }

    /// Takes note of elements.
    #[inline]
    fn spend<E: Error>(&self, elements: usize) -> Result<(), E> {
        match self.elements.get().checked_sub(elements) {
            Some(left) => {
                self.elements.set(left);
                Ok(())
            }
            None => Err(self.too_many()),
        }
    }

    #[cold]
    fn too_many<E: Error>(&self) -> E {
        self.exceed(Limit::Elements { max: self.length.saturating_add(SPARE_ELEMENTS) })
    }

    #[cold]
    fn exceed<E: Error>(&self, limit: Limit) -> E {
        self.exceeded.set(Some(limit));
        E::custom(limit)
    }
}

/// What the value at one place may still cost.
#[derive(Clone, Copy)]
struct Bounds<'b> {
    /// How many values may still lie within one another.
    depth: u8,
    budget: &'b Budget,
}

impl<'b> Bounds<'b> {
    /// The bounds of what lies within.
    #[inline]
    fn within<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, budget: self.budget }),
            None => Err(self.budget.exceed(Limit::Depth)),
        }
    }

    #[inline]
    fn around<X>(self, inner: X) -> Bounded<'b, X> {
        Bounded { inner, bounds: self }
    }
}

/// Anything serde passes round while it decodes (a deserializer, a seed, a variant), with the bounds it is under.
struct Bounded<'b, X> {
    inner: X,
    bounds: Bounds<'b>,
}

/// Methods that wrap the visitor, because what it visits may hold further values.
macro_rules! holding {
    ($($method:ident($($name:ident: $type:ty),*) as $elements:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($name,)* visitor::Holding::$elements(visitor, self.bounds))
        }
    )*};
}

/// Methods that hand the visitor on as it is: the codecs answer them with a scalar, which holds nothing.
macro_rules! scalar {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    scalar! {
        deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64
        deserialize_char deserialize_str deserialize_string
        deserialize_unit deserialize_identifier
    }

    // The fields of a tuple or struct are as many as its type says, not as the input says: they are not counted.
    holding! {
        deserialize_any() as counted;
        deserialize_bytes() as counted;
        deserialize_byte_buf() as counted;
        deserialize_option() as counted;
        deserialize_seq() as counted;
        deserialize_map() as counted;
        deserialize_ignored_any() as counted;
        deserialize_unit_struct(name: &'static str) as fixed;
        deserialize_newtype_struct(name: &'static str) as fixed;
        deserialize_tuple(length: usize) as fixed;
        deserialize_tuple_struct(name: &'static str, length: usize) as fixed;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) as fixed;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) as fixed;
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}
