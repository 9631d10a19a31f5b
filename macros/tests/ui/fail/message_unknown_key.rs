//! A key that does not exist.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, answer = u32)]
struct Resize(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to = Thumbs)]
struct Crop(u32);

fn main() {}
