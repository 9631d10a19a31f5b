//! Three children joined directly: what one makes for the next does not pass through their parent.
//!
//! `reader` makes numbered blocks, `squeezer` compresses them, `writer` unpacks and checks them and puts each in its
//! place of a file. The parent starts the three, gives them the ends of two links, and watches. Half-way it kills the
//! squeezer; a new one takes its place, the reader sends again what was not acknowledged, and the output is complete.
//!
//! ```text
//! cargo run --release --example pipeline                       # 400 blocks of 256 KiB; a kill half-way
//! cargo run --release --example pipeline -- --no-kill          # the same output
//! cargo run --release --example pipeline -- --kill-after 20
//! cargo run --release --example pipeline -- --slow 100         # a slow writer holds back the reader
//! ```
//!
//! Kill a squeezer by hand, too: its process is told. It exits with 0 if the output is what the reader made, with 1 if
//! something went wrong, with 2 if the arguments make no sense.
#![forbid(unsafe_code)]

mod parent;
mod pipeline;

mod reader;
mod squeezer;
mod writer;

mod block;
mod protocols;

use std::process::ExitCode;

/// Each child is this executable again, in another role.
fn main() -> ExitCode {
    match kinfolk::child::role().as_deref() {
        Some("reader") => kinfolk::child::main(reader::worker),
        Some("squeezer") => kinfolk::child::main(squeezer::worker),
        Some("writer") => kinfolk::child::main(writer::worker),
        _ => parent::main(),
    }
}
