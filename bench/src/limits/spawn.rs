//! Starting a limit's child: the same executable again, one end of a socketpair as its standard input.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitCode, Stdio};

use super::{blocking, shared, tokio_uds, two_lanes};

/// Names the kind of child this process is. An argument would have to pass the command line parser first.
const ROLE: &str = "KINFOLK_BENCH_LIMIT";
const BLOCKING: &str = "socketpair";
const TOKIO: &str = "tokio-stream";
const TWO_LANES: &str = "two-lanes";
const SHARED: &str = "shared-memory";

/// Runs the limit's child this process was started as, if it was.
pub(crate) fn child_main() -> Option<ExitCode> {
    let role = std::env::var(ROLE).ok()?;
    let run = || match role.as_str() {
        BLOCKING => blocking::serve(inherited()?),
        TOKIO => tokio_uds::serve(inherited()?),
        TWO_LANES => two_lanes::serve(inherited()?),
        SHARED => shared::serve(&inherited()?.into()),
        _ => Err(io::Error::other("no such limit")),
    };
    Some(if run().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the blocking child with std's `Command`.
pub(super) fn std_command() -> io::Result<(UnixStream, Child)> {
    command(BLOCKING)
}

/// Starts the child with two lanes in the same way.
pub(super) fn two_lanes_command() -> io::Result<(UnixStream, Child)> {
    command(TWO_LANES)
}

/// Starts the child that maps `memory`.
pub(super) fn shared_command(memory: OwnedFd) -> io::Result<Child> {
    start(SHARED, memory)
}

fn command(role: &str) -> io::Result<(UnixStream, Child)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((ours, start(role, theirs.into())?))
}

#[expect(clippy::disallowed_methods, reason = "the limit must not pass through the code it is the limit of")]
fn start(role: &str, inherited: OwnedFd) -> io::Result<Child> {
    Command::new(std::env::current_exe()?).env(ROLE, role).stdin(Stdio::from(inherited)).spawn()
}

/// Starts the tokio child with tokio's `Command`.
pub(super) fn tokio_command() -> io::Result<(UnixStream, tokio::process::Child)> {
    let (ours, theirs) = UnixStream::pair()?;
    let child = tokio::process::Command::new(std::env::current_exe()?)
        .env(ROLE, TOKIO)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .kill_on_drop(true)
        .spawn()?;
    Ok((ours, child))
}

/// The parent's socket. A duplicate, because standard input cannot be taken; the end of the stream reaches both.
fn inherited() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}
