//! What may be opaque, and where that is said.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Message;
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = u32, opaque(answer, error))]
struct Resize(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, opaque)]
struct Crop(u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs)]
struct Turn(#[message(reply = u32)] u32);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs)]
enum Scan {
    #[message(opaque)]
    One(u32),
}

fn main() {}
