//! The command line.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Parser;

use crate::protocol::Shot;

/// Renders a picture in a pool of workers, and kills them.
#[derive(Parser)]
#[command(name = "crunch")]
pub(crate) struct Options {
    /// Kill a worker so often, as long as tiles are done between.
    #[arg(long, default_value = "1s", value_parser = duration)]
    kill_every: Duration,
    /// Kill nobody.
    #[arg(long, conflicts_with = "kill_every")]
    no_kills: bool,
    /// Width and height of the picture, in pixels.
    #[arg(long, default_value = "1280x720", value_parser = size)]
    size: (u32, u32),
    /// Rays through each pixel: the more, the less grain.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    samples: u32,
    /// Where the picture goes.
    #[arg(long, default_value = "crunch.png")]
    pub(crate) out: PathBuf,
    /// How many workers. By default one for each processor.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=512))]
    workers: Option<u16>,
    /// Render it once more without kills, and compare.
    #[arg(long)]
    pub(crate) verify: bool,
}

impl Options {
    pub(crate) fn kill_every(&self) -> Option<Duration> {
        Some(self.kill_every).filter(|_| !self.no_kills)
    }

    pub(crate) fn shot(&self) -> Shot {
        let (width, height) = self.size;
        Shot { width, height, samples: self.samples }
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers.map_or_else(|| available_parallelism().map_or(1, NonZero::get), usize::from)
    }
}

/// `2s` or `250ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no time such as `250ms` or `2s`");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let time = match unit {
        "ms" => Duration::from_millis(number.into()),
        "s" => Duration::from_secs(number.into()),
        _ => return Err(wrong()),
    };
    if time.is_zero() { Err("nobody can be killed all the time".into()) } else { Ok(time) }
}

/// `1280x720`.
fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let fits = |side: u32| (1..=16_384).contains(&side);
    let sides = sides.filter(|(width, height)| fits(*width) && fits(*height));
    sides.ok_or_else(|| format!("`{text}` is no size such as `1280x720`, with sides from 1 to 16384"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_and_are_not_zero() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["", "2", "s", "0ms", "2m", "1.5s", "99999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_two_sides() {
        assert_eq!(size("1280x720"), Ok((1280, 720)));
        for wrong in ["", "x", "12", "0x5", "5x20000", "-1x5"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
