//! Visitors: where a value begins to hold others.

use std::fmt;

use serde::de::{Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Visitor};

use super::Bounds;
use super::access::Entries;

/// A visitor of a value that may hold others.
pub(super) struct Holding<'b, V> {
    visitor: V,
    bounds: Bounds<'b>,
    /// True if the input says how many elements there are.
    counted: bool,
}

impl<'b, V> Holding<'b, V> {
    /// The visitor of a value with as many elements as the input says.
    #[inline]
    pub(super) fn counted(visitor: V, bounds: Bounds<'b>) -> Self {
        Self { visitor, bounds, counted: true }
    }

    /// The visitor of a value with as many elements as its type says.
    #[inline]
    pub(super) fn fixed(visitor: V, bounds: Bounds<'b>) -> Self {
        Self { visitor, bounds, counted: false }
    }
}

/// Methods for values that hold nothing.
macro_rules! scalar {
    ($($method:ident($type:ty))*) => {$(
        #[inline]
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Holding<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    scalar! {
        visit_bool(bool)
        visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64)
        visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let bounds = self.bounds.within()?;
        self.visitor.visit_some(bounds.around(inner))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        let bounds = self.bounds.within()?;
        self.visitor.visit_newtype_struct(bounds.around(inner))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<V::Value, A::Error> {
        let bounds = self.bounds.within()?;
        if self.counted {
            let announced = elements.size_hint();
            self.visitor.visit_seq(Entries::counted(elements, bounds, announced)?)
        } else {
            self.visitor.visit_seq(Entries::fixed(elements, bounds))
        }
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<V::Value, A::Error> {
        let bounds = self.bounds.within()?;
        if self.counted {
            let announced = entries.size_hint();
            self.visitor.visit_map(Entries::counted(entries, bounds, announced)?)
        } else {
            self.visitor.visit_map(Entries::fixed(entries, bounds))
        }
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<V::Value, A::Error> {
        let bounds = self.bounds.within()?;
        self.visitor.visit_enum(bounds.around(choice))
    }
}
