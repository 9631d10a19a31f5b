//! Panics become words: the text and place of every one reaches the parent, and a handler's fails only its call.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use kinfolk_link::{Conn, at_exit, panic_text};
use kinfolk_protocol::{Kind, PanicInfo};

use crate::orphan;

/// How long a process that is about to end may wait for its parent to read.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

static CONN: OnceLock<Weak<Conn>> = OnceLock::new();

thread_local! {
    /// The last panic of this thread, for whoever catches it: the payload alone does not know its place.
    static LAST: Cell<Option<PanicInfo>> = const { Cell::new(None) };
}

/// Has every panic reported over `conn`, and everything queued written when the process exits by itself.
///
/// # Errors
/// The process has a kinfolk link already, or the C library takes no exit hook.
pub(crate) fn install(conn: &Arc<Conn>) -> std::io::Result<()> {
    if CONN.set(Arc::downgrade(conn)).is_err() {
        return Err(std::io::Error::other("this process has been a kinfolk child before"));
    }
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        before(info);
        report(info);
    }));
    at_exit(flush)
}

extern "C" fn flush() {
    if let Some(conn) = CONN.get().and_then(Weak::upgrade) {
        conn.flush_blocking(FLUSH_LIMIT);
    }
    orphan::end_group_if_orphaned();
}

fn report(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current().name().unwrap_or_default().to_owned();
    let panic = PanicInfo::new(panic_text(info.payload()), location, thread);
    if let Some(conn) = CONN.get().and_then(Weak::upgrade) {
        conn.control(Kind::Panicked, panic.encode());
        if cfg!(panic = "abort") {
            conn.flush_blocking(FLUSH_LIMIT);
        }
    }
    LAST.set(Some(panic));
}

/// The panic that was just caught on this thread, or was caught on another one and carried here.
pub(crate) fn caught(payload: &(dyn Any + Send)) -> PanicInfo {
    if let Some(panic) = payload.downcast_ref::<PanicInfo>() {
        return panic.clone();
    }
    let text = panic_text(payload);
    // The last one of this thread may have been caught by somebody else.
    let last = LAST.take().filter(|last| last.message == text);
    last.unwrap_or_else(|| PanicInfo::new(text, String::new(), String::new()))
}
