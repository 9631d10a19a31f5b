//! Whether the child is frozen: it is looked at now and then while calls of ours are in flight, and not at all else.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinfolk_link::{Conn, Packed};
use tokio::time::{Sleep, sleep};

use super::Driver;
use crate::lifecycle::Cue;
use crate::process::Process;
use crate::pulse::{Next, Pulse, Signs};
use crate::shared::Shared;
use crate::spec::Terms;

/// Looks after one child, until it is frozen or its link has ended.
pub(super) struct Watch {
    pulse: Pulse,
    conn: Arc<Conn>,
    process: Arc<Process>,
    waiting: Waiting,
    /// Kept while it is not needed, since what waits along with it is polled with every frame.
    timer: Pin<Box<Sleep>>,
}

/// For what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    ForCall,
    ForTimer,
}

impl Watch {
    fn new(limit: Duration, conn: Arc<Conn>, process: Arc<Process>) -> Self {
        conn.rest();
        let timer = Box::pin(sleep(Duration::ZERO));
        Self { pulse: Pulse::new(limit), conn, process, waiting: Waiting::ForCall, timer }
    }

    /// Waits until the child is to be looked at.
    ///
    /// Cancel-safe: the timer goes on, and a call is told of again.
    async fn due(&mut self) {
        match self.waiting {
            Waiting::ForCall => self.conn.in_use().await,
            Waiting::ForTimer => poll_fn(|cx| self.timer.as_mut().poll(cx)).await,
        }
    }

    /// Looks, of course only when it is due. True if the child is frozen.
    fn look(&mut self, frames: u64) -> bool {
        let signs = Signs { frames, beats: self.conn.beats() };
        let in_flight = !self.conn.rest();
        let until = match self.pulse.look(Instant::now(), in_flight, signs, || self.process.vitals()) {
            Next::Frozen => return true,
            Next::Rest { until } => until,
            Next::Ring { until } => {
                self.conn.ring();
                Some(until)
            }
        };
        if let Some(until) = until {
            self.timer.as_mut().reset(until.into());
        }
        self.waiting = if until.is_some() { Waiting::ForTimer } else { Waiting::ForCall };
        false
    }
}

/// Gives the child, with its init value, what its terms say of memory that both sides see. Who is to look after it then,
/// if anybody is.
pub(super) fn share(terms: Terms, conn: &Arc<Conn>, init: &mut Packed, shared: &Shared) -> Option<Watch> {
    if terms.shared_memory {
        conn.share_board(init);
    }
    terms.frozen_after.map(|limit| {
        conn.share_bell(init);
        Watch::new(limit, Arc::clone(conn), Arc::clone(&shared.process))
    })
}

/// Resolves when the child is to be looked at, if it is watched.
pub(super) async fn due(watch: &mut Option<Watch>) {
    match watch {
        Some(watch) => watch.due().await,
        None => std::future::pending().await,
    }
}

impl Driver {
    pub(super) fn look(&mut self) -> Option<Cue> {
        let frozen = self.watch.as_mut()?.look(self.link.frames());
        if frozen {
            // It is told once.
            self.watch = None;
        }
        frozen.then_some(Cue::Frozen)
    }
}
