//! A pool that renders a picture in tiles, while its workers are killed all the time.
//!
//! The scene is traced by as many children as there are processors. Several times a second one of them is killed, as
//! `kill -9` does it. A tile that was lost with its worker is rendered again by another: it is the same then, since its
//! random numbers come from its place. So the picture is complete, and it is the one of a run without kills.
//!
//! ```text
//! cargo run --release --example crunch                          # some ten seconds on two processors
//! cargo run --release --example crunch -- --verify              # and once more without kills, to compare
//! cargo run --release --example crunch -- --kill-every 50ms --size 640x360 --samples 16
//! cargo run --release --example crunch -- --no-kills --out /tmp/spheres.png
//! ```
//!
//! It exits with 0 when the picture is there and, with `--verify`, the same both times; with 1 if something went wrong;
//! with 2 if the arguments make no sense.
#![forbid(unsafe_code)]

mod crunch;
mod nemesis;
mod options;
mod parent;
mod worker;

mod bar;
mod picture;

mod scene;
mod tracing;

mod protocol;
mod random;
mod vector;

use std::process::ExitCode;

/// A worker is this executable again, in another role.
fn main() -> ExitCode {
    match kinfolk::child::role().as_deref() {
        Some("tracer") => kinfolk::child::main(worker::worker),
        _ => parent::main(),
    }
}
