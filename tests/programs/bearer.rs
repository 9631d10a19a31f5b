//! A child that carries blobs and handles, with `--narrow` one that may be lent next to nothing.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use kinfolk::child;
use kinfolk_tests::bearer;

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--narrow") {
        return child::main(bearer::narrow);
    }
    if std::env::args().any(|arg| arg == "--multi-thread") {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.expect("a runtime").block_on(child::enter(bearer::bearer));
    }
    child::main(bearer::bearer)
}
