//! The protocol crate of the README's tour.
#![forbid(unsafe_code)]

use kinfolk::{Bincode, Message, Protocol, Version};
use serde::{Deserialize, Serialize};

/// What a program that makes thumbnails speaks.
#[derive(Debug)]
pub enum Thumbs {}

impl Protocol for Thumbs {
    const NAME: &'static str = "thumbs";
    const VERSION: Version = Version::new(1, 0);
    type Init = ThumbInit;
    type Codec = Bincode;
}

/// What it is given to begin with.
#[derive(Debug, Serialize, Deserialize)]
pub struct ThumbInit {
    /// From 0 to 100.
    pub quality: u8,
}

/// Asks for a smaller image.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = Vec<u8>, progress = u8)]
pub struct Resize {
    /// The large one.
    pub pixels: Vec<u8>,
    /// In pixels.
    pub width: u32,
}

/// Says how many caches are warm.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_parent = Thumbs)]
pub struct Warmed(
    /// How many.
    pub u32,
);
