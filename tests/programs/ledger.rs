//! A child whose handlers write down that they have begun, before they do anything else: in a file that is still there
//! after the child was killed.
#![forbid(unsafe_code)]

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;

use kinfolk::child::{self, Cx, Job, Me};
use kinfolk_tests::{AT_ONCE, Asking, AtOnce, Computing, Confirm, FLOW, Flowing, Ledger, Refused, Task, Waiting};
use tokio::task::yield_now;

/// What all handlers write to.
struct Book(File);

impl Book {
    /// One `write`, so that an entry is there whole or not at all.
    fn enter(&self, task: &Task) -> Result<u64, Refused> {
        let entry = task.number.to_le_bytes();
        let written = (&self.0).write(&entry).expect("a file that was opened to be written");
        assert_eq!(written, entry.len(), "half an entry");
        if task.number % 7 == 0 { Err(Refused) } else { Ok(task.number) }
    }
}

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--multi-thread") {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.expect("a runtime").block_on(child::enter(keep));
    }
    child::main(keep)
}

async fn keep(me: Me<Ledger>) -> child::Result {
    let file = File::options().append(true).open(me.init())?;
    me.state(Book(file))
        .concurrency(AT_ONCE)
        .on_message(|cx: Cx<AtOnce, Book>, AtOnce(task)| async move { cx.state().enter(&task) })
        .on_message(wait)
        .on_blocking(compute)
        .on_message(flow)
        .on_message(ask)
        .run()
        .await
}

async fn wait(cx: Cx<Waiting, Book>, Waiting(task): Waiting) -> Result<u64, Refused> {
    let entered = cx.state().enter(&task);
    for _ in 0..task.number % 16 {
        yield_now().await;
    }
    entered
}

/// Calls in both directions have ids of their own, and boards must not mistake them.
async fn ask(cx: Cx<Asking, Book>, Asking(task): Asking) -> Result<u64, Refused> {
    cx.state().enter(&task)?;
    cx.parent().request(Confirm(task.number)).await.map_err(|_| Refused)
}

fn compute(job: &Job<Computing, Book>, Computing(task): Computing) -> Result<u64, Refused> {
    let entered = job.state().enter(&task);
    for round in 0..task.number % 16 * 1_000 {
        black_box(round);
    }
    entered
}

async fn flow(cx: Cx<Flowing, Book>, Flowing(task): Flowing) -> Result<(), Refused> {
    let entered = cx.state().enter(&task);
    for item in 0..FLOW {
        cx.send(item).await;
    }
    entered.map(drop)
}
