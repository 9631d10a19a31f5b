//! No key is given twice, in one attribute or in two.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = u32, reply = u64, idempotent, idempotent)]
#[message(name = "a", name = "b", crate = kinfolk, crate = kinfolk, opaque(reply), opaque(reply))]
struct Resize(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs)]
#[message(to_child = Thumbs)]
struct Crop(u32);

fn main() {}
