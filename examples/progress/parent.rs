//! The parent program: asks, shows how far the count is, and cancels it when it is told to.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what comes of it is there to be read")]

use std::env::temp_dir;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use kinfolk::Fault;
use kinfolk::parent::{CallError, Child, ChildSpec, Parent, Program};
use tokio_util::sync::CancellationToken;

use crate::bar::Bar;
use crate::protocol::{CountPrimes, Counted, Permille, Primes, TakenAway};

/// What a shell gives a program that Ctrl-C has ended.
const INTERRUPTED: u8 = 130;
/// Counted after a cancel, to see that the child is still there.
const LITTLE: u64 = 1_000_000;

/// Counts primes in a child process.
#[derive(Parser)]
struct Options {
    /// Count the primes below this number.
    #[arg(long, default_value_t = 4_000_000_000)]
    below: u64,
    /// Keep the table there. Without it the table is removed in the end.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Cancel when that much is done, as if somebody had pressed Ctrl-C.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..100))]
    cancel_after_percent: Option<u16>,
}

/// Runs the parent.
pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(Fault::from).and_then(|runtime| runtime.block_on(run(&options)));
    outcome.unwrap_or_else(|fault| {
        eprintln!("error: {fault:#}");
        ExitCode::FAILURE
    })
}

async fn run(options: &Options) -> Result<ExitCode, Fault> {
    let parent = Parent::new();
    let spec = ChildSpec::<Primes>::new("primes-1", Program::current_exe("primes")).on_message(
        |cx, TakenAway { file }: TakenAway| async move {
            println!("{}: took the unfinished {} away", cx.child().name(), file.display());
        },
    );
    let child = parent.spawn(spec).await?;
    let table = options.out.clone().unwrap_or_else(|| temp_dir().join(format!("primes-{}.txt", std::process::id())));
    let code = count(&child, options, &table).await;
    // What it sent before it left has been handled when this returns.
    println!("{}: {}", child.name(), child.shutdown().await);
    if options.out.is_none() {
        // There is none after a cancel.
        let _ = fs::remove_file(&table);
    }
    code
}

async fn count(child: &Child<Primes>, options: &Options, table: &Path) -> Result<ExitCode, Fault> {
    let cancel = CancellationToken::new();
    let mut done = Permille(0);
    // The child is in a process group of its own: Ctrl-C reaches this program alone, which decides what it means.
    let answer = tokio::select! {
        answer = ask(child, options, table, &cancel, &mut done) => answer,
        never = cancel_on_interrupt(&cancel) => never?,
    };
    match answer {
        Ok(Counted { primes, lines }) => {
            println!("{primes} primes below {}; the table has {lines} lines", options.below);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.is_cancelled() => {
            println!("cancelled at {} %: {error}", done.0 / 10);
            is_there(child, table).await?;
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(error) => Err(error.into()),
    }
}

/// The first call: long, with progress.
async fn ask(
    child: &Child<Primes>,
    options: &Options,
    table: &Path,
    cancel: &CancellationToken,
    done: &mut Permille,
) -> Result<Counted, CallError<Fault>> {
    let mut bar = Bar::new();
    let enough = options.cancel_after_percent.map(|percent| Permille(percent * 10));
    child
        .request(CountPrimes { below: options.below, table: table.to_owned() })
        .cancel_on(cancel.clone())
        .on_progress(|now| {
            bar.set(now);
            *done = now;
            if enough.is_some_and(|enough| now >= enough) {
                cancel.cancel();
            }
        })
        .await
}

/// Does not return, unless there is no Ctrl-C to be had.
async fn cancel_on_interrupt<T>(cancel: &CancellationToken) -> Result<T, Fault> {
    loop {
        tokio::signal::ctrl_c().await?;
        cancel.cancel();
    }
}

/// The second call: the same child, the same table.
async fn is_there(child: &Child<Primes>, table: &Path) -> Result<(), Fault> {
    let started = Instant::now();
    let Counted { primes, .. } = child.request(CountPrimes { below: LITTLE, table: table.to_owned() }).await?;
    let (name, pid, took) = (child.name(), child.pid(), started.elapsed());
    println!("{name} is still there, as process {pid}: {primes} primes below {LITTLE}, counted in {took:.1?}");
    fs::remove_file(table)?;
    Ok(())
}
