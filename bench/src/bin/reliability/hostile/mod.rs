//! R16: children that send anything, at any stage of their handshake.

pub(crate) mod child;

use std::collections::BTreeMap;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use kinfolk::Limits;
use kinfolk::parent::{CallError, Child, ChildEvent, Disconnected, Parent, StartError};
use kinfolk_bench::Result;
use serde_bytes::ByteBuf;
use tokio::task::JoinSet;

use crate::check::Check;
use crate::pools::{Spec, spec};
use crate::proc::{peak, resident};
use crate::toil::{Begin, Carry, Toil};
use crate::trial::{PATIENCE, Trial, within};

/// Children at once.
const AT_ONCE: u64 = 4;
/// One message, and everything of the same kind together.
const BOUND: u32 = 1 << 20;
/// Long payloads that may be under way from one child.
const LONG: u64 = kinfolk_protocol::MAX_LONG as u64;
/// What children may occupy that keep to their bounds, and as much for everything else.
const MOST: u64 = AT_ONCE * (LONG + 3) * BOUND as u64 + (16 << 20);
/// Bytes sent at random end a child, or do not: it is not waited for.
const SHORT: Duration = Duration::from_millis(200);

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let panics = Arc::new(AtomicU64::new(0));
    let (counting, telling) = (Arc::clone(&panics), panic::take_hook());
    panic::set_hook(Box::new(move |info| {
        counting.fetch_add(1, Ordering::Relaxed);
        telling(info);
    }));
    let (before, children) = (resident()?, trial.size(150, 5_000));
    let (parent, mut seeds, mut running) = (Arc::new(Parent::new()), trial.random(0), JoinSet::new());
    let mut ends = BTreeMap::<&str, u64>::new();
    for number in 0..children + AT_ONCE {
        trial.at(&format!("child {number}"));
        if number >= AT_ONCE {
            let Some(ended) = running.join_next().await else { break };
            *ends.entry(ended??).or_default() += 1;
        }
        if number < children {
            running.spawn(one(Arc::clone(&parent), number, seeds.next()));
        }
    }
    let grown = peak()?.saturating_sub(before);
    let mut checks = vec![
        Check::exactly("children that ended with a type", ends.values().sum(), children),
        Check::none("panics", panics.load(Ordering::Relaxed)),
        Check::bytes("memory the parent grew by (its limits and 16 MiB)", grown, MOST),
    ];
    checks.extend(ends.into_iter().map(|(end, number)| Check::figure(end, number)));
    Ok(checks)
}

fn hostile(number: u64, seed: u64) -> Spec {
    let limits = Limits::DEFAULT.max_message(BOUND).window(64, BOUND.into()).items(8, BOUND.into());
    spec(&format!("hostile-{number}"), "hostile", Begin::default())
        .arg(seed.to_string())
        .limits(limits.blob_bytes(BOUND.into()))
        .handshake_timeout(SHORT)
        .init_timeout(SHORT)
        .grace(SHORT / 4)
}

/// One child, to its end: how it ended.
async fn one(parent: Arc<Parent>, number: u64, seed: u64) -> Result<&'static str> {
    let start = parent.spawn(hostile(number, seed));
    let child = match within(PATIENCE, &format!("the start of a child of seed {seed}"), start).await? {
        Ok(child) => child,
        Err(error) => return Ok(not_started(&error)),
    };
    within(PATIENCE, &format!("the end of a child of seed {seed}"), calls(&child)).await?
}

async fn calls(child: &Child<Toil>) -> Result<&'static str> {
    let mut events = child.events();
    for _ in 0..4 {
        let ballast = ByteBuf::from(vec![7; 100]);
        match child.request(Carry { ballast, micros: 0 }).deadline(SHORT / 2).await {
            Err(CallError::Deadline { .. }) | Ok(_) => {}
            Err(error) if error.is_lost() => break,
            // Whatever else it may say of a call, it is the child's word.
            Err(_) => {}
        }
    }
    child.kill().await;
    while let Some(event) = events.next().await {
        if let ChildEvent::Disconnected(how) = event {
            return Ok(match how {
                Disconnected::Misbehaved(_) => "later: misbehaved",
                Disconnected::Closed | Disconnected::Io(_) => "later: link ended",
                Disconnected::WithinFrame => "later: link ended within a frame",
                _ => "later: neither, and killed",
            });
        }
    }
    Err("its events ended without `Disconnected`".into())
}

fn not_started(error: &StartError) -> &'static str {
    match error {
        StartError::Exited { .. } => "start: ended",
        StartError::Timeout { .. } => "start: too late",
        StartError::Misbehaved { .. } => "start: misbehaved",
        StartError::Refused { .. } => "start: refused",
        StartError::InitFailed { .. } => "start: failed",
        StartError::InitTooLong { .. } | StartError::Limits { .. } => "start: takes too little",
        _ => "start: other",
    }
}
