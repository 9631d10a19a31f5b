//! A child of a pool, whose tasks say what becomes of it.
#![forbid(unsafe_code)]

use std::process::{ExitCode, abort, id};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kinfolk::child::{self, Cx, Job, Me};
use kinfolk_tests::labour::{Chore, CountTo, Declined, Deed, Fate, Labour, Receipt};
use tokio::time::sleep;

/// Between two looks at a file.
const LOOK: Duration = Duration::from_millis(2);

struct Worker {
    slot: u64,
    begun: AtomicU64,
}

impl Worker {
    fn receipt(&self, number: u64) -> Receipt {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        Receipt { number, pid: id(), slot: self.slot, begun }
    }
}

fn main() -> ExitCode {
    child::main(work)
}

async fn work(me: Me<Labour>) -> child::Result {
    let hire = me.init().clone();
    if hire.unless.as_ref().is_some_and(|path| std::fs::exists(path).unwrap_or(false)) {
        return Err(kinfolk::Fault::new("there is no work today"));
    }
    let serve = me.state(Worker { slot: hire.slot, begun: AtomicU64::new(0) });
    let serve = if hire.at_once > 0 { serve.concurrency(hire.at_once as usize) } else { serve };
    serve.on_message(deed).on_message(count).on_blocking(chore).run().await
}

/// Chores compute, so they meet their fate on a thread of their own.
fn chore(job: &Job<Chore, Worker>, Chore { number, fate }: Chore) -> Result<Receipt, Declined> {
    let receipt = job.state().receipt(number);
    let _ = job.send(number);
    match fate {
        Fate::Hangs => loop {
            std::thread::sleep(LOOK);
        },
        Fate::Waits => {
            while !job.is_cancelled() {
                std::thread::sleep(LOOK);
            }
            Err(Declined)
        }
        Fate::Await(path) => {
            while !std::fs::exists(&path).unwrap_or(false) {
                std::thread::sleep(LOOK);
            }
            Ok(receipt)
        }
        fate => meet(&fate).map(|()| receipt),
    }
}

async fn deed(cx: Cx<Deed, Worker>, Deed { number, fate }: Deed) -> Result<Receipt, Declined> {
    let receipt = cx.state().receipt(number);
    match fate {
        Fate::Hangs | Fate::Waits => std::future::pending().await,
        Fate::Await(path) => {
            while !std::fs::exists(&path).unwrap_or(false) {
                sleep(LOOK).await;
            }
        }
        fate => meet(&fate)?,
    }
    Ok(receipt)
}

async fn count(cx: Cx<CountTo, Worker>, CountTo { number, fate }: CountTo) -> Result<(), Declined> {
    cx.state().receipt(number);
    for item in 0..number {
        cx.send(item).await;
    }
    meet(&fate)
}

fn meet(fate: &Fate) -> Result<(), Declined> {
    match fate {
        Fate::Declined => return Err(Declined),
        Fate::Panics => panic!("as it was told"),
        Fate::Aborts => abort(),
        Fate::AbortsOnce(path) => {
            // Whoever makes the file is the first.
            if std::fs::File::create_new(path).is_ok() {
                abort();
            }
        }
        Fate::Leaks(bytes) => drop(Box::leak(vec![1_u8; *bytes as usize].into_boxed_slice())),
        Fate::Done | Fate::Hangs | Fate::Waits | Fate::Await(_) => {}
    }
    Ok(())
}
