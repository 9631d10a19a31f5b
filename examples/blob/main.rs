//! Large blobs from a parent to its child and back: how fast each way is, and how often the bytes are copied.
//!
//! The parent builds pieces, and the child checks each of them; then the child builds pieces, and the parent checks
//! them.
//! The same is done in each way a blob can travel, and a table compares them.
//!
//! ```text
//! cargo run --release --example blob                                  # 1 GiB each way, in pieces of 64 MiB
//! cargo run --release --example blob -- --mib 4096 --piece-mib 100
//! ```
//!
//! It exits with 0 when all pieces arrived as they were built, with 1 if something went wrong.
#![forbid(unsafe_code)]

mod parent;
mod worker;

mod clock;
mod table;

mod bytes;
mod protocol;

use std::process::ExitCode;

/// The child is this executable again, in another role.
fn main() -> ExitCode {
    match kinfolk::child::role().as_deref() {
        Some(protocol::SHARING) => kinfolk::child::main(worker::worker::<true>),
        Some(protocol::KEEPING) => kinfolk::child::main(worker::worker::<false>),
        _ => parent::main(),
    }
}
