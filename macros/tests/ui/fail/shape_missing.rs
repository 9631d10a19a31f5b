//! A type inside a message, or one that comes back, has no shape.

use kinfolk::{Message, Shape};
use serde::{Deserialize, Serialize};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Serialize, Deserialize)]
struct Size {
    width: u32,
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = Size)]
struct Resize {
    sizes: Vec<Size>,
}

#[derive(Serialize, Deserialize, Shape)]
struct Timed<T> {
    value: T,
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, stream = Timed<Size>)]
struct Scan(u32);

fn main() {}
