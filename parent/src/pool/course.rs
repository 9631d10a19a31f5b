//! The attempts of one call: what each is given, and what comes after it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinfolk_link::{Ambient, CodecOf, Delivery, Packed};
use kinfolk_protocol::{Message, Protocol};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::core::{Ask, Charge, End, Fingerprint, Loss, Next, Patience};
use super::error::{PoolError, PoolSite};
use super::inner::Inner;
use super::journey::Journey;
use super::refusal::Refusal;
use super::rules::Priority;
use crate::child::Child;
use crate::error::CallError;
use crate::report::{EndedBy, ExitReport, Why};

/// What may be said about a call besides its message.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    pub(super) priority: Priority,
    pub(super) key: Option<u64>,
    pub(super) fingerprint: Option<u64>,
    pub(super) limit: Option<Duration>,
    pub(super) token: Option<CancellationToken>,
    pub(super) tag: u64,
}

/// What a call or its key is told by within this process.
pub(super) fn hash(of: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

pub(super) struct Course<P: Protocol> {
    inner: Arc<Inner<P>>,
    journey: Journey<P>,
    wishes: Wishes,
    call: PoolSite,
    start: Instant,
    deadline: Option<Instant>,
    attempts: u32,
    /// What it is known by, if that had to be found out.
    fingerprint: Option<Fingerprint>,
    /// An attempt before has begun.
    begun: bool,
}

impl<P: Protocol> Course<P> {
    /// Takes a place, unless the call has one.
    pub(super) fn begin<M: Message, E>(
        inner: &Arc<Inner<P>>,
        wishes: Wishes,
        message: &M,
        journey: Option<Journey<P>>,
    ) -> Result<Self, PoolError<E>> {
        let start = Instant::now();
        let own = wishes.limit.and_then(|limit| start.checked_add(limit));
        let deadline = own.into_iter().chain(Ambient::current().deadline).min();
        let journey = match journey {
            Some(journey) => journey,
            None => admitted(inner, &wishes, message, Patience::Patient)?,
        };
        let call = PoolSite { protocol: P::NAME, message: M::NAME };
        let (attempts, begun, fingerprint) = (0, false, None);
        Ok(Self { inner: Arc::clone(inner), journey, wishes, call, start, deadline, attempts, fingerprint, begun })
    }

    /// Takes a place if there is one now.
    pub(super) fn enter<M: Message, E>(
        inner: &Arc<Inner<P>>,
        wishes: &Wishes,
        message: &M,
    ) -> Result<Journey<P>, PoolError<E>> {
        admitted(inner, wishes, message, Patience::Now)
    }

    /// Takes a place, in the line if need be.
    #[cfg(feature = "tower")]
    pub(super) fn queue<M: Message, E>(inner: &Arc<Inner<P>>, message: &M) -> Result<Journey<P>, PoolError<E>> {
        admitted(inner, &Wishes::default(), message, Patience::Patient)
    }

    /// Waits for a child.
    pub(super) async fn child<E>(&mut self) -> Result<Child<P>, PoolError<E>> {
        let token = self.wishes.token.clone();
        let granted = tokio::select! {
            biased;
            granted = self.journey.granted() => granted.cloned(),
            () = cancelled(token.as_ref()) => return Err(self.cancelled()),
            () = until(self.deadline) => return Err(self.overdue()),
        };
        granted.map_err(|refusal| self.refused(refusal))
    }

    /// Looks whether the call may still run: others of its kind may have killed children while it waited. False if it
    /// has to wait for a child that it has for itself.
    pub(super) fn check<M: Message, E>(&mut self, message: &M) -> Result<bool, PoolError<E>> {
        if self.fingerprint.is_none() && watches::<P, M>(&self.inner) {
            self.fingerprint = identify(message, &self.wishes);
        }
        match self.fingerprint {
            Some(fingerprint) => self.journey.judge(fingerprint).map_err(|refusal| self.refused(refusal)),
            None => Ok(true),
        }
    }

    /// How long the attempt may take.
    pub(super) fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    pub(super) fn token(&self) -> Option<CancellationToken> {
        self.wishes.token.clone()
    }

    pub(super) fn tag(&self) -> u64 {
        self.wishes.tag
    }

    pub(super) fn cancel_grace(&self) -> Duration {
        self.inner.cancel_grace
    }

    /// An attempt is over, and so is the call.
    pub(super) fn answered(&mut self) {
        let (took, suspect) = (self.journey.elapsed(), self.fingerprint);
        self.journey.end(End::Answered { took, suspect }, None);
    }

    /// An attempt ended without a reply: the error of the call, unless there is to be another. What was `given` to the
    /// caller already cannot be taken back.
    pub(super) fn failed<M: Message, E>(
        &mut self,
        error: CallError<E>,
        message: &M,
        given: bool,
    ) -> Result<Again<E>, PoolError<E>> {
        let begun = given || error.delivery() == Some(Delivery::Started);
        self.attempts += u32::from(begun);
        let (end, overdue) = self.end(&error, message, begun, given);
        self.begun |= begun;
        match self.journey.end(end, overdue) {
            Next::Over => Err(self.ended(error)),
            Next::Again { pause, alone } => Ok(Again { pause, alone, error }),
            Next::Quarantined { kills, left } => Err(self.refused(Refusal::Quarantined { kills, left })),
        }
    }

    /// Takes a place for the next attempt after its pause.
    pub(super) async fn rest<E>(&mut self, again: Again<E>) -> Result<(), PoolError<E>> {
        let Again { pause, alone, error } = again;
        if !pause.is_zero() {
            let token = self.wishes.token.clone();
            tokio::select! {
                () = sleep(pause) => {}
                () = cancelled(token.as_ref()) => return Err(self.cancelled()),
                () = until(self.deadline) => return Err(self.overdue()),
            }
        }
        match self.journey.again(alone) {
            Ok(()) => Ok(()),
            Err(_) if self.begun => Err(self.ended(error)),
            Err(refusal) => Err(self.refused(refusal)),
        }
    }

    /// What an attempt's end means to the pool, and what is to be held against the call if its child has to be killed.
    fn end<M: Message, E>(&self, error: &CallError<E>, message: &M, begun: bool, given: bool) -> (End, Option<Charge>) {
        let charge = || self.charge(message);
        let lost = |blamed: bool| {
            let blame = (begun && blamed).then(charge).flatten();
            End::Lost(Loss { begun, blame, idempotent: M::IDEMPOTENT && !given, attempts: self.attempts })
        };
        match error {
            CallError::Exited { report, .. } => (lost(is_blamed(report)), None),
            CallError::Disconnected { .. } => (lost(!self.journey.is_unwanted()), None),
            CallError::Deadline { .. } if begun => (End::GivenUp, charge()),
            CallError::Deadline { .. }
            | CallError::Cancelled { .. }
            | CallError::BadMessage { .. }
            | CallError::Unsupported { .. }
            | CallError::ShapeMismatch { .. } => (End::GivenUp, None),
            _ => (End::Answered { took: self.journey.elapsed(), suspect: self.fingerprint }, None),
        }
    }

    fn charge<M: Message>(&self, message: &M) -> Option<Charge> {
        let kept = self.inner.read(|state| state.core.blames());
        let known = || self.fingerprint.or_else(|| identify(message, &self.wishes));
        let fingerprint = kept.then(known).flatten()?;
        Some(Charge { fingerprint, message: M::NAME, alone: self.journey.begun_there() <= 1 })
    }

    /// The call's end as its last attempt brought it, with the times of the whole, and as far as any attempt had come.
    fn ended<E>(&self, error: CallError<E>) -> PoolError<E> {
        let furthest = |delivery: Delivery| delivery.max(self.delivery());
        PoolError::Call(match error {
            CallError::Deadline { call, after, delivery } => {
                CallError::Deadline { call, after: self.limit(after), delivery: furthest(delivery) }
            }
            CallError::Cancelled { call, delivery } => CallError::Cancelled { call, delivery: furthest(delivery) },
            CallError::Disconnected { call, delivery } => {
                CallError::Disconnected { call, delivery: furthest(delivery) }
            }
            CallError::Exited { call, delivery, report } => {
                CallError::Exited { call, delivery: furthest(delivery), report }
            }
            error => error,
        })
    }

    fn cancelled<E>(&self) -> PoolError<E> {
        PoolError::Cancelled { call: self.call, delivery: self.delivery() }
    }

    fn overdue<E>(&self) -> PoolError<E> {
        let after = self.limit(self.start.elapsed());
        PoolError::Deadline { call: self.call, after, delivery: self.delivery() }
    }

    fn limit(&self, waited: Duration) -> Duration {
        self.deadline.map_or(waited, |deadline| deadline.saturating_duration_since(self.start))
    }

    fn refused<E>(&self, refusal: Refusal) -> PoolError<E> {
        refused(&self.inner, self.call, self.fingerprint, self.delivery(), refusal)
    }

    /// How far its attempts have come so far.
    fn delivery(&self) -> Delivery {
        if self.begun { Delivery::Started } else { Delivery::NotSent }
    }
}

/// An attempt that is to be followed by another.
pub(super) struct Again<E> {
    pause: Duration,
    alone: bool,
    /// What is told if there cannot be another after all.
    error: CallError<E>,
}

/// Lets a call in, unless it is known to kill children.
fn admitted<P: Protocol, M: Message, E>(
    inner: &Arc<Inner<P>>,
    wishes: &Wishes,
    message: &M,
    patience: Patience,
) -> Result<Journey<P>, PoolError<E>> {
    let call = PoolSite { protocol: P::NAME, message: M::NAME };
    let fingerprint = watches::<P, M>(inner).then(|| identify(message, wishes)).flatten();
    let judged = |fingerprint| {
        inner.with(|state, now| state.core.judge(fingerprint, now).inspect_err(|refusal| state.core.refused(*refusal)))
    };
    let alone = fingerprint.map(judged).transpose();
    let Wishes { priority, key, .. } = *wishes;
    let ask = |alone| Ask { priority, key, alone, since: Instant::now(), patience };
    let journey = alone.and_then(|alone| Journey::begin(inner, ask(alone == Some(true))));
    journey.map_err(|refusal| refused(inner, call, fingerprint, Delivery::NotSent, refusal))
}

/// True if anything is held against calls of this type.
fn watches<P: Protocol, M: Message>(inner: &Inner<P>) -> bool {
    inner.read(|state| state.core.watches(M::NAME, Instant::now()))
}

/// What a call is known by: its type and all its bytes, unless its caller says something else. Calls that take files
/// along cannot be told apart by their bytes, and one that cannot be encoded kills nobody.
fn identify<M: Message>(message: &M, wishes: &Wishes) -> Option<Fingerprint> {
    let mut hasher = DefaultHasher::new();
    M::NAME.hash(&mut hasher);
    match wishes.fingerprint {
        Some(said) => said.hash(&mut hasher),
        None => {
            let packed = Packed::for_init::<CodecOf<M>, M>(message).ok()?;
            let alone = packed.len() == packed.message().len();
            alone.then(|| packed.message().hash(&mut hasher))?;
        }
    }
    Some(Fingerprint(hasher.finish()))
}

/// In the words of the pool's users.
pub(super) fn refused<P: Protocol, E>(
    inner: &Inner<P>,
    call: PoolSite,
    fingerprint: Option<Fingerprint>,
    delivery: Delivery,
    refusal: Refusal,
) -> PoolError<E> {
    match (refusal, inner.trouble()) {
        (Refusal::Overloaded { waiting }, _) => PoolError::Overloaded { call, waiting },
        (Refusal::Quarantined { kills, left }, _) => {
            PoolError::Quarantined { call, fingerprint: fingerprint.unwrap_or(Fingerprint(0)), kills, left }
        }
        (Refusal::Unavailable, Some(trouble)) => PoolError::Unavailable { call, trouble, delivery },
        (Refusal::Unavailable | Refusal::ShuttingDown, _) => PoolError::ShuttingDown { call, delivery },
    }
}

/// True if what a child had at work may be what it died of.
fn is_blamed(report: &ExitReport) -> bool {
    match report.ended_by {
        EndedBy::Us(why) => matches!(why, Why::Misbehaved | Why::Frozen),
        _ => true,
    }
}

async fn cancelled(token: Option<&CancellationToken>) {
    match token {
        Some(token) => token.cancelled().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
