//! One enum each way is as good a protocol as many structs.

use kinfolk::{Bincode, Message, Outline, Protocol, Version};
use serde::{Deserialize, Serialize};

enum Hello {}
impl Protocol for Hello {
    const NAME: &'static str = "hello";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Hello)]
enum Down {
    Say(String),
    Move { x: i32, y: i32 },
    Stop,
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_parent = Hello)]
enum Up {
    Said(String),
}

fn main() {
    assert_eq!(Outline::of::<Down>().text, "Down { Say(String), Move { x: i32, y: i32 }, Stop }");
    assert_eq!(Outline::of::<Up>().text, "Up { Said(String) }");
}
