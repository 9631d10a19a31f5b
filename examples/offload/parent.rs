//! The parent as a program: its arguments, its exit code, and what it says when there is no report.
#![expect(clippy::print_stderr, reason = "errors go where a user looks for them")]

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use kinfolk::parent::{CallError, ExitReport, StartError};
use thiserror::Error;

use crate::offload::offload;
use crate::protocols::FileError;
use crate::walk::{WalkError, walk};

/// Digests, compresses and counts the files of a directory in three child processes.
#[derive(Debug, Parser)]
struct Arguments {
    /// The directory. By default the package that `cargo run` was called for, or else the current directory.
    dir: Option<PathBuf>,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// There is nothing to do.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// There is nobody to do it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A child ended before it was told to.
    #[error("child `{}` ended during the run: {}", .0.child, .0)]
    Ended(Arc<ExitReport>),
    /// A call ended in a way that is not about its file, or its child did.
    #[error("the run stopped at {file:?}")]
    Call {
        /// Whose result was waited for.
        file: OsString,
        /// What happened instead.
        source: Box<CallError<FileError>>,
    },
    /// The system lacks something.
    #[error("the runtime could not be started")]
    Runtime(#[source] io::Error),
    /// Nobody can read it.
    #[error("the report could not be printed")]
    Print(#[source] io::Error),
}

/// What runs where there is no role.
pub(crate) fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", chain(&failure));
            ExitCode::FAILURE
        }
    }
}

fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let dir = arguments.dir.or_else(|| std::env::var_os("CARGO_MANIFEST_DIR").map(Into::into));
    let tree = walk(&dir.unwrap_or_else(|| ".".into()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let text = runtime.block_on(offload(tree))?;
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough, as `| head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::Print),
    }
}
