//! The task that owns one end of an open port, from its handshake to its end.

mod serving;

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kinfolk_protocol::{Failure, Kind, MessageName};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use self::serving::Serving;
pub(super) use self::serving::{Rejected, Terms};
use super::shared::{Close, Closed, Shared};
use crate::attachments::Packed;
use crate::conn::{Conn, Known, Received};
use crate::error::{LinkError, Misbehaviour};
use crate::reader::{Frame, Reader};

/// The task's state.
struct Driver {
    conn: Arc<Conn>,
    serving: Serving,
    rejected: Option<Rejected>,
    wishes: mpsc::Receiver<Close>,
    told: watch::Sender<Option<Closed>>,
    grace: Duration,
    stage: Stage,
    /// The other end has said its last: all that it had accepted, or that it has read all of ours.
    farewell: bool,
    /// What is to be done before this end leaves.
    leaving: Option<BoxFuture<'static, ()>>,
    /// By when.
    deadline: Option<Instant>,
}

/// How far this end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Messages travel.
    Open,
    /// Nothing new begins; what was begun is finished.
    Leaving,
    /// All that was accepted has been written; the other end is still to say that it has read it.
    Left,
}

/// Everything that can happen to one end of a port.
enum Happening {
    Read(Result<Option<Frame>, LinkError>),
    WriteFailed,
    Close,
    Finished,
    Deadline,
}

/// The end of a link, and what is known of the other end by it.
type Over = (Closed, Known);

/// Starts the task.
pub(super) fn start(
    shared: &Arc<Shared>,
    mut terms: Terms,
    reader: Reader,
    wishes: mpsc::Receiver<Close>,
    told: watch::Sender<Option<Closed>>,
) {
    let driver = Driver {
        conn: Arc::clone(&shared.conn),
        grace: terms.grace,
        rejected: terms.rejected.take(),
        serving: Serving::start(shared, terms),
        wishes,
        told,
        stage: Stage::Open,
        farewell: false,
        leaving: None,
        deadline: None,
    };
    tokio::spawn(driver.run(reader));
}

impl Driver {
    async fn run(mut self, mut reader: Reader) {
        let (closed, known) = self.work(&mut reader).await;
        self.fail_calls(known);
        if closed == Closed::ByPeer {
            self.answer_farewell().await;
        }
        // With the last descriptor, so that the other end need not wait for our handlers.
        self.conn.abort();
        drop(reader);
        self.empty_mailbox().await;
        self.told.send_replace(Some(closed));
    }

    /// Reads and writes until the link is over. Reading never waits for writing.
    async fn work(&mut self, reader: &mut Reader) -> Over {
        let conn = Arc::clone(&self.conn);
        let write = conn.write();
        tokio::pin!(write);
        let mut writing = true;
        loop {
            let happening = tokio::select! {
                biased;
                frame = reader.next() => Happening::Read(frame),
                _ = &mut write, if writing => Happening::WriteFailed,
                _ = self.wishes.recv(), if self.stage == Stage::Open => Happening::Close,
                () = finished(&mut self.leaving) => Happening::Finished,
                () = until(self.deadline) => Happening::Deadline,
            };
            writing &= !matches!(happening, Happening::WriteFailed);
            if let Some(over) = self.take(happening) {
                return over;
            }
        }
    }

    fn take(&mut self, happening: Happening) -> Option<Over> {
        match happening {
            Happening::Read(Ok(Some(frame))) => return self.on_frame(frame),
            Happening::Read(Ok(None)) => return Some((self.at_end(), Known::All)),
            Happening::Read(Err(error)) => return Some(self.on_error(error)),
            // What the other end sent before it went is still to be read.
            Happening::WriteFailed => {
                self.conn.close();
                self.expire();
            }
            Happening::Close => self.leave(),
            Happening::Finished => {
                self.leaving = None;
                self.stage = Stage::Left;
                self.conn.finish();
            }
            Happening::Deadline if self.stage == Stage::Open => return Some((Closed::Lost, Known::Part)),
            Happening::Deadline => return Some((Closed::Cut, Known::Part)),
        }
        None
    }

    fn on_frame(&mut self, frame: Frame) -> Option<Over> {
        let kind = frame.header.kind;
        if kind == Kind::Farewell {
            self.farewell = true;
            return None;
        }
        let received = match self.conn.receive(frame) {
            Ok(received) => received,
            Err(misbehaviour) => return Some((Closed::Misbehaved(misbehaviour), Known::Part)),
        };
        match received {
            Received::Handled => {}
            Received::Rejected { message, failure } => self.on_rejected(message, failure),
            Received::Call(asked) if self.stage == Stage::Open => self.serving.call(&self.conn, asked),
            // It never begins, which its caller sees by the end of the link.
            Received::Call(asked) => self.conn.forget(asked.call),
            Received::Message(letter) if self.stage == Stage::Open => self.serving.message(&self.conn, letter),
            // This end leaves: it counts as not taken.
            Received::Message(_) => {}
            Received::Drain => self.conn.close(),
            _ => {
                let misbehaviour = Misbehaviour::OutOfPlace { kind, when: "over a port" };
                return Some((Closed::Misbehaved(misbehaviour), Known::Part));
            }
        }
        None
    }

    fn on_rejected(&self, message: MessageName, failure: Failure) {
        if let Some(rejected) = &self.rejected {
            // A panic has been told by the program's own hook, and must not end the link.
            let _ = catch_unwind(AssertUnwindSafe(|| rejected(message, failure)));
        }
    }

    /// What it means that nothing more can be read.
    fn at_end(&self) -> Closed {
        match (self.stage, self.farewell) {
            (_, false) => Closed::Lost,
            (Stage::Open, true) => Closed::ByPeer,
            (Stage::Leaving | Stage::Left, true) => Closed::ByUs,
        }
    }

    fn on_error(&self, error: LinkError) -> Over {
        match error {
            LinkError::Misbehaved(misbehaviour) => (Closed::Misbehaved(misbehaviour), Known::Part),
            LinkError::Truncated { .. } => (Closed::Lost, Known::All),
            LinkError::Io(error) => (Closed::Io(error.to_string()), Known::Part),
        }
    }

    /// Waits no longer than the grace from now on.
    fn expire(&mut self) {
        self.deadline = Instant::now().checked_add(self.grace);
    }

    /// Begins to close this end.
    fn leave(&mut self) {
        self.stage = Stage::Leaving;
        self.expire();
        self.conn.close();
        self.conn.control(Kind::Drain, Packed::default());
        let emptied = self.serving.close();
        let conn = Arc::clone(&self.conn);
        self.leaving = Some(Box::pin(async move {
            emptied.await;
            conn.idle().await;
            conn.last_grant();
            conn.flushed().await;
            conn.control(Kind::Farewell, Packed::default());
            conn.flushed().await;
        }));
    }

    /// Whoever waits for anything learns that it is over.
    fn fail_calls(&self, known: Known) {
        self.conn.close();
        self.conn.end_calls(known);
    }

    /// Tells the other end, which waits for it, that all it has written was read.
    async fn answer_farewell(&mut self) {
        self.conn.control(Kind::Farewell, Packed::default());
        tokio::select! {
            () = self.conn.flushed() => {}
            _ = self.conn.write() => {}
            () = sleep(self.grace) => {}
        }
    }

    /// Has the one-way messages handled that have come: without a bound, unless this end is closed.
    async fn empty_mailbox(&mut self) {
        if self.stage == Stage::Open {
            self.deadline = None;
            self.leaving = Some(self.serving.close());
        }
        let mut asked = self.stage != Stage::Open;
        while self.leaving.is_some() {
            tokio::select! {
                biased;
                () = finished(&mut self.leaving) => self.leaving = None,
                _ = self.wishes.recv(), if !asked => {
                    asked = true;
                    self.expire();
                }
                // Dropping it ends the handler at its next `await`.
                () = until(self.deadline) => self.leaving = None,
            }
        }
    }
}

impl Drop for Driver {
    /// Without its task nothing is read or written: the runtime is shut down, or it is all over anyway.
    fn drop(&mut self) {
        self.fail_calls(Known::Part);
        self.conn.abort();
        self.told.send_if_modified(|told| {
            let untold = told.is_none();
            told.get_or_insert(Closed::Cut);
            untold
        });
    }
}

/// Resolves when there is something and it has finished.
async fn finished(leaving: &mut Option<BoxFuture<'static, ()>>) {
    match leaving {
        Some(leaving) => leaving.await,
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
