//! serde has no way to write a union.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Message)]
#[message(to_child = Thumbs)]
union Either {
    whole: u32,
    half: u16,
}

fn main() {}
