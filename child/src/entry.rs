//! How a program becomes a child.

use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use kinfolk_link::{CONNECT_VARIABLE, Conn, Peer, ROLE_VARIABLE, Reader, Socket, Transport, Trust, is_waiting};
use kinfolk_protocol::{Codec, Fault, InitFailed, Kind, Protocol};
use tokio::time::timeout;

use crate::gate::{Admitted, GateError, pass, pass_on};
use crate::me::Me;
use crate::panics;
use crate::runtime::Runtime;

/// What a worker returns.
pub type Result<T = ()> = std::result::Result<T, Fault>;

/// The program was started without a parent (`EX_USAGE` of sysexits.h).
const NO_PARENT: u8 = 64;
/// The handshake failed (`EX_PROTOCOL` of sysexits.h).
const NO_HANDSHAKE: u8 = 76;
/// The worker returned an error.
const FAILED: u8 = 1;
/// What Rust makes of a panic in `main`.
const PANICKED: u8 = 101;
/// What a shell makes of SIGKILL.
const KILLED: u8 = 137;
/// How long a child that leaves waits for its parent to read what it sent.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// The role this process was started to play with `Program::current_exe(role)`, or `None` if it was not started as a
/// child: for a program that is parent and children in one.
///
/// ```no_run
/// # use std::process::ExitCode;
/// # fn digest() -> ExitCode { ExitCode::SUCCESS }
/// # fn parent() -> ExitCode { ExitCode::SUCCESS }
/// fn main() -> ExitCode {
///     match kinfolk_child::role().as_deref() {
///         Some("digest") => digest(), // kinfolk_child::main(digest_worker)
///         _ => parent(),
///     }
/// }
/// ```
#[must_use]
pub fn role() -> Option<String> {
    let started = is_waiting() || std::env::var_os(CONNECT_VARIABLE).is_some();
    if started { std::env::var(ROLE_VARIABLE).ok() } else { None }
}

/// Makes this process the child it was started to be, and runs `worker` on a single-threaded runtime: the whole of a
/// child program's `main`.
///
/// First comes the handshake, before any thread and before the worker; then the init value is there. The exit code is
/// 0 if the worker returns `Ok` after `run`, 1 if it returns an error (printed to stderr) or never ran, 64 if nobody
/// started this program as a
/// child, 76 if the handshake fails.
///
/// # Panics
/// If the worker does: after the parent has been told.
pub fn main<P, F, Fut>(worker: F) -> ExitCode
where
    P: Protocol,
    F: FnOnce(Me<P>) -> Fut,
    Fut: Future<Output = Result>,
{
    let admitted = match pass::<P>() {
        Ok(admitted) => admitted,
        Err(error) => return ExitCode::from(turned_away::<P>(&error)),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ExitCode::from(complain(&Fault::from(error).context("starting the runtime"))),
    };
    let result = runtime.block_on(work(admitted, worker, Home::Process));
    // A computation that ignores its cancel must not keep the process from leaving.
    runtime.shutdown_background();
    result.map_or_else(|panic| resume_unwind(panic), ExitCode::from)
}

/// [`main`] for a child that is no process of its own: what `kinfolk::testing::in_process` is made of. Blocks the
/// thread
/// it is called on until the worker has ended, or `end` has resolved, which drops it and its handlers. Returns what
/// `main` would have; 137, as a shell says of SIGKILL, if `end` came first.
#[must_use]
pub fn host<P, F, Fut>(link: OwnedFd, worker: F, end: impl Future<Output = ()>) -> u8
where
    P: Protocol,
    F: FnOnce(Me<P>) -> Fut,
    Fut: Future<Output = Result>,
{
    let admitted = match pass_on::<P>(link) {
        Ok(admitted) => admitted,
        Err(error) => return turned_away::<P>(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&Fault::from(error).context("starting the runtime")),
    };
    let result = runtime.block_on(async {
        tokio::select! {
            result = work(admitted, worker, Home::Thread) => result,
            () = end => Ok(KILLED),
        }
    });
    runtime.shutdown_background();
    // A process of its own would have ended so.
    result.unwrap_or(PANICKED)
}

/// What a child has to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    /// All of its process: panics are reported wherever they happen, and what is queued is written at the exit.
    Process,
    /// A thread of somebody else's process.
    Thread,
}

/// [`main`] for a program that has a runtime already, such as under `#[tokio::main]`. Call it first: it blocks its
/// thread during the handshake, for 30 s per read at most if the parent is stopped.
///
/// # Panics
/// If the worker does: after the parent has been told.
///
/// # Cancel safety
/// Dropping the future does not stop the handlers: the child serves on until its runtime is shut down, or its parent
/// ends it.
pub async fn enter<P, F, Fut>(worker: F) -> ExitCode
where
    P: Protocol,
    F: FnOnce(Me<P>) -> Fut,
    Fut: Future<Output = Result>,
{
    match pass::<P>() {
        Ok(admitted) => {
            work(admitted, worker, Home::Process).await.map_or_else(|panic| resume_unwind(panic), ExitCode::from)
        }
        Err(error) => ExitCode::from(turned_away::<P>(&error)),
    }
}

/// Runs the worker and says goodbye. A panic of the worker's comes back as the error.
async fn work<P, F, Fut>(admitted: Admitted<P>, worker: F, home: Home) -> std::thread::Result<u8>
where
    P: Protocol,
    F: FnOnce(Me<P>) -> Fut,
    Fut: Future<Output = Result>,
{
    let Admitted { link, name, init, ours, theirs, welcomed, board, .. } = admitted;
    let transport: Arc<dyn Transport> = match Socket::new(link) {
        Ok(socket) => Arc::new(socket),
        Err(error) => return Ok(complain(&Fault::from(error).context("setting up the link"))),
    };
    let reader = Reader::new(Arc::clone(&transport), ours.max_message);
    let conn = Arc::new(Conn::new(transport, Peer::Parent, Trust::Trusted, &ours, &theirs));
    conn.welcome(welcomed);
    if let Some(board) = board {
        // Without it, starts are reported by frames.
        let _ = conn.use_board(&board);
    }
    if home == Home::Process {
        if let Err(error) = panics::install(&conn) {
            return Ok(complain(&Fault::from(error).context("setting up the link")));
        }
    }
    let runtime = Runtime::new(conn);
    let driver = tokio::spawn(Arc::clone(&runtime).drive(reader));
    let me = Me::new(name, init, &runtime);
    // The closure is part of what may panic.
    let result = AssertUnwindSafe(async { worker(me).await }).catch_unwind().await;
    leave(&runtime, &result).await;
    driver.abort();
    result.map(|result| match result {
        Ok(()) if runtime.was_ready() => 0,
        Ok(()) => FAILED,
        Err(fault) => complain(&fault),
    })
}

/// Tells the parent how the initialization failed, if it did, and writes what is left.
async fn leave(runtime: &Runtime, result: &std::thread::Result<Result>) {
    if !runtime.was_ready() {
        let fault = match result {
            Ok(Ok(())) => Fault::new("the program returned before `run`, so it never became ready"),
            Ok(Err(fault)) => fault.clone(),
            Err(panic) => Fault::new(format!("it panicked: {}", panics::caught(&**panic))),
        };
        runtime.conn.control(Kind::InitFailed, InitFailed { fault }.encode());
    }
    runtime.conn.last_grant();
    runtime.conn.close();
    // A parent that does not read for so long is not going to.
    let _ = timeout(FLUSH_LIMIT, runtime.conn.flushed()).await;
    runtime.finish();
}

#[expect(clippy::print_stderr, reason = "the last words of a program go to its stderr")]
fn complain(fault: &Fault) -> u8 {
    eprintln!("Error: {fault:?}");
    FAILED
}

#[expect(clippy::print_stderr, reason = "the last words of a program go to its stderr")]
fn turned_away<P: Protocol>(error: &GateError) -> u8 {
    let program = std::env::args().next().unwrap_or_else(|| "this program".to_owned());
    let (protocol, version, codec) = (P::NAME, P::VERSION, P::Codec::NAME);
    let is = format!("{program} is a kinfolk child program: it speaks protocol `{protocol}` {version} in {codec}");
    if matches!(error, GateError::NoParent) {
        eprintln!("{is}. A parent starts it; to attach it to one by hand, set {CONNECT_VARIABLE} as that parent says.");
        return NO_PARENT;
    }
    eprintln!("{is}. It cannot start: {error}{}.", source(error));
    NO_HANDSHAKE
}

fn source(error: &GateError) -> String {
    match error {
        GateError::Link(cause) | GateError::Ended(cause) | GateError::Watch(cause) => format!(": {cause}"),
        _ => String::new(),
    }
}
