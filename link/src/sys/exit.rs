//! A function that runs when the process exits by itself.

use std::io;

/// Runs `hook` when the process ends by `std::process::exit` or by returning from `main`; not when it is killed or
/// aborts.
///
/// # Errors
/// The C library refuses: no memory for a further hook.
pub fn at_exit(hook: extern "C" fn()) -> io::Result<()> {
    // SAFETY: `atexit` stores the pointer and calls it once on exit; a function item lives for ever, and this one
    // takes no arguments, as the caller's type says.
    if unsafe { libc::atexit(hook) } == 0 {
        Ok(())
    } else {
        Err(io::Error::other("the C library takes no further exit hook"))
    }
}
