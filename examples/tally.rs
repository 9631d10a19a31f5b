//! Three processes count in the same memory at once, and the parent looks on without a message.
//!
//! ```text
//! cargo run --release --example tally                      # each counts to 50 million
//! cargo run --release --example tally -- 1000000
//! ```
//!
//! Every process counts in a place of its own and in one they share, which is where it gets slow. It exits with 0 if no
//! count was lost, with 1 if one was or something went wrong, with 2 if the argument makes no sense.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "counts are there to be read")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kinfolk::child::{self, Job, Me};
use kinfolk::parent::{ChildSpec, Parent, Program};
use kinfolk::{Bincode, Fault, Message, Protocol, Region, Version};
use serde::{Deserialize, Serialize};

/// What both sides speak.
enum Counting {}
impl Protocol for Counting {
    const NAME: &'static str = "counting";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// Counts of the parent, of two children, and of all together.
type Tally = Region<AtomicU64>;
const COUNTERS: usize = 3;
/// The place all count in.
const TOGETHER: usize = COUNTERS;

/// Parent to child: count in this memory. The child has it from then on, as the parent does.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Counting, reply = ())]
struct Count {
    tally: Tally,
    place: usize,
    up_to: u64,
}

/// The child is this executable again, in another role.
fn main() -> ExitCode {
    if child::role().as_deref() == Some("counter") {
        return child::main(counter);
    }
    match std::env::args().nth(1).map_or(Ok(50_000_000), |text| text.parse()) {
        Ok(up_to) => run(up_to),
        Err(error) => {
            eprintln!("error: how far to count: {error}");
            ExitCode::from(2)
        }
    }
}

async fn counter(me: Me<Counting>) -> child::Result {
    me.on_blocking(asked).run().await
}

fn asked(_: &Job<Count>, Count { tally, place, up_to }: Count) -> child::Result {
    count(&tally, place, up_to);
    Ok(())
}

/// Memory of a region may be written by any process at any moment: it is read and written as atomics only.
fn count(tally: &Tally, place: usize, up_to: u64) {
    for _ in 0..up_to {
        tally[place].fetch_add(1, Ordering::Relaxed);
        tally[TOGETHER].fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(up_to: u64) -> ExitCode {
    match counts(up_to).await {
        Ok(counts) if counts == [up_to, up_to, up_to, COUNTERS as u64 * up_to] => {
            println!("three processes counted to {up_to} each, and to {} together: none was lost", counts[TOGETHER]);
            ExitCode::SUCCESS
        }
        Ok(counts) => {
            eprintln!("error: counts were lost: {counts:?}");
            ExitCode::FAILURE
        }
        Err(fault) => {
            eprintln!("error: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn counts(up_to: u64) -> Result<[u64; COUNTERS + 1], Fault> {
    let parent = Parent::new();
    let tally = Tally::new(COUNTERS + 1)?;
    let one = parent.spawn(ChildSpec::<Counting>::new("counter-1", Program::current_exe("counter"))).await?;
    let two = parent.spawn(ChildSpec::<Counting>::new("counter-2", Program::current_exe("counter"))).await?;
    let ours = tokio::task::spawn_blocking({
        let tally = tally.clone();
        move || count(&tally, 0, up_to)
    });
    let work = async {
        let ask = |place| Count { tally: tally.clone(), place, up_to };
        futures::try_join!(one.request(ask(1)).into_future(), two.request(ask(2)).into_future())?;
        ours.await?;
        Ok::<_, Fault>(())
    };
    tokio::select! {
        done = work => done?,
        never = look_on(&tally) => never,
    }
    parent.shutdown().await;
    Ok(look(&tally))
}

/// Tells what is in the memory, a few times a second. Nobody sends anything.
async fn look_on<T>(tally: &Tally) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(250));
    loop {
        ticks.tick().await;
        let [parent, one, two, together] = look(tally);
        eprintln!("parent {parent:>11}   counter-1 {one:>11}   counter-2 {two:>11}   together {together:>11}");
    }
}

fn look(tally: &Tally) -> [u64; COUNTERS + 1] {
    let mut counts = [0; COUNTERS + 1];
    tally.load(0, &mut counts);
    counts
}
