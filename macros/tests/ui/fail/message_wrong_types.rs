//! Errors about the types that an attribute names are shown where it names them.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

struct NotAProtocol;

struct NotSerde;

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = NotAProtocol)]
struct Resize(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = NotSerde, opaque(reply))]
struct Crop(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = Missing)]
struct Turn(u32);

fn main() {}
