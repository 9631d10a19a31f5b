//! A long computation in a child: progress on a bar, and a cancel that the child cleans up after.
//!
//! The child counts primes on a thread of its own and writes a table as it goes, into a file that gets its name only
//! when
//! it is whole. Ctrl-C cancels: the child takes the unfinished file away, says so, and is there for the next call.
//!
//! ```text
//! cargo run --release --example progress                                  # press Ctrl-C, or wait some seconds
//! cargo run --release --example progress -- --below 100000000             # less to do
//! cargo run --release --example progress -- --cancel-after-percent 30     # as if somebody had pressed Ctrl-C
//! ```
//!
//! It exits with 0 when the table was written, with 130 when it was cancelled, with 1 if something went wrong.
#![forbid(unsafe_code)]

mod parent;
mod worker;

mod bar;
mod sieve;

mod protocol;

use std::process::ExitCode;

/// The child is this executable again, in another role.
fn main() -> ExitCode {
    match kinfolk::child::role().as_deref() {
        Some("primes") => kinfolk::child::main(worker::worker),
        _ => parent::main(),
    }
}
