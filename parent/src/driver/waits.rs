//! What a driver waits for beside its link and its output: each waits for ever where there is nothing to wait for.

use std::future::pending;
use std::io;
use std::time::Instant;

use futures::future::BoxFuture;
use kinfolk_link::lock;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

use super::Starting;
use crate::shared::Shared;

/// Resolves when writing has failed, once.
pub(super) async fn failed(writing: &mut Option<BoxFuture<'static, io::Error>>) {
    match writing {
        Some(write) => {
            write.await;
            *writing = None;
        }
        None => pending().await,
    }
}

/// Resolves when nobody waits for the start any more.
pub(super) async fn dropped(starting: &mut Option<Starting>) {
    match starting {
        Some(starting) => starting.result.closed().await,
        None => pending().await,
    }
}

/// Resolves when all messages have been handled and no more can come, once.
pub(super) async fn emptied(task: &mut Option<JoinHandle<()>>) {
    match task {
        Some(running) => {
            // Handlers' panics are caught within: an error would be ours, and there is nothing left to handle.
            let _ = running.await;
            *task = None;
        }
        None => pending().await,
    }
}

/// Resolves when the handler of a call that was given up by force should have ended, once for each.
pub(super) async fn overdue(shared: &Shared) {
    loop {
        let next = {
            let mut condemned = lock(&shared.condemned);
            if condemned.take_due(Instant::now()) {
                return;
            }
            condemned.next()
        };
        tokio::select! {
            // Looked at again: the call may have been pardoned meanwhile.
            () = until(next) => {}
            () = shared.sentenced.notified() => {}
        }
    }
}

pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
