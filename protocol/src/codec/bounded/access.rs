//! What visitors read from: elements, entries and variants, one by one.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::visitor::Holding;
use super::{Bounded, Bounds};

/// The elements of a sequence or the entries of a map.
pub(super) struct Entries<'b, A> {
    access: A,
    bounds: Bounds<'b>,
    /// Elements that need not be counted any more.
    free: usize,
}

impl<'b, A> Entries<'b, A> {
    /// As many as the input says. An announced number is counted at once, which is cheaper than one by one, and
    /// refused before anything is reserved for it.
    #[inline]
    pub(super) fn counted<E: Error>(access: A, bounds: Bounds<'b>, announced: Option<usize>) -> Result<Self, E> {
        let free = announced.unwrap_or(0);
        bounds.budget.spend(free)?;
        Ok(Self { access, bounds, free })
    }

    /// As many as the type says.
    #[inline]
    pub(super) fn fixed(access: A, bounds: Bounds<'b>) -> Self {
        Self { access, bounds, free: usize::MAX }
    }

    #[inline]
    fn count<E: Error>(&mut self) -> Result<(), E> {
        match self.free.checked_sub(1) {
            Some(free) => {
                self.free = free;
                Ok(())
            }
            None => self.bounds.budget.spend(1),
        }
    }

    /// Types reserve by the hint. More elements than bytes have no bytes, and those take no memory as a rule: without
    /// this, each level of a nested type could reserve the mebibyte serde allows, for a few bytes.
    #[inline]
    fn hint(&self, announced: Option<usize>) -> Option<usize> {
        announced.map(|elements| elements.min(self.bounds.budget.length))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Entries<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        let element = self.access.next_element_seed(self.bounds.around(seed))?;
        if element.is_some() {
            self.count()?;
        }
        Ok(element)
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.hint(self.access.size_hint())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Entries<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let key = self.access.next_key_seed(self.bounds.around(seed))?;
        if key.is_some() {
            self.count()?;
        }
        Ok(key)
    }

    #[inline]
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.access.next_value_seed(self.bounds.around(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.hint(self.access.size_hint())
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(self.bounds.around(deserializer))
    }
}

impl<'de, 'b, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'b, A> {
    type Error = A::Error;
    type Variant = Bounded<'b, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (chosen, variant) = self.inner.variant_seed(self.bounds.around(seed))?;
        Ok((chosen, self.bounds.around(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.newtype_variant_seed(self.bounds.around(seed))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(length, Holding::fixed(visitor, self.bounds))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Holding::fixed(visitor, self.bounds))
    }
}
