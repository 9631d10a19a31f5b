//! What a child's handles, its requests and its driver share.

use std::any::TypeId;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use kinfolk_link::{Conn, Signal, lock};
use kinfolk_protocol::{CallId, ChildName, Protocol};
use tokio::sync::{Notify, watch};

use crate::condemned::Condemned;
use crate::event::ChildEvent;
use crate::log::Log;
use crate::process::Process;
use crate::report::{ExitReport, Why};

/// What is wanted of a child. Each is more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Stay,
    Disconnect,
    Shutdown,
    /// Nobody waits for its start any more.
    DropStart,
    Kill(Why),
    /// The `Parent` was dropped.
    Abandon,
}

impl Wish {
    fn rank(self) -> u8 {
        match self {
            Self::Stay => 0,
            Self::Disconnect => 1,
            Self::Shutdown => 2,
            Self::DropStart => 3,
            Self::Kill(_) => 4,
            Self::Abandon => 5,
        }
    }
}

/// Which protocol a child speaks, with its type hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProtocolTag {
    pub(crate) name: &'static str,
    id: TypeId,
}

impl ProtocolTag {
    pub(crate) fn of<P: Protocol>() -> Self {
        Self { name: P::NAME, id: TypeId::of::<P>() }
    }
}

pub(crate) struct Shared {
    pub(crate) name: ChildName,
    pub(crate) protocol: ProtocolTag,
    pub(crate) process: Arc<Process>,
    pub(crate) spawned: Instant,
    /// Once the child has said hello.
    pub(crate) conn: OnceLock<Arc<Conn>>,
    ready: AtomicBool,
    pub(crate) log: Mutex<Log>,
    pub(crate) wish: watch::Sender<Wish>,
    pub(crate) condemned: Mutex<Condemned>,
    /// The driver is to look at them again.
    pub(crate) sentenced: Notify,
    /// Told whenever one of them is pardoned.
    pub(crate) on_pardon: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Set before open calls are told that they are lost.
    pub(crate) report: OnceLock<Arc<ExitReport>>,
    /// True after `Exited`.
    pub(crate) ended: watch::Sender<bool>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).field("process", &self.process).finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(name: ChildName, protocol: ProtocolTag, process: Arc<Process>) -> Self {
        Self {
            name,
            protocol,
            process,
            spawned: Instant::now(),
            conn: OnceLock::new(),
            ready: AtomicBool::new(false),
            log: Mutex::default(),
            wish: watch::Sender::new(Wish::Stay),
            condemned: Mutex::default(),
            sentenced: Notify::new(),
            on_pardon: OnceLock::new(),
            report: OnceLock::new(),
            ended: watch::Sender::new(false),
        }
    }

    pub(crate) fn push(&self, event: ChildEvent) {
        lock(&self.log).push(event);
    }

    pub(crate) fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
        self.push(ChildEvent::Ready);
    }

    /// True from READY on: handles may be given out.
    pub(crate) fn was_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// True if anybody here wants it to end, or its link.
    pub(crate) fn is_unwanted(&self) -> bool {
        *self.wish.borrow() != Wish::Stay
    }

    /// Raises the wish; one that is no higher changes nothing, so the first reason for a kill holds.
    pub(crate) fn wish(&self, wish: Wish) {
        self.wish.send_if_modified(|known| {
            let more = wish.rank() > known.rank();
            if more {
                *known = wish;
            }
            more
        });
    }

    /// Wishes the child killed, for this reason.
    pub(crate) fn end(&self, why: Why) {
        self.wish(Wish::Kill(why));
    }

    /// The handler of a call that was given up has until `end`; for ever if there is none.
    pub(crate) fn condemn(&self, call: CallId, end: Option<Instant>) {
        if let Some(end) = end {
            lock(&self.condemned).add(call, end);
            self.sentenced.notify_one();
        }
    }

    /// The handler of a call that was given up has ended, or never begins.
    pub(crate) fn pardon(&self, call: CallId) {
        lock(&self.condemned).pardon(call);
        self.sentenced.notify_one();
        if let Some(told) = self.on_pardon.get() {
            told();
        }
    }

    /// How many handlers may be at work for calls that were given up by force.
    pub(crate) fn owed(&self) -> usize {
        lock(&self.condemned).len()
    }

    /// Ends the process without a runtime: the `Parent` is dropped.
    pub(crate) fn kill_now(&self) {
        self.process.signal(Signal::KILL);
        self.wish(Wish::Abandon);
    }

    /// Waits until everything is over.
    pub(crate) async fn until_ended(&self) -> Arc<ExitReport> {
        // The sender lives in `self`, so the wait can only end by the value.
        let _ = self.ended.subscribe().wait_for(|ended| *ended).await;
        Arc::clone(self.report.get().expect("the driver sets the report before it says that the child has ended"))
    }
}

#[cfg(test)]
mod tests {
    use kinfolk_protocol::{Bincode, Version};

    use super::*;

    enum Any {}
    impl Protocol for Any {
        const NAME: &'static str = "any";
        const VERSION: Version = Version::new(1, 0);
        type Init = ();
        type Codec = Bincode;
    }

    #[tokio::test]
    async fn a_wish_is_only_raised_and_the_first_reason_for_a_kill_holds() {
        let process = Arc::new(Process::attached(std::process::id()).unwrap());
        let shared = Shared::new(ChildName::new("any").unwrap(), ProtocolTag::of::<Any>(), process);
        let wishes = [
            (Wish::Shutdown, Wish::Shutdown),
            (Wish::Disconnect, Wish::Shutdown),
            (Wish::DropStart, Wish::DropStart),
            (Wish::Kill(Why::Frozen), Wish::Kill(Why::Frozen)),
            (Wish::Kill(Why::Killed), Wish::Kill(Why::Frozen)),
            (Wish::Shutdown, Wish::Kill(Why::Frozen)),
            (Wish::Abandon, Wish::Abandon),
            (Wish::Kill(Why::Killed), Wish::Abandon),
        ];
        for (wish, known) in wishes {
            shared.wish(wish);
            assert_eq!(*shared.wish.borrow(), known);
        }
        shared.end(Why::Frozen);
        assert_eq!(*shared.wish.borrow(), Wish::Abandon);
    }
}
