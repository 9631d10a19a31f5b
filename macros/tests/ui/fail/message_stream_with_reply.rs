//! A stream has items, and no reply or progress besides.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, stream = u32, reply = u64, progress = u8)]
struct Scan(u32);

fn main() {}
