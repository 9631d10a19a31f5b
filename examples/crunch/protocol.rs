//! What the pool and its workers say to each other.

use kinfolk::{Bincode, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};

/// Spoken with a worker that traces rays.
pub(crate) enum Tracing {}
impl Protocol for Tracing {
    const NAME: &'static str = "tracing";
    const VERSION: Version = Version::new(1, 0);
    type Init = Shot;
    type Codec = Bincode;
}

/// The whole picture, as every worker has to know it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Shot {
    /// In pixels.
    pub(crate) width: u32,
    /// In pixels.
    pub(crate) height: u32,
    /// Rays through each pixel.
    pub(crate) samples: u32,
}

/// A part of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub(crate) struct Tile {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Asks for a tile. It may be rendered any number of times: that is what lets a pool try again after it has begun.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Tracing, reply = Rendered, idempotent)]
pub(crate) struct Render(pub(crate) Tile);

/// A tile, with three bytes for each pixel.
#[derive(Debug, Serialize, Deserialize, Shape)]
pub(crate) struct Rendered {
    /// Which: tiles come as they are done.
    pub(crate) tile: Tile,
    /// From left to right, from top to bottom.
    pub(crate) rgb: Vec<u8>,
}
