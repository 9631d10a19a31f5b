//! The picture: cut into tiles, put together again, and written as PNG.

use std::fs::File;
use std::io::{BufWriter, Write};

use kinfolk::Fault;
use sha2::{Digest, Sha256};

use crate::protocol::{Rendered, Shot, Tile};

/// Pixels of a tile's side: so small that little is lost with a worker, so large that a message is nothing beside it.
const SIDE: u32 = 32;

/// All tiles, in rows from the top.
pub(crate) fn tiles(shot: Shot) -> Vec<Tile> {
    let starts = |end: u32| (0..end).step_by(SIDE as usize);
    let tile = |left, top| {
        let (width, height) = (SIDE.min(shot.width - left), SIDE.min(shot.height - top));
        Tile { left, top, width, height }
    };
    starts(shot.height).flat_map(|top| starts(shot.width).map(move |left| tile(left, top))).collect()
}

/// A picture that is put together.
pub(crate) struct Picture {
    shot: Shot,
    rgb: Vec<u8>,
    /// Tiles that are still to come.
    missing: Vec<Tile>,
}

impl Picture {
    pub(crate) fn new(shot: Shot) -> Self {
        Self { shot, rgb: vec![0; shot.width as usize * shot.height as usize * 3], missing: tiles(shot) }
    }

    /// Puts a tile in its place.
    ///
    /// # Errors
    /// There is no such tile, or it was there before, or it is not whole.
    pub(crate) fn put(&mut self, Rendered { tile, rgb }: &Rendered) -> Result<(), Fault> {
        let awaited = self.missing.iter().position(|missing| missing == tile);
        let whole = rgb.len() == (tile.width * tile.height * 3) as usize;
        let Some(at) = awaited.filter(|_| whole) else {
            return Err(Fault::new(format!("nobody waited for {tile:?} with {} bytes", rgb.len())));
        };
        self.missing.swap_remove(at);
        for (row, line) in (tile.top..).zip(rgb.chunks_exact(tile.width as usize * 3)) {
            let start = (row as usize * self.shot.width as usize + tile.left as usize) * 3;
            self.rgb[start..start + line.len()].copy_from_slice(line);
        }
        Ok(())
    }

    /// How many tiles are still to come.
    pub(crate) fn missing(&self) -> usize {
        self.missing.len()
    }

    /// The SHA-256 of its pixels.
    pub(crate) fn sum(&self) -> String {
        Sha256::digest(&self.rgb).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn write(&self, file: File) -> Result<(), Fault> {
        let mut out = BufWriter::new(file);
        let mut encoder = png::Encoder::new(&mut out, self.shot.width, self.shot.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(out.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_pixel_once() {
        for (width, height) in [(1, 1), (32, 32), (33, 65), (100, 70)] {
            let shot = Shot { width, height, samples: 1 };
            let mut picture = Picture::new(shot);
            for tile in tiles(shot) {
                let rendered = Rendered { tile, rgb: vec![1; (tile.width * tile.height * 3) as usize] };
                picture.put(&rendered).unwrap();
                assert!(picture.put(&rendered).is_err(), "a second time");
            }
            assert!(picture.missing() == 0 && picture.rgb.iter().all(|part| *part == 1), "{width}x{height}");
        }
    }
}
