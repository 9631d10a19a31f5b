//! The measuring loops, the same for every contender.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::fairness::ITEM;
use crate::memory::Memory;
use crate::peer::{Peer, Result, SMALL, ensure, noise};
use crate::sample::Sample;
use crate::scenario::Scenario;
use crate::stats::percentile;

pub(crate) const KIB: usize = 1 << 10;

/// How long one measurement takes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time that is measured. Too short: the median of a round trip jumps. Too long: the machine changes meanwhile.
    pub duration: Duration,
    /// Time before it that is thrown away: caches, allocator, branch predictors, CPU clock.
    pub warm_up: Duration,
    /// Children started one after the other for the spawn scenario.
    pub spawns: usize,
    /// Items that are streamed. Too few: their rate jumps. Too many: a round takes long.
    pub items: usize,
    /// How long a child idles before its memory is read.
    pub idle: Duration,
}

impl Pace {
    /// A measurement of that length.
    #[must_use]
    pub fn lasting(duration: Duration) -> Self {
        let warm_up = (duration / 2).min(Duration::from_millis(200));
        Self { duration, warm_up, spawns: 15, items: (1 << 30) / ITEM, idle: Duration::from_millis(150) }
    }

    /// Just long enough to see that everything works; its figures mean nothing.
    #[must_use]
    pub fn smoke() -> Self {
        let short = Duration::from_millis(20);
        Self { duration: short, warm_up: short / 4, spawns: 2, items: 8, idle: short }
    }
}

/// Starts a child of this kind, measures one scenario, ends the child.
pub(crate) async fn measure<P: Peer>(scenario: Scenario, pace: &Pace) -> Result<Sample> {
    if scenario == Scenario::Spawn {
        return spawn::<P>(pace).await;
    }
    let mut peer = P::start().await?;
    let sample = match scenario {
        Scenario::RoundTrip => round_trip(&mut peer, pace).await,
        Scenario::InFlight(calls) => in_flight(&mut peer, calls, pace).await,
        Scenario::OneWay => one_way(&mut peer, pace).await,
        Scenario::Upload(kib) => large(&mut peer, kib * KIB, false, pace).await,
        Scenario::Echo(kib) => large(&mut peer, kib * KIB, true, pace).await,
        Scenario::Blob(_)
        | Scenario::Sealed(_)
        | Scenario::Fairness
        | Scenario::PoolTasks { .. }
        | Scenario::PoolIdle => {
            unreachable!("measured elsewhere: not every contender takes part")
        }
        Scenario::Spawn => unreachable!("taken above: it starts children of its own"),
    }?;
    peer.stop().await?;
    Ok(sample)
}

async fn round_trip<P: Peer>(peer: &mut P, pace: &Pace) -> Result<Sample> {
    let source = noise(SMALL);
    echoes_for(peer, &source, pace.warm_up).await?;
    let mut nanos = echoes_for(peer, &source, pace.duration).await?;
    nanos.sort_unstable();
    let micros = |nanos: u64| nanos as f64 / 1e3;
    Ok(Sample::Latency {
        p50: micros(percentile(&nanos, 50)),
        p99: micros(percentile(&nanos, 99)),
        mean: micros(nanos.iter().sum()) / nanos.len() as f64,
        min: micros(percentile(&nanos, 0)),
    })
}

async fn echoes_for<P: Peer>(peer: &mut P, source: &Bytes, duration: Duration) -> Result<Vec<u64>> {
    let mut nanos = Vec::with_capacity(1 << 18);
    let start = Instant::now();
    while start.elapsed() < duration {
        let payload = P::payload(source);
        let sent = Instant::now();
        let length = peer.echo(payload).await?;
        nanos.push(elapsed_nanos(sent));
        ensure(length == source.len(), "an echo has the wrong length")?;
    }
    Ok(nanos)
}

async fn in_flight<P: Peer>(peer: &mut P, calls: usize, pace: &Pace) -> Result<Sample> {
    peer.in_flight(calls, pace.warm_up).await?;
    let start = Instant::now();
    let answered = peer.in_flight(calls, pace.duration).await?;
    Ok(Sample::Messages { rate: answered as f64 / start.elapsed().as_secs_f64() })
}

async fn one_way<P: Peer>(peer: &mut P, pace: &Pace) -> Result<Sample> {
    peer.one_way(pace.warm_up).await?;
    let start = Instant::now();
    let counted = peer.one_way(pace.duration).await?;
    Ok(Sample::Messages { rate: counted as f64 / start.elapsed().as_secs_f64() })
}

async fn large<P: Peer>(peer: &mut P, length: usize, echo: bool, pace: &Pace) -> Result<Sample> {
    let source = noise(length);
    // The first two touch fresh memory on both sides, which the later ones reuse where the contender can.
    let mut warm_up = 2;
    let (mut spent, mut messages) = (Duration::ZERO, 0_usize);
    while spent < pace.duration {
        let payload = P::payload(&source);
        let sent = Instant::now();
        if echo {
            ensure(peer.echo(payload).await? == length, "a large echo has the wrong length")?;
        } else {
            ensure(peer.upload(payload).await? >= length as u64, "a large payload arrived incomplete")?;
        }
        let took = sent.elapsed();
        if warm_up > 0 {
            warm_up -= 1;
            continue;
        }
        spent += took;
        messages += 1;
    }
    Ok(Sample::Bytes { gbps: (messages * length) as f64 / spent.as_secs_f64() / 1e9 })
}

async fn spawn<P: Peer>(pace: &Pace) -> Result<Sample> {
    let source = noise(SMALL);
    let mut nanos = Vec::with_capacity(pace.spawns);
    let mut last: Option<P> = None;
    for _ in 0..pace.spawns {
        if let Some(previous) = last.take() {
            previous.stop().await?;
        }
        let start = Instant::now();
        let mut peer = P::start().await?;
        ensure(peer.echo(P::payload(&source)).await? == SMALL, "a first echo has the wrong length")?;
        nanos.push(elapsed_nanos(start));
        last = Some(peer);
    }
    let peer = last.ok_or("a pace without spawns measures none")?;
    tokio::time::sleep(pace.idle).await;
    let memory = Memory::of(peer.pid())?;
    peer.stop().await?;
    nanos.sort_unstable();
    let millis = |nanos: u64| nanos as f64 / 1e6;
    Ok(Sample::Spawn { ms: millis(percentile(&nanos, 50)), min_ms: millis(percentile(&nanos, 0)), memory })
}

fn elapsed_nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
