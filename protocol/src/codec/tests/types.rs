//! Types of every shape, and those that nest without end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Everything {
    pub(super) numbers: (i8, u16, i32, u64, i128, u128),
    pub(super) floats: (f32, f64),
    pub(super) letter: char,
    pub(super) text: String,
    pub(super) bytes: ByteBuf,
    pub(super) options: (Option<Option<u8>>, Option<Shape>),
    pub(super) shapes: Vec<Shape>,
    pub(super) map: BTreeMap<i16, Vec<String>>,
    pub(super) nothing: Nothing,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Nothing;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::codec) enum Shape {
    Dot,
    Circle(f64),
    Line(u32, u32),
    Label { text: String, size: Option<u8> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::codec) enum List {
    End,
    More(Box<Self>),
}

impl List {
    pub(super) fn of(length: usize) -> Self {
        (0..length).fold(Self::End, |rest, _| Self::More(Box::new(rest)))
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::codec) struct Chain {
    next: Option<Box<Self>>,
}

impl Chain {
    pub(super) fn of(length: usize) -> Self {
        (0..length).fold(Self { next: None }, |rest, _| Self { next: Some(Box::new(rest)) })
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::codec) struct Tree(Vec<Self>);

impl Tree {
    pub(super) fn of(height: usize) -> Self {
        (0..height).fold(Self(Vec::new()), |rest, _| Self(vec![rest]))
    }
}

/// A type without values, whose decoder would look for one for ever.
#[derive(Debug, Deserialize)]
pub(super) struct Endless(#[expect(dead_code, reason = "there is none")] Box<Self>);

/// Every way to nest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Nested {
    Leaf,
    Number(i64),
    Text(String),
    Bytes(ByteBuf),
    Maybe(Option<Box<Self>>),
    Many(Vec<Self>),
    Named(BTreeMap<String, Self>),
    Pair { left: Box<Self>, right: Box<Self> },
}
