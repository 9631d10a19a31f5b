//! The run: a pool, its tasks, and what kills its workers meanwhile.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use kinfolk::Fault;
use kinfolk::parent::{ChildSpec, Parent, Program};
use kinfolk::pool::{Pool, PoolStats};

use crate::bar::Bar;
use crate::nemesis::nemesis;
use crate::picture::{Picture, tiles};
use crate::protocol::{Render, Shot, Tracing};

/// A picture, and what it took.
pub(crate) struct Crunched {
    pub(crate) picture: Picture,
    pub(crate) killed: u64,
    pub(crate) took: Duration,
    pub(crate) stats: PoolStats,
}

/// Renders the picture in so many workers, and kills one so often.
pub(crate) async fn crunch(
    parent: &Parent,
    shot: Shot,
    workers: usize,
    kill_every: Option<Duration>,
) -> Result<Crunched, Fault> {
    let started = Instant::now();
    let pool = parent
        .pool(move |_| ChildSpec::<Tracing>::new("tracer", Program::current_exe("tracer")).init(shot))
        .size(workers)
        // A task that was with two workers when they died is suspected of having killed them, and refused. Here they
        // are killed at random, so nothing is to be held against any task,
        .no_quarantine()
        // and one that has bad luck is tried again for as long as it takes. By default a pool gives up after three
        // attempts, and sooner if it does little else than try again.
        .attempts(u32::MAX)
        .retry_budget(f64::INFINITY)
        .await?;
    let (bar, mut killed) = (RefCell::new(Bar::new(tiles(shot).len() as u64)), 0);
    let picture = tokio::select! {
        picture = render(&pool, shot, &bar) => picture?,
        never = kills(&pool, kill_every, |workers| {
            killed = workers;
            bar.borrow().killed(workers);
        }) => never,
    };
    let (took, stats) = (started.elapsed(), pool.stats());
    pool.shutdown().await;
    Ok(Crunched { picture, killed, took, stats })
}

/// The pool's side of it knows nothing of kills.
async fn render(pool: &Pool<Tracing>, shot: Shot, bar: &RefCell<Bar>) -> Result<Picture, Fault> {
    let mut picture = Picture::new(shot);
    let mut rendered = pool.map_unordered(stream::iter(tiles(shot)).map(Render)).boxed();
    while let Some(tile) = rendered.next().await {
        picture.put(&tile?)?;
        bar.borrow_mut().step();
    }
    Ok(picture)
}

async fn kills<T>(pool: &Pool<Tracing>, every: Option<Duration>, killed: impl FnMut(u64)) -> T {
    match every {
        Some(every) => nemesis(pool, every, killed).await,
        None => std::future::pending().await,
    }
}
