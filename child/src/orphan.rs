//! The parent's death: no child outlives it for long, whatever the child is doing, and nor does its group. The thread
//! that watches for it also answers the parent's bell, since nothing that the program does keeps it from that.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use kinfolk_link::{Heart, end_own_group, peer_has_finished, peer_is_gone, peer_process, process_has_ended};

/// How long a child outlives its parent, so that what it is doing can come to an end.
const ORPHAN_GRACE: Duration = Duration::from_millis(500);
/// The watching thread calls a few system calls: it needs next to no stack.
const WATCH_STACK: usize = 32 * 1024;

/// What tells that the parent is dead, also to ask it at the exit.
static WATCHED: OnceLock<Watched> = OnceLock::new();

/// The parent, as far as it can be seen from here.
struct Watched {
    link: OwnedFd,
    /// Its process. Without it the link has to do, whose end may also mean that a parent that lives has cut it.
    process: Option<OwnedFd>,
}

impl Watched {
    fn new(link: &OwnedFd) -> io::Result<Self> {
        let link = link.try_clone()?;
        let process = peer_process(&link).unwrap_or_default();
        Ok(Self { link, process })
    }

    /// Blocks until the parent has ended its link, for at most `link`, and then until its process has ended, for at
    /// most `process`. True if both have. Who holds the other end is the parent, also if another process made it.
    fn is_dead(&self, link: Option<Duration>, process: Option<Duration>) -> io::Result<bool> {
        let gone = peer_is_gone(&self.link, link)?;
        match &self.process {
            Some(parent) if gone => process_has_ended(parent, process),
            _ => Ok(gone),
        }
    }
}

/// Watches for the parent's death on a thread of its own, so that a program that computes, or blocks its runtime, ends
/// with its parent all the same. Until then the bell is answered, if there is one.
pub(crate) fn watch(link: &OwnedFd, heart: Option<Heart>) -> io::Result<()> {
    let watched = WATCHED.get_or_init({
        let watched = Watched::new(link)?;
        || watched
    });
    let watch = move || {
        // A parent whose link has ended asks no more.
        let beaten = heart.map_or(Ok(()), |heart| heart.beat_until_gone(&watched.link));
        // An error leaves nothing to watch by; the end of the link still reaches the runtime.
        if beaten.is_ok() && watched.is_dead(None, None).is_ok() {
            thread::sleep(ORPHAN_GRACE);
            end_own_group();
        }
    };
    thread::Builder::new().name("kinfolk-watch".to_owned()).stack_size(WATCH_STACK).spawn(watch).map(drop)
}

/// True if the parent has ended its direction of the link.
pub(crate) fn parent_has_finished() -> bool {
    WATCHED.get().is_some_and(|watched| peer_has_finished(&watched.link))
}

/// At the exit of a child whose parent is dead: its group ends with it, since nobody is left to end what it started.
pub(crate) fn end_group_if_orphaned() {
    // The link of a process that dies ends before the process does.
    let limits = (Some(Duration::ZERO), Some(ORPHAN_GRACE));
    let orphaned = |watched: &Watched| watched.is_dead(limits.0, limits.1).unwrap_or(false);
    if WATCHED.get().is_some_and(orphaned) {
        end_own_group();
    }
}
