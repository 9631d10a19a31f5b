//! The ways a blob can travel, side by side.
#![expect(clippy::print_stdout, reason = "the table is what the example is for")]

use std::time::Duration;

use crate::clock::Times;
use crate::protocol::Built;

/// A way a blob can travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Built where it is read.
    Sealed,
    /// Copied to shared memory, and read there by both.
    Trusted,
    /// Copied to shared memory, and copied out by the parent.
    Untrusted,
    /// Through the socket, behind its message.
    Within,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Sealed, Self::Trusted, Self::Untrusted, Self::Within];

    pub(crate) fn built(self) -> Built {
        if self == Self::Sealed { Built::InPlace } else { Built::Apart }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Sealed => "sealed, built in place",
            Self::Trusted => "lent, by a trusted child",
            Self::Untrusted => "lent, by an untrusted child",
            Self::Within => "within its message",
        }
    }

    /// There and back. A child trusts its parent in any case.
    fn copies(self) -> (u8, u8) {
        match self {
            Self::Sealed => (0, 0),
            Self::Trusted => (1, 1),
            Self::Untrusted => (1, 2),
            Self::Within => (2, 2),
        }
    }
}

/// What it says and what it leaves out.
const LEGEND: &str = "\
there, back  from a call to its answer, less the child's own work in between; in brackets for one piece
building     by both sides: memory is made anew for each piece, and filled
checking     by both sides: each byte is read once, which is the first touch of sealed memory
freeing      by both sides: of what was built, and of what came
in all       all of these together: the bytes there and back, by all of this time
copies       there + back, of each byte, as the code makes them, those into a socket and out of it included
GB           1,000,000,000 bytes; one piece is on its way at a time, and one each way went before the clock started";

/// Prints a row for each way.
pub(crate) fn print(rows: &[(Way, Times)], piece: usize) {
    let names = ["building", "checking", "freeing", "in all"].map(|name| format!("{name:>11}")).concat();
    println!("{:<29}copies {:>21} {:>21}{names}", "way", "there", "back");
    for (way, times) in rows {
        let (there, back) = way.copies();
        let bytes = piece as f64 * f64::from(times.pieces);
        let by_both = [times.building, times.checking, times.freeing, times.in_all()];
        println!(
            "{:<29} {there} + {back} {} {}{}",
            way.words(),
            travelled(bytes, times.there, times.pieces),
            travelled(bytes, times.back, times.pieces),
            by_both.map(|time| format!("{:>11}", speed(2.0 * bytes, time))).concat(),
        );
    }
    println!("\n{LEGEND}");
}

fn travelled(bytes: f64, time: Duration, pieces: u32) -> String {
    let each = format!("({:.1?})", time / pieces.max(1));
    format!("{:>11}{each:>10}", speed(bytes, time))
}

fn speed(bytes: f64, time: Duration) -> String {
    let speed = bytes / time.as_secs_f64() / 1e9;
    // So little time was measured that the number would say nothing.
    if speed < 1_000.0 { format!("{speed:.1} GB/s") } else { "> 999 GB/s".to_owned() }
}
