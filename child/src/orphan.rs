//! The parent's death: no child outlives it for long, whatever the child is doing, and nor does its group. The thread
//! that watches for it also answers the parent's bell, since nothing that the program does keeps it from that.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use kinfolk_link::{Heart, end_own_group, peer_has_finished, peer_is_gone};

/// How long a child outlives its parent, so that what it is doing can come to an end.
const ORPHAN_GRACE: Duration = Duration::from_millis(500);
/// The watching thread calls two system calls: it needs next to no stack.
const WATCH_STACK: usize = 32 * 1024;

/// The link, to ask it at the exit.
static LINK: OnceLock<OwnedFd> = OnceLock::new();

/// Watches for the parent's death on a thread of its own, so that a program that computes, or blocks its runtime, ends
/// with its parent all the same. Until then the bell is answered, if there is one.
pub(crate) fn watch(link: &OwnedFd, heart: Option<Heart>) -> io::Result<()> {
    let link = LINK.get_or_init({
        let link = link.try_clone()?;
        || link
    });
    let watch = move || {
        let gone = match heart {
            Some(heart) => heart.beat_until_gone(link),
            None => peer_is_gone(link, None).map(drop),
        };
        // An error leaves nothing to watch by; the end of the link still reaches the runtime.
        if gone.is_ok() {
            thread::sleep(ORPHAN_GRACE);
            end_own_group();
        }
    };
    thread::Builder::new().name("kinfolk-watch".to_owned()).stack_size(WATCH_STACK).spawn(watch).map(drop)
}

/// True if the parent has ended its direction of the link.
pub(crate) fn parent_has_finished() -> bool {
    LINK.get().is_some_and(peer_has_finished)
}

/// At the exit of a child whose parent is dead: its group ends with it, since nobody is left to end what it started.
pub(crate) fn end_group_if_orphaned() {
    let orphaned = LINK.get().is_some_and(|link| peer_is_gone(link, Some(Duration::ZERO)).unwrap_or(false));
    if orphaned {
        end_own_group();
    }
}
