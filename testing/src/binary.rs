//! Programs of the workspace, as a test finds them.

use std::env;

use kinfolk_parent::Program;

/// The binary `name` of the workspace the test belongs to.
///
/// Cargo tells a test only of binaries of its own package (`CARGO_BIN_EXE_…`, at compile time); those of other packages
/// lie beside the test once they were built. `cargo test --workspace` builds them; `cargo test -p one-package` does
/// not,
/// and then the start says what is missing and where it was looked for: `cargo build --bin name` builds it.
#[must_use]
pub fn bin(name: &str) -> Program {
    // Some test runners set it at run time.
    match env::var_os(format!("CARGO_BIN_EXE_{name}")) {
        Some(path) => Program::path(path),
        None => Program::sibling(name),
    }
}
