//! A message of the child's does not travel to it, and neither does one of another protocol.

use kinfolk::parent::Child;
use kinfolk::{Bincode, Message, Protocol, Version};
use serde::{Deserialize, Serialize};
use thumbs::{Scanned, Thumbs};

#[path = "../thumbs.rs"]
mod thumbs;

enum Fonts {}
impl Protocol for Fonts {
    const NAME: &'static str = "fonts";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Fonts, reply = u32)]
struct Kern(u32);

async fn parent(thumbs: Child<Thumbs>) {
    let _ = thumbs.send(Scanned(1)).await;
    let _ = thumbs.request(Kern(1)).await;
}

fn main() {}
