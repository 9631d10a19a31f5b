//! A protocol for the programs beside this file.

use kinfolk::{Bincode, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};

pub enum Thumbs {}
impl Protocol for Thumbs {
    const NAME: &'static str = "thumbs";
    const VERSION: Version = Version::new(1, 0);
    type Init = ThumbInit;
    type Codec = Bincode;
}

#[derive(Serialize, Deserialize)]
pub struct ThumbInit {
    pub quality: u8,
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = Image, error = ThumbError, progress = Percent)]
pub struct Resize {
    pub width: u32,
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs)]
pub struct Warm;

#[derive(Serialize, Deserialize, Message)]
#[message(to_parent = Thumbs)]
pub struct Scanned(pub u64);

#[derive(Serialize, Deserialize, Shape)]
pub struct Image(pub Vec<u8>);

#[derive(Serialize, Deserialize, Shape)]
pub struct Percent(pub u8);

#[derive(Debug, Serialize, Deserialize, Shape)]
pub enum ThumbError {
    TooWide,
}
