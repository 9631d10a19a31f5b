//! The parent program: the same pieces in each way, and a table.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what comes of it is there to be read")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use kinfolk::Fault;
use kinfolk::parent::{Child, ChildSpec, Parent, Program};

use crate::bytes;
use crate::clock::{Times, timed};
use crate::protocol::{Carriage, Give, Given, KEEPING, SHARING, Take, Taken, limits};
use crate::table::{self, Way};

const MIB: usize = 1 << 20;

/// Sends blobs to a child process and back, in each way they can travel.
#[derive(Parser)]
struct Options {
    /// Mebibytes to send there, and as many back, in each way.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    mib: u32,
    /// Mebibytes of a piece. Within a message no more than 127 fit, by the default `max_message`.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=127))]
    piece_mib: u32,
}

/// Runs the parent.
pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(Fault::from).and_then(|runtime| runtime.block_on(run(&options)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), Fault> {
    let pieces = options.mib.div_ceil(options.piece_mib);
    let length = options.piece_mib as usize * MIB;
    println!("{pieces} pieces of {} MiB there, and as many back, in each way\n", options.piece_mib);
    let parent = Parent::new();
    let mut rows = Vec::new();
    for way in Way::ALL {
        let times = match way {
            Way::Within => travel::<false>(&parent, way, pieces, length).await?,
            _ => travel::<true>(&parent, way, pieces, length).await?,
        };
        rows.push((way, times));
    }
    table::print(&rows, length);
    Ok(())
}

async fn travel<const SHARED: bool>(parent: &Parent, way: Way, pieces: u32, length: usize) -> Result<Times, Fault> {
    let program = Program::current_exe(if SHARED { SHARING } else { KEEPING });
    let spec = ChildSpec::<Carriage<SHARED>>::new("carrier", program).limits(limits(SHARED));
    let spec = if way == Way::Trusted { spec.trusted() } else { spec };
    let child = parent.spawn(spec).await?;
    // Memory that is lent again and again is made once: not on the clock.
    let mut unclocked = Times::default();
    there(&child, way, length, 0, &mut unclocked).await?;
    back(&child, way, length, 0, &mut unclocked).await?;
    let mut times = Times { pieces, ..Times::default() };
    for seed in 1..=u64::from(pieces) {
        there(&child, way, length, seed, &mut times).await?;
    }
    for seed in 1..=u64::from(pieces) {
        back(&child, way, length, seed, &mut times).await?;
    }
    child.shutdown().await;
    Ok(times)
}

/// A piece of the parent's, which the child checks.
async fn there<const SHARED: bool>(
    child: &Child<Carriage<SHARED>>,
    way: Way,
    length: usize,
    seed: u64,
    times: &mut Times,
) -> Result<(), Fault> {
    let (built, building) = timed(|| bytes::build(length, seed, way.built()));
    let (piece, sum) = built?;
    let begun = Instant::now();
    // A clone shares the bytes: the parent frees its own when they have arrived.
    let taken = child.request(Take { piece: piece.clone() }).await?;
    let answered = begun.elapsed();
    let Taken { sum: found, checking, freeing: freeing_there } = taken;
    compare(found, sum, "the child")?;
    let ((), freeing) = timed(|| drop(piece));
    times.there += answered.saturating_sub(checking + freeing_there);
    times.building += building;
    times.checking += checking;
    times.freeing += freeing_there + freeing;
    Ok(())
}

/// A piece of the child's, which the parent checks.
async fn back<const SHARED: bool>(
    child: &Child<Carriage<SHARED>>,
    way: Way,
    length: usize,
    seed: u64,
    times: &mut Times,
) -> Result<(), Fault> {
    let begun = Instant::now();
    let given = child.request(Give { length: length as u64, seed, built: way.built() }).await?;
    let answered = begun.elapsed();
    let Given { piece, sum, building, freeing: freeing_there } = given;
    let (found, checking) = timed(|| bytes::sum(&piece));
    compare(found, sum, "the parent")?;
    let ((), freeing) = timed(|| drop(piece));
    times.back += answered.saturating_sub(building + freeing_there);
    times.building += building;
    times.checking += checking;
    times.freeing += freeing_there + freeing;
    Ok(())
}

fn compare(found: u64, expected: u64, reader: &str) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    Err(Fault::new(format!("{reader} read other bytes than were built: their sum is {found:x} and not {expected:x}")))
}
