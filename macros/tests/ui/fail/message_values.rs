//! Types and paths without quotes; flags without values.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = "Thumbs")]
struct Resize(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child)]
struct Crop(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, idempotent = true)]
struct Turn(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, crate = "kinfolk")]
struct Scan(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = )]
struct Warm(u32);

fn main() {}
