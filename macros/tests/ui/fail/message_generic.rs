//! One name cannot stand for many types, and nothing is borrowed.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs)]
struct Put<T>(T);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs)]
struct Bytes<const N: usize>(u8);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs)]
struct Say<'a>(&'a str);

fn main() {}
