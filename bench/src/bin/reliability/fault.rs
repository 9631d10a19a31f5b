//! What may go wrong in a child, and when: raised by the child itself.

use std::hint::black_box;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getpid, kill_process, setrlimit};
use serde::{Deserialize, Serialize};

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    ExecFail,
    BeforeHello,
    HalfHello,
    Init,
    Idle,
    HalfRequest,
    Decode,
    Handler,
    Encode,
    HalfReply,
    AfterReply,
    Drain,
    OnCancel,
    AtExit,
}

/// What.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fault {
    Kill,
    Segv,
    Abort,
    ExitZero,
    ExitOne,
    Panic,
    /// The link, in both directions, while the process stays.
    Close,
    /// Bytes on the link that mean nothing, while the process stays.
    Garbage,
    Stop,
    OutOfMemory,
}

impl Stage {
    pub(crate) const ALL: [Self; 14] = [
        Self::ExecFail,
        Self::BeforeHello,
        Self::HalfHello,
        Self::Init,
        Self::Idle,
        Self::HalfRequest,
        Self::Decode,
        Self::Handler,
        Self::Encode,
        Self::HalfReply,
        Self::AfterReply,
        Self::Drain,
        Self::OnCancel,
        Self::AtExit,
    ];
}

impl Fault {
    pub(crate) const ALL: [Self; 10] = [
        Self::Kill,
        Self::Segv,
        Self::Abort,
        Self::ExitZero,
        Self::ExitOne,
        Self::Panic,
        Self::Close,
        Self::Garbage,
        Self::Stop,
        Self::OutOfMemory,
    ];
}

/// The link of a child that is to break it, by a descriptor of its own.
static LINK: OnceLock<UnixStream> = OnceLock::new();

/// A second way to the link, while it is still descriptor 0. A core of a child that crashes is of use to nobody.
pub(crate) fn prepare() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    let link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let _ = LINK.set(link);
    Ok(())
}

/// True in a child that was [`prepare`]d.
pub(crate) fn is_child() -> bool {
    LINK.get().is_some()
}

/// Has it happen, to this process and here. Returns from a stop that is continued only.
///
/// # Panics
/// If that is what is to happen.
pub(crate) fn raise(fault: Fault) {
    match fault {
        Fault::Kill => signal(Signal::KILL),
        Fault::Segv => crash(),
        Fault::Abort => std::process::abort(),
        Fault::ExitZero => std::process::exit(0),
        Fault::ExitOne => std::process::exit(1),
        Fault::Panic => panic!("it was to panic"),
        Fault::Close => {
            drop(LINK.get().map(|link| link.shutdown(Shutdown::Both)));
            stay();
        }
        Fault::Garbage => {
            // A link that is gone already takes none.
            drop(LINK.get().map(|mut link| link.write_all(&[0xff; 4_096])));
            stay();
        }
        Fault::Stop => signal(Signal::STOP),
        Fault::OutOfMemory => exhaust(),
    }
}

fn signal(signal: Signal) {
    // To itself a process may send any.
    let _ = kill_process(getpid(), signal);
}

/// Rust's own handler looks for a fault of memory first, finds none, and lets the next one through.
fn crash() -> ! {
    loop {
        signal(Signal::SEGV);
        thread::sleep(Duration::from_millis(1));
    }
}

fn stay() -> ! {
    loop {
        thread::park();
    }
}

/// Asks for more memory than the limit leaves: the allocator gives up, and Rust aborts.
fn exhaust() {
    let _ = setrlimit(Resource::As, Rlimit { current: Some(1 << 20), maximum: Some(1 << 20) });
    for _ in 0..1_024 {
        let block: Vec<u8> = Vec::with_capacity(64 << 20);
        std::mem::forget(black_box(block));
    }
}
