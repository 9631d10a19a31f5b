//! A message is serializable.

use kinfolk::Message;
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[derive(Message)]
#[message(to_child = Thumbs)]
struct Crop {
    width: u32,
}

fn main() {}
