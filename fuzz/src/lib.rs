//! What the targets have in common: types of every shape, and what must hold for any bytes.

#[path = "../../protocol/src/session/tests/joined.rs"]
mod joined;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

// What `joined` finds in scope, as it does beside the session's own tests.
use kinfolk_protocol::{Broken, CallId, Grant, ItemRoom, Limits, Session, Settled, WHOLE};
use kinfolk_protocol::{Codec, Fault};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A value of every primitive type.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Primitives {
    /// Numbers of all widths.
    pub numbers: (i8, u16, i32, u64, i128, u128),
    /// Floats of both widths.
    pub floats: (Single, Double),
    /// What people read.
    pub texts: (char, String, bool),
    /// Bytes in one piece.
    pub bytes: ByteBuf,
    /// Types that look different to people and to programs.
    pub human: (IpAddr, Duration, SystemTime),
    /// Nothing.
    pub nothing: (),
}

/// A float that equals itself even if it is no number.
#[derive(Debug, Serialize, Deserialize)]
pub struct Single(pub f32);

impl PartialEq for Single {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

/// A float that equals itself even if it is no number.
#[derive(Debug, Serialize, Deserialize)]
pub struct Double(pub f64);

impl PartialEq for Double {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

/// Every way to nest.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Nested {
    /// A variant without data.
    Leaf,
    /// A variant with one value.
    Text(String),
    /// A variant with several values.
    Numbers(u8, i64),
    /// An option.
    Maybe(Option<Box<Self>>),
    /// A sequence.
    Many(Vec<Self>),
    /// A map.
    Named(BTreeMap<String, Self>),
    /// A variant with fields.
    Pair {
        /// One.
        left: Box<Self>,
        /// The other.
        right: Box<Self>,
    },
}

/// Nests by an enum alone.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum List {
    /// The end.
    End,
    /// A link.
    More(Box<Self>),
}

/// Nests by a sequence within a newtype.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree(pub Vec<Self>);

/// Nests by an option within a struct.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// The next link.
    pub next: Option<Box<Self>>,
}

/// Maps within maps.
pub type Maps = BTreeMap<String, BTreeMap<u16, Vec<Option<bool>>>>;

/// Decodes the bytes as every type: each time there is a value that comes back whole, or an error.
pub fn decode_as_everything<C: Codec>(bytes: &[u8]) {
    comes_back_whole::<C, Primitives>(bytes);
    comes_back_whole::<C, Nested>(bytes);
    comes_back_whole::<C, List>(bytes);
    comes_back_whole::<C, Tree>(bytes);
    comes_back_whole::<C, Chain>(bytes);
    comes_back_whole::<C, Maps>(bytes);
    comes_back_whole::<C, Vec<Vec<String>>>(bytes);
    comes_back_whole::<C, Fault>(bytes);
    // How many elements without bytes may come depends on how long their number is written, so those that decoded need
    // not decode again.
    let _ = C::decode::<Vec<()>>(bytes);
    let _ = C::decode::<BTreeMap<(), Vec<()>>>(bytes);
}

fn comes_back_whole<C: Codec, T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(value) = C::decode::<T>(bytes) else { return };
    let mut again = Vec::new();
    C::encode(&value, &mut again).expect("what could be decoded can be encoded");
    assert_eq!(C::decode::<T>(&again).as_ref(), Ok(&value));
}

/// Takes the bytes for operations of two sessions that are joined, and of one with a hostile peer.
pub fn drive_sessions(bytes: &[u8]) {
    joined::drive(bytes);
    joined::drive_against_hostile(bytes);
}
