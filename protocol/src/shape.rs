//! What a message looks like, told so that two programs can compare: codecs that do not describe themselves would
//! misread a type that changed, silently.

use std::any::TypeId;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{CStr, CString, OsStr, OsString};
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8, NonZeroU16, NonZeroU32,
    NonZeroU64, NonZeroU128, NonZeroUsize, Saturating, Wrapping,
};
use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, SystemTime};

use crate::attachment::{Blob, Handle, Transfer};
use crate::fault::Fault;
use crate::message::{Message, Never};
use crate::name::fnv1a;

/// A type that can tell what it looks like on the wire. `#[derive(Shape)]` writes it for a type inside a message.
///
/// What counts is what the codecs see: fields with their names and order, variants, element types. The name of a type
/// does not, so that it may be renamed.
#[diagnostic::on_unimplemented(
    message = "the shape of `{Self}` is not known",
    label = "it is part of a message",
    note = "write `#[derive(Shape)]` above `{Self}`",
    note = "if it is another crate's, write `#[message(opaque)]` before the field; for what comes back, `opaque(reply)` in the message's own `#[message(..)]`, or `error`, `progress` or `stream` in place of `reply`"
)]
pub trait Shape: 'static {
    /// Adds the shape of this type.
    fn describe(sketch: &mut Sketch);
}

/// Where shapes are added to: a text for people, a hash for the comparison.
#[derive(Debug)]
pub struct Sketch {
    text: String,
    hash: u64,
    /// The types with a name that were begun: the second time only the name is given, which also ends recursion.
    named: Vec<TypeId>,
}

/// What two programs compare about a message type.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outline {
    /// A hash of the shape, or 0 if it is not known: then nothing is compared.
    pub fingerprint: u64,
    /// The shape in words, empty if it is not known.
    pub text: String,
}

impl Outline {
    /// The outline of a message type.
    #[must_use]
    pub fn of<M: Message>() -> Self {
        let mut sketch = Sketch { text: String::new(), hash: fnv1a::BASIS, named: Vec::new() };
        M::outline(&mut sketch);
        let fingerprint = if sketch.text.is_empty() { 0 } else { sketch.hash.max(1) };
        Self { fingerprint, text: sketch.text }
    }
}

impl Sketch {
    /// Adds text that counts: keywords, field names, punctuation.
    pub fn text(&mut self, text: &str) {
        self.hash = fnv1a::add(self.hash, text.as_bytes());
        self.text.push_str(text);
    }

    /// Adds the shape of `T`.
    pub fn of<T: Shape + ?Sized>(&mut self) {
        T::describe(self);
    }

    /// Adds a type with a name, which does not count, and its `body`, which does. Where the same type comes again
    /// only its name is written, and its place among the named types counts.
    pub fn named<T: ?Sized + 'static>(&mut self, name: &str, body: impl FnOnce(&mut Self)) {
        self.text.push_str(name);
        let id = TypeId::of::<T>();
        if let Some(at) = self.named.iter().position(|known| *known == id) {
            self.hash = fnv1a::add(self.hash, &(at as u64).to_le_bytes());
        } else {
            self.named.push(id);
            body(self);
        }
    }
}

macro_rules! atoms {
    ($($text:literal: $($type:ty),+;)*) => {$($(
        impl Shape for $type {
            fn describe(sketch: &mut Sketch) {
                sketch.text($text);
            }
        }
    )+)*};
}

atoms! {
    "bool": bool;
    "char": char;
    "u8": u8, NonZeroU8;
    "u16": u16, NonZeroU16;
    "u32": u32, NonZeroU32;
    // serde gives both the same size on every platform.
    "u64": u64, usize, NonZeroU64, NonZeroUsize;
    "u128": u128, NonZeroU128;
    "i8": i8, NonZeroI8;
    "i16": i16, NonZeroI16;
    "i32": i32, NonZeroI32;
    "i64": i64, isize, NonZeroI64, NonZeroIsize;
    "i128": i128, NonZeroI128;
    "f32": f32;
    "f64": f64;
    "String": String, str, PathBuf, Path;
    "()": ();
    "OsString": OsString, OsStr;
    "CString": CString, CStr;
    "Duration": Duration;
    "SystemTime": SystemTime;
    "IpAddr": IpAddr;
    "Ipv4Addr": Ipv4Addr;
    "Ipv6Addr": Ipv6Addr;
    "SocketAddr": SocketAddr;
    "SocketAddrV4": SocketAddrV4;
    "SocketAddrV6": SocketAddrV6;
    "!": Never;
    "Fault": Fault;
    "Blob": Blob;
}

macro_rules! generic {
    ($([$($param:ident),+] $type:ty => ($($part:tt)+);)*) => { $(generic!(@one [$($param),+] $type => $($part)+);)* };
    (@one [$($param:ident),+] $type:ty => $($part:tt)+) => {
        impl<$($param: Shape),+> Shape for $type {
            fn describe(sketch: &mut Sketch) {
                $(generic!(@part sketch $part);)+
            }
        }
    };
    (@part $sketch:ident $text:literal) => { $sketch.text($text) };
    (@part $sketch:ident $type:ident) => { $sketch.of::<$type>() };
}

generic! {
    [T] [T] => ("[" T "]");
    [T] Vec<T> => ("[" T "]");
    [T] VecDeque<T> => ("[" T "]");
    [T] LinkedList<T> => ("[" T "]");
    [T] BTreeSet<T> => ("[" T "]");
    [T] BinaryHeap<T> => ("[" T "]");
    [K, V] BTreeMap<K, V> => ("{" K ": " V "}");
    [T] Option<T> => ("Option<" T ">");
    [T, E] Result<T, E> => ("Result<" T ", " E ">");
    [T] Bound<T> => ("Bound<" T ">");
    [T] Range<T> => ("Range<" T ">");
    [T] RangeInclusive<T> => ("RangeInclusive<" T ">");
    [T] RangeFrom<T> => ("RangeFrom<" T ">");
    [T] RangeTo<T> => ("RangeTo<" T ">");
    [T] Cell<T> => (T);
    [T] Reverse<T> => (T);
    [T] Saturating<T> => (T);
    [T] Wrapping<T> => (T);
    // With a comma, as in Rust: a struct round one value, which is a value of its own, is `(T)`.
    [T] (T,) => ("(" T ",)");
}

macro_rules! tuples {
    ($($first:ident $($rest:ident)+;)*) => {$(
        impl<$first: Shape, $($rest: Shape),+> Shape for ($first, $($rest),+) {
            fn describe(sketch: &mut Sketch) {
                sketch.text("(");
                sketch.of::<$first>();
                $(
                    sketch.text(", ");
                    sketch.of::<$rest>();
                )+
                sketch.text(")");
            }
        }
    )*};
}

tuples! {
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
    A B C D E F G H I;
    A B C D E F G H I J;
    A B C D E F G H I J K;
    A B C D E F G H I J K L;
    A B C D E F G H I J K L M;
    A B C D E F G H I J K L M N;
    A B C D E F G H I J K L M N O;
    A B C D E F G H I J K L M N O P;
}

macro_rules! holders {
    ($($type:ident),+) => {$(
        impl<T: Shape + ?Sized> Shape for $type<T> {
            fn describe(sketch: &mut Sketch) {
                sketch.of::<T>();
            }
        }
    )+};
}

holders! { Box, Rc, Arc, Mutex, RefCell, RwLock }

impl<T: Shape, S: 'static> Shape for HashSet<T, S> {
    fn describe(sketch: &mut Sketch) {
        BTreeSet::<T>::describe(sketch);
    }
}

impl<K: Shape, V: Shape, S: 'static> Shape for HashMap<K, V, S> {
    fn describe(sketch: &mut Sketch) {
        BTreeMap::<K, V>::describe(sketch);
    }
}

impl<T: Shape, const N: usize> Shape for [T; N] {
    fn describe(sketch: &mut Sketch) {
        sketch.text("[");
        sketch.of::<T>();
        sketch.text(&format!("; {N}]"));
    }
}

impl<T: Shape + ToOwned + ?Sized> Shape for Cow<'static, T> {
    fn describe(sketch: &mut Sketch) {
        sketch.of::<T>();
    }
}

impl<T: Transfer + 'static> Shape for Handle<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.text(&format!("Handle<{}>", T::NAME));
    }
}

impl<T: 'static> Shape for PhantomData<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.text("()");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node;
    impl Shape for Node {
        fn describe(sketch: &mut Sketch) {
            sketch.named::<Self>("Node", |sketch| {
                sketch.text(" { next: ");
                sketch.of::<Option<Box<Self>>>();
                sketch.text(" }");
            });
        }
    }

    struct Renamed;
    impl Shape for Renamed {
        fn describe(sketch: &mut Sketch) {
            sketch.named::<Self>("Renamed", |sketch| {
                sketch.text(" { next: ");
                sketch.of::<Option<Box<Self>>>();
                sketch.text(" }");
            });
        }
    }

    fn sketch<T: Shape>() -> (String, u64) {
        let mut sketch = Sketch { text: String::new(), hash: fnv1a::BASIS, named: Vec::new() };
        sketch.of::<T>();
        (sketch.text, sketch.hash)
    }

    #[test]
    fn a_type_that_holds_itself_is_described_once_and_its_name_does_not_count() {
        assert_eq!(sketch::<Node>().0, "Node { next: Option<Node> }");
        assert_eq!(sketch::<Node>().1, sketch::<Renamed>().1);
    }

    #[test]
    fn shapes_that_differ_on_the_wire_differ_and_others_do_not() {
        assert_ne!(sketch::<(u32, u64)>().1, sketch::<(u64, u32)>().1);
        assert_ne!(sketch::<[u8; 3]>().1, sketch::<[u8; 4]>().1);
        assert_eq!(sketch::<Box<Vec<u8>>>().1, sketch::<VecDeque<u8>>().1);
        assert_eq!(sketch::<HashMap<String, ()>>().0, "{String: ()}");
        assert_eq!(sketch::<Cow<'static, str>>(), sketch::<PathBuf>());
        assert_eq!(sketch::<Arc<[u8]>>(), sketch::<Vec<u8>>());
        assert_eq!(sketch::<(u8,)>().0, "(u8,)");
        assert_eq!(sketch::<Range<Wrapping<u8>>>().0, "Range<u8>");
    }
}
