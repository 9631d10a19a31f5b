//! All mistakes of a type are told at once.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Message)]
#[message(to_child = Thumbs, to_parent = Thumbs, stream = u32, reply = u32, name = "", opaque(error))]
struct Put<T>(#[message(secret)] T);

fn main() {}
