//! The task that owns one child, from its spawn to its exit report.
//!
//! Everything that can happen to a child is a [`Happening`]. What it means for its life is decided by the
//! [`Lifecycle`]; this file carries it out.

mod ending;
mod link;
mod outputs;
mod received;
mod waits;
mod watching;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use kinfolk_link::{Conn, Known, Letter, Misbehaviour, Packed, Peer, Signal};
use kinfolk_protocol::{ENTRY_LEN, Expected, Fault, Hello, Init, Kind, Limits, PanicInfo, Refusal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use self::link::LinkEvent;
pub(crate) use self::link::LinkSide;
pub(crate) use self::outputs::Outputs;
use self::waits::{dropped, emptied, failed, overdue, until};
use self::watching::{Watch, due, share};
use crate::error::{StartError, Step};
use crate::event::{ChildEvent, Disconnected, Output};
use crate::handlers::{Handlers, deliver};
use crate::lifecycle::{Action, Cue, Lifecycle, Patience};
use crate::process::Process;
use crate::report::Why;
use crate::shared::{Shared, Wish};
use crate::spec::Terms;

/// A link and a process that have found each other.
pub(crate) struct Joined {
    pub(crate) process: Process,
    pub(crate) link: LinkSide,
    pub(crate) outputs: Outputs,
}

/// What a driver begins with.
pub(crate) struct Beginning {
    pub(crate) shared: Arc<Shared>,
    pub(crate) link: LinkSide,
    pub(crate) outputs: Outputs,
    pub(crate) handlers: Arc<Handlers>,
    pub(crate) terms: Terms,
    pub(crate) patience: Patience,
    pub(crate) terminate: Signal,
    pub(crate) ours: Limits,
    pub(crate) expected: Expected,
    /// The init value, encoded.
    pub(crate) init: Packed,
    /// Frees the name.
    pub(crate) on_end: Box<dyn FnOnce() + Send>,
}

/// The task's state.
struct Driver {
    shared: Arc<Shared>,
    lifecycle: Lifecycle,
    patience: Patience,
    link: LinkSide,
    /// The writing half, once there is something to write.
    writing: Option<BoxFuture<'static, io::Error>>,
    outputs: Outputs,
    inbox: Inbox,
    handlers: Arc<Handlers>,
    wishes: watch::Receiver<Wish>,
    starting: Option<Starting>,
    terminate: Signal,
    /// Once the child has said hello, if it is to be judged.
    watch: Option<Watch>,
    /// How the link ended, once it has.
    end: Option<Disconnected>,
    /// True once `Disconnected` was told.
    told: bool,
    panic: Option<PanicInfo>,
    /// Calls that were told that the link has ended before the process had.
    in_flight: usize,
    /// Frees the name; gone once everything is over.
    on_end: Option<Box<dyn FnOnce() + Send>>,
}

/// What only matters until the child is ready.
struct Starting {
    result: oneshot::Sender<Result<(), StartError>>,
    step: Step,
    ours: Limits,
    expected: Expected,
    init: Packed,
    terms: Terms,
    /// Why the child will not become ready.
    failure: Option<StartFailure>,
}

/// Why a start failed, before the exit report is there.
enum StartFailure {
    Refused(Refusal),
    InitFailed(Fault),
    InitTooLong { bytes: usize, max: u32 },
    Misbehaved(Misbehaviour),
}

/// The child's one-way messages on their way to their handlers.
struct Inbox {
    /// Gone once the link has ended.
    letters: Option<mpsc::UnboundedSender<Letter>>,
    /// Gone once all have been handled.
    task: Option<JoinHandle<()>>,
}

/// Everything that can happen to a child.
enum Happening {
    Link(LinkEvent),
    WriteFailed,
    Exited,
    Wish(Wish),
    StartDropped,
    CancelIgnored,
    Output(Output, String),
    InboxEmptied,
    LookDue,
    Deadline,
}

/// Starts the task that owns a child; the receiver learns whether it became ready.
pub(crate) fn start(beginning: Beginning) -> oneshot::Receiver<Result<(), StartError>> {
    let (result, started) = oneshot::channel();
    let Beginning { shared, link, outputs, handlers, patience, terminate, on_end, .. } = beginning;
    let Beginning { ours, expected, init, terms, .. } = beginning;
    #[expect(clippy::disallowed_methods, reason = "the window of one-way messages bounds it")]
    let (letters, received) = mpsc::unbounded_channel();
    let task = tokio::spawn(deliver(Arc::clone(&handlers), Arc::clone(&shared), received));
    let mut wishes = shared.wish.subscribe();
    // A wish may be older than this task: the parent's `shutdown` sees a child before its driver runs.
    wishes.mark_changed();
    let driver = Driver {
        lifecycle: Lifecycle::new(patience, Instant::now()),
        patience,
        link,
        writing: None,
        outputs,
        inbox: Inbox { letters: Some(letters), task: Some(task) },
        handlers,
        wishes,
        starting: Some(Starting { result, step: Step::Handshake, ours, expected, init, terms, failure: None }),
        terminate,
        watch: None,
        end: None,
        told: false,
        panic: None,
        in_flight: 0,
        on_end: Some(on_end),
        shared,
    };
    tokio::spawn(driver.run());
    started
}

impl Driver {
    async fn run(mut self) {
        self.shared.push(ChildEvent::Spawned { pid: self.shared.process.pid() });
        let gave_up = loop {
            let happening = self.next().await;
            let Some(cue) = self.take(happening) else { continue };
            match self.lifecycle.on(cue, Instant::now()) {
                Some(Action::Finish) => break false,
                Some(Action::GiveUp) => break true,
                Some(action) => self.act(action),
                None => {}
            }
        };
        self.finish(gave_up).await;
    }

    /// Waits for whatever happens next. What the child sent is taken first, so that it is dealt with before its end.
    async fn next(&mut self) -> Happening {
        let deadline = self.lifecycle.next_deadline();
        tokio::select! {
            biased;
            event = self.link.next() => Happening::Link(event),
            () = failed(&mut self.writing) => Happening::WriteFailed,
            () = self.shared.process.ended() => Happening::Exited,
            // The sender lives in `shared`.
            Ok(()) = self.wishes.changed() => Happening::Wish(*self.wishes.borrow_and_update()),
            () = dropped(&mut self.starting) => Happening::StartDropped,
            () = overdue(&self.shared) => Happening::CancelIgnored,
            () = emptied(&mut self.inbox.task) => Happening::InboxEmptied,
            () = until(deadline) => Happening::Deadline,
            () = due(&mut self.watch) => Happening::LookDue,
            // Last: a child that prints without end must not hold up anything else.
            (stream, line) = self.outputs.next() => Happening::Output(stream, line),
        }
    }

    /// Takes note of what happened and says what it means for the child's life.
    fn take(&mut self, happening: Happening) -> Option<Cue> {
        match happening {
            Happening::Link(event) => self.on_link(event),
            Happening::WriteFailed => {
                // Nothing can be sent any more; what the child sent before is still read.
                if let Some(conn) = self.shared.conn.get() {
                    conn.close();
                }
                Some(Cue::LinkEnded)
            }
            Happening::Exited => Some(Cue::Exited),
            Happening::Wish(Wish::Stay) => None,
            Happening::Wish(Wish::Disconnect) => Some(Cue::Disconnect),
            Happening::Wish(Wish::Shutdown) => Some(Cue::Shutdown),
            Happening::Wish(Wish::DropStart) => Some(Cue::Kill(Why::StartDropped)),
            Happening::CancelIgnored => Some(Cue::Kill(Why::CancelIgnored)),
            Happening::Wish(Wish::Kill(why)) => Some(Cue::Kill(why)),
            Happening::Wish(Wish::Abandon) => Some(Cue::Kill(Why::ParentDropped)),
            Happening::StartDropped => {
                // Told once: nobody waits for its result any more.
                self.starting = None;
                Some(Cue::Kill(Why::StartDropped))
            }
            Happening::Output(stream, line) => {
                self.on_output(stream, line);
                None
            }
            Happening::InboxEmptied => {
                self.disconnected();
                None
            }
            Happening::LookDue => self.look(),
            Happening::Deadline => Some(Cue::Deadline),
        }
    }

    fn on_output(&mut self, stream: Output, line: String) {
        self.outputs.keep(stream, &line);
        self.shared.push(ChildEvent::Output { stream, line });
    }

    fn on_link(&mut self, event: LinkEvent) -> Option<Cue> {
        match event {
            LinkEvent::Hello(hello) => self.on_hello(&hello),
            LinkEvent::Received(received) => self.on_received(received),
            LinkEvent::Ended(how) => Some(self.on_link_end(how)),
            LinkEvent::Handled => None,
        }
    }

    /// Answers a hello. The parent writes nothing before it has seen a valid one.
    fn on_hello(&mut self, hello: &Hello) -> Option<Cue> {
        let starting = self.starting.as_mut()?;
        let peer = Peer::Child(self.shared.name.clone());
        let conn =
            Arc::new(Conn::new(self.link.transport(), peer, starting.terms.trust, &starting.ours, &hello.limits));
        let writer = Arc::clone(&conn);
        self.writing = Some(Box::pin(async move { writer.write().await }));
        self.link.open(Arc::clone(&conn));
        let max = hello.limits.max_message;
        let mut payload = std::mem::take(&mut starting.init);
        let bytes = payload.len();
        let (limits, version) = (starting.ours, starting.expected.version);
        let (name, welcomed) = (self.shared.name.to_string(), self.handlers.welcomed());
        payload.wrap(|value| Init { limits, version, name, value, welcomed }.encode());
        let failure = match starting.expected.check(hello) {
            // The board and the bell take entries of their own.
            Ok(()) if payload.len() + 2 * ENTRY_LEN <= max as usize => None,
            Ok(()) => Some(StartFailure::InitTooLong { bytes, max }),
            Err(refusal) => Some(StartFailure::Refused(refusal)),
        };
        starting.step = Step::Init;
        match failure {
            None => {
                self.watch = share(starting.terms, &conn, &mut payload, &self.shared);
                conn.open(Kind::Init, payload);
            }
            Some(failure) => {
                conn.open(Kind::Refuse, failure.sentence().into_bytes());
                starting.failure = Some(failure);
                return Some(Cue::Failed);
            }
        }
        // The link opens once, so the place is free.
        let _ = self.shared.conn.set(conn);
        Some(Cue::Hello)
    }

    fn on_link_end(&mut self, how: Disconnected) -> Cue {
        self.inbox.letters = None;
        self.watch = None;
        let cue = match &how {
            Disconnected::Misbehaved(misbehaviour) => {
                if let Some(starting) = &mut self.starting {
                    // What came first says more: a refused child may do anything.
                    starting.failure.get_or_insert_with(|| StartFailure::Misbehaved(misbehaviour.clone()));
                }
                self.link.transport().abort();
                Cue::Misbehaved
            }
            _ => Cue::LinkEnded,
        };
        // The first reason holds: cutting a link ends it once more.
        self.end.get_or_insert(how);
        if let Some(conn) = self.shared.conn.get() {
            conn.close();
        }
        cue
    }

    fn act(&mut self, action: Action) {
        let conn = self.shared.conn.get();
        match (action, conn) {
            (Action::Drain, Some(conn)) => {
                conn.close();
                conn.control(Kind::Drain, Packed::default());
            }
            (Action::CutLink, Some(conn)) => {
                self.end.get_or_insert(Disconnected::Cut);
                self.inbox.letters = None;
                // Our direction only: if both ended, the child would take its parent for dead.
                conn.finish();
            }
            (Action::FailCalls, Some(conn)) => {
                self.in_flight = conn.in_flight();
                conn.end_calls(Known::Part);
            }
            (Action::Terminate, _) => self.shared.process.signal(self.terminate),
            (Action::Kill, _) => self.shared.process.signal(Signal::KILL),
            // Without a hello there is no link to act on; finishing is not done here.
            (Action::Drain | Action::CutLink | Action::FailCalls | Action::Finish | Action::GiveUp, _) => {}
        }
    }
}

impl StartFailure {
    /// For the child's own error message.
    fn sentence(&self) -> String {
        match self {
            Self::Refused(refusal) => refusal.to_string(),
            Self::InitTooLong { bytes, max } => format!("its init value has {bytes} bytes, it takes {max}"),
            Self::InitFailed(fault) => fault.to_string(),
            Self::Misbehaved(misbehaviour) => misbehaviour.to_string(),
        }
    }
}
