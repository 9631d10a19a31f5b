//! A call on its way through a pool: whatever becomes of its future, the pool knows.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kinfolk_protocol::Protocol;
use tokio::sync::oneshot;

use super::core::{Ask, Charge, End, Fingerprint, Next, Ticket, WorkerId};
use super::inner::{Grant, Inner, State};
use super::refusal::Refusal;
use crate::child::Child;

/// A call that was let in. Dropping it gives back whatever it has.
pub(crate) struct Journey<P: Protocol> {
    inner: Arc<Inner<P>>,
    ticket: Ticket,
    ask: Ask,
    stage: Stage<P>,
}

enum Stage<P: Protocol> {
    Waiting(oneshot::Receiver<Result<Grant<P>, Refusal>>),
    Granted(Grant<P>),
    /// Between two attempts.
    Resting,
    Over,
}

impl<P: Protocol> Journey<P> {
    /// Takes a place, or a child at once.
    pub(crate) fn begin(inner: &Arc<Inner<P>>, ask: Ask) -> Result<Self, Refusal> {
        let (ticket, stage) = inner.with(|state, now| {
            let (ticket, worker) = state.core.enter(&ask, now)?;
            Ok((ticket, Stage::of(state, ticket, worker, now)))
        })?;
        Ok(Self { inner: Arc::clone(inner), ticket, ask, stage })
    }

    /// Waits for a child.
    ///
    /// # Cancel safety
    /// A place that was waited for is kept.
    pub(crate) async fn granted(&mut self) -> Result<&Child<P>, Refusal> {
        if let Stage::Waiting(word) = &mut self.stage {
            // The sender is dropped only with the pool's state, which this journey holds.
            let word = word.await.unwrap_or(Err(Refusal::ShuttingDown));
            self.stage = Stage::Over;
            self.stage = Stage::Granted(word?);
        }
        match &self.stage {
            Stage::Granted(grant) => Ok(&grant.child),
            _ => Err(Refusal::ShuttingDown),
        }
    }

    /// How long the attempt has taken.
    pub(crate) fn elapsed(&self) -> Duration {
        match &self.stage {
            Stage::Granted(grant) => grant.since.elapsed(),
            _ => Duration::ZERO,
        }
    }

    /// How many calls had begun in the child when it ended, this one among them.
    pub(crate) fn begun_there(&self) -> usize {
        match &self.stage {
            Stage::Granted(grant) => grant.child.begun_at_end() + grant.child.owed(),
            _ => 0,
        }
    }

    /// The attempt is over.
    pub(crate) fn end(&mut self, end: End, overdue: Option<Charge>) -> Next {
        let Stage::Granted(Grant { worker, .. }) = self.stage else { return Next::Over };
        let next = self.inner.end(worker, end, overdue);
        self.stage = if matches!(next, Next::Again { .. }) { Stage::Resting } else { Stage::Over };
        next
    }

    /// True if somebody here wants the child to end, or its link.
    pub(crate) fn is_unwanted(&self) -> bool {
        matches!(&self.stage, Stage::Granted(grant) if grant.child.shared().is_unwanted())
    }

    /// Whether a call of this kind may run: it was let in before it was known what it is. False if it has to wait for a
    /// child that it has for itself.
    pub(crate) fn judge(&mut self, fingerprint: Fingerprint) -> Result<bool, Refusal> {
        let judged = self
            .inner
            .with(|state, now| state.core.judge(fingerprint, now).inspect_err(|refusal| state.core.refused(*refusal)));
        match judged {
            Ok(suspect) if suspect && !self.ask.alone => {
                self.give_back();
                self.again(true).map(|()| false)
            }
            Ok(_) => Ok(true),
            Err(refusal) => {
                self.end(End::GivenUp, None);
                Err(refusal)
            }
        }
    }

    /// Gives the child back without having run there.
    fn give_back(&mut self) {
        if let Stage::Granted(Grant { worker, .. }) = self.stage {
            self.stage = Stage::Resting;
            self.inner.with(|state, now| state.core.give_back(worker, state.owed(worker), now));
        }
    }

    /// Takes a place for the next attempt, before all others.
    pub(crate) fn again(&mut self, alone: bool) -> Result<(), Refusal> {
        // Once a suspect, always a suspect: it may not even have begun.
        self.ask.alone |= alone;
        let (ask, ticket) = (&self.ask, self.ticket);
        let stage = self.inner.with(|state, now| {
            let worker = state.core.again(ticket, ask, now)?;
            Ok(Stage::of(state, ticket, worker, now))
        })?;
        self.stage = stage;
        Ok(())
    }
}

impl<P: Protocol> Stage<P> {
    fn of(state: &mut State<P>, ticket: Ticket, worker: Option<WorkerId>, now: Instant) -> Self {
        match worker {
            Some(worker) => Self::Granted(state.grant(worker, now)),
            None => {
                let (sender, word) = oneshot::channel();
                state.waiters.insert(ticket, sender);
                Self::Waiting(word)
            }
        }
    }
}

impl<P: Protocol> Drop for Journey<P> {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Waiting(mut word) => {
                let granted = self.inner.with(|state, now| match word.try_recv() {
                    Ok(word) => word.ok(),
                    Err(_) => {
                        state.waiters.remove(&self.ticket);
                        state.core.leave(self.ticket, now);
                        None
                    }
                });
                if let Some(Grant { worker, .. }) = granted {
                    self.inner.end(worker, End::GivenUp, None);
                }
            }
            Stage::Granted(Grant { worker, .. }) => {
                self.inner.end(worker, End::GivenUp, None);
            }
            Stage::Resting => self.inner.with(|state, now| state.core.leave(self.ticket, now)),
            Stage::Over => {}
        }
    }
}
