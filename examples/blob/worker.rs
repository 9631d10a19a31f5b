//! The child program: reads every byte it gets, and builds what it gives.

use std::sync::Mutex;

use kinfolk::Blob;
use kinfolk::child::{self, Job, Me};

use crate::bytes;
use crate::clock::timed;
use crate::protocol::{Carriage, Give, Given, Take, Taken};

/// The piece that was given last: freed when the next one is due, and not while it travels.
type Last = Mutex<Blob>;

/// What both roles do.
pub(crate) async fn worker<const SHARED: bool>(me: Me<Carriage<SHARED>>) -> child::Result {
    me.state(Last::default()).on_blocking(take).on_blocking(give).run().await
}

fn take<const SHARED: bool>(_: &Job<Take<SHARED>, Last>, Take { piece }: Take<SHARED>) -> child::Result<Taken> {
    let (sum, checking) = timed(|| bytes::sum(&piece));
    let ((), freeing) = timed(|| drop(piece));
    Ok(Taken { sum, checking, freeing })
}

fn give<const SHARED: bool>(job: &Job<Give<SHARED>, Last>, task: Give<SHARED>) -> child::Result<Given> {
    let mut last = job.state().lock().map_err(|_| child_panicked())?;
    let ((), freeing) = timed(|| *last = Blob::default());
    let (built, building) = timed(|| bytes::build(task.length as usize, task.seed, task.built));
    let (piece, sum) = built?;
    *last = piece.clone();
    Ok(Given { piece, sum, building, freeing })
}

fn child_panicked() -> kinfolk::Fault {
    kinfolk::Fault::new("a piece before this one could not be built")
}
