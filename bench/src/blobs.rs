//! Large payloads in memory that both sides see.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::measure::{KIB, Pace};
use crate::peer::{Result, ensure, noise};
use crate::sample::Sample;
use crate::scenario::Scenario;
use crate::stats::percentile;

/// A child that reads what it is lent.
pub(crate) trait Lend: Sized {
    /// What was built where it is read.
    type Built;

    /// Starts a child.
    async fn start() -> Result<Self>;

    /// Copies the payload to where the child reads it, and waits for its [`touch`](crate::peer::touch)ed sum.
    async fn lend(&mut self, payload: &Bytes) -> Result<u64>;

    /// Builds a payload where it is read.
    fn build(length: usize) -> Result<Self::Built>;

    /// Has the child look at its last byte, and waits for it.
    async fn show(&mut self, built: &Self::Built) -> Result<u8>;

    /// Ends the child and reaps it.
    async fn stop(self) -> Result<()>;
}

/// Starts a child, measures one scenario, ends the child.
pub(crate) async fn measure<L: Lend>(scenario: Scenario, pace: &Pace) -> Result<Sample> {
    let mut lender = L::start().await?;
    let sample = match scenario {
        Scenario::Sealed(kib) => sealed(&mut lender, kib * KIB, pace).await,
        Scenario::Blob(kib) => lent(&mut lender, kib * KIB, pace).await,
        _ => Err("not a scenario of shared memory".into()),
    }?;
    lender.stop().await?;
    Ok(sample)
}

async fn lent<L: Lend>(lender: &mut L, length: usize, pace: &Pace) -> Result<Sample> {
    let source = noise(length);
    let (mut spent, mut messages) = (Duration::ZERO, 0_usize);
    // The first two touch fresh memory on both sides, which the later ones use again.
    for _ in 0..2 {
        lender.lend(&source).await?;
    }
    while spent < pace.duration {
        let sent = Instant::now();
        ensure(lender.lend(&source).await? >= length as u64, "a blob arrived incomplete")?;
        spent += sent.elapsed();
        messages += 1;
    }
    Ok(Sample::Bytes { gbps: (messages * length) as f64 / spent.as_secs_f64() / 1e9 })
}

async fn sealed<L: Lend>(lender: &mut L, length: usize, pace: &Pace) -> Result<Sample> {
    let built = L::build(length)?;
    let mut nanos = Vec::with_capacity(1 << 16);
    let (start, warm_up) = (Instant::now(), pace.warm_up);
    while start.elapsed() < warm_up + pace.duration {
        let sent = Instant::now();
        ensure(lender.show(&built).await? == 7, "a blob does not end as it should")?;
        if start.elapsed() > warm_up {
            nanos.push(crate::fairness::nanos_since(sent));
        }
    }
    ensure(!nanos.is_empty(), "nothing was sent in time")?;
    nanos.sort_unstable();
    let micros = |nanos: u64| nanos as f64 / 1e3;
    Ok(Sample::Latency {
        p50: micros(percentile(&nanos, 50)),
        p99: micros(percentile(&nanos, 99)),
        mean: micros(nanos.iter().sum()) / nanos.len() as f64,
        min: micros(percentile(&nanos, 0)),
    })
}
