//! Which way it travels is the least that must be said.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Serialize, Deserialize, Message)]
struct Resize(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(reply = u32)]
struct Crop(u32);

#[derive(Serialize, Deserialize, Message)]
#[message]
struct Turn(u32);

fn main() {}
