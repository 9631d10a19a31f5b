//! Offloads intense work to named children of three different kinds, all roles of this one executable.
//!
//! The parent lists a directory. `digest` computes SHA-256 sums, `squeeze` measures how well the files compress, and
//! `count` counts lines and words by language. Only paths and results travel: the children read the files.
//!
//! ```text
//! cargo run --release --example offload            # this repository
//! cargo run --release --example offload -- ~/src   # another directory
//! ```
//!
//! It exits with 0 when the report is printed, although files may have been skipped; with 1 if the directory cannot be
//! read or a child ended before its time; with 2 if the arguments make no sense.
#![forbid(unsafe_code)]

mod offload;
mod parent;

mod count;
mod digest;
mod squeeze;

mod progress;
mod report;
mod summary;

mod language;
mod protocols;
mod reading;
mod walk;

use std::process::ExitCode;

/// The same executable plays four parts. A child must not get as far as the parent's code, so the role comes first.
fn main() -> ExitCode {
    match kinfolk::child::role().as_deref() {
        Some("digest") => kinfolk::child::main(digest::worker),
        Some("squeeze") => kinfolk::child::main(squeeze::worker),
        Some("count") => kinfolk::child::main(count::worker),
        _ => parent::main(),
    }
}
