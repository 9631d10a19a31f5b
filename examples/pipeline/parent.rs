//! The parent program: has the work done, and tells what came of it.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what comes of it is there to be read")]

use std::env::temp_dir;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use kinfolk::Fault;
use kinfolk::parent::Parent;

use crate::pipeline::Pipeline;
use crate::protocols::{Delivered, Output, Written};

/// Reads, squeezes and writes blocks in three children that are joined directly.
#[derive(Parser)]
#[command(name = "pipeline")]
struct Options {
    /// How many blocks of 256 KiB.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(2..1_000_000))]
    blocks: u64,
    /// Kill the squeezer when so many blocks have arrived. Half of them if not given.
    #[arg(long)]
    kill_after: Option<u64>,
    /// Kill nobody.
    #[arg(long, conflicts_with = "kill_after")]
    no_kill: bool,
    /// Have the writer wait so many milliseconds before it acknowledges a block.
    #[arg(long, default_value_t = 5)]
    slow: u64,
    /// Keep the output there. Without it the output is removed in the end.
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Options {
    /// Ends the program if they make no sense.
    fn checked() -> Self {
        let options = Self::parse();
        if options.kill_after.is_some_and(|blocks| blocks >= options.blocks) {
            let words = format!("`--kill-after` must be less than `--blocks`, which is {}", options.blocks);
            Self::command().error(ErrorKind::ValueValidation, words).exit();
        }
        options
    }

    fn kill_after(&self) -> Option<u64> {
        if self.no_kill { None } else { Some(self.kill_after.unwrap_or(self.blocks / 2)) }
    }
}

/// Runs the parent.
pub(crate) fn main() -> ExitCode {
    let options = Options::checked();
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
    let own = temp_dir().join(format!("pipeline-{}.txt", std::process::id()));
    let file = options.out.clone().unwrap_or_else(|| own.clone());
    let parent = Parent::new();
    let outcome = work(&parent, options, Output { file, slow: Duration::from_millis(options.slow) }).await;
    parent.shutdown().await;
    // There is none if the work did not begin, or if it goes elsewhere.
    let _ = fs::remove_file(own);
    outcome
}

async fn work(parent: &Parent, options: &Options, output: Output) -> Result<(), Fault> {
    let pipeline = Pipeline::start(parent, output).await?;
    let delivered = tokio::select! {
        delivered = pipeline.deliver(options.blocks) => delivered?,
        never = pipeline.keep_joined(options.kill_after()) => never?,
    };
    let written = pipeline.check().await?;
    pipeline.end().await;
    tell(&delivered, &written);
    println!("through the parent: {} messages, none with a block in it", pipeline.messages());
    if (written.blocks, &written.sum) == (options.blocks, &delivered.sum) {
        println!("complete: the output is what the reader made, sha256 {}", written.sum);
        return Ok(());
    }
    Err(Fault::new(format!("the output is not what the reader made, sha256 {}", delivered.sum)))
}

fn tell(delivered: &Delivered, written: &Written) {
    let Written { blocks, bytes, squeezed, twice, .. } = written;
    println!("{blocks} blocks, {bytes} bytes, squeezed to {squeezed}");
    println!("{} sent again; {twice} came twice, and were known by their number", delivered.sent_again);
}
