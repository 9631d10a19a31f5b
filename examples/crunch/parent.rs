//! The parent program: has the picture made, writes it, and tells what it took.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what comes of it is there to be read")]

use std::fs::File;
use std::path::absolute;
use std::process::ExitCode;

use clap::Parser;
use kinfolk::Fault;
use kinfolk::parent::Parent;

use crate::crunch::{Crunched, crunch};
use crate::options::Options;

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
    let out = absolute(&options.out)?;
    // Before the work: a place that cannot be written to is to be known now.
    let file = File::create(&out).map_err(|error| Fault::new(format!("{}: {error}", out.display())))?;
    let (parent, shot, workers) = (Parent::new(), options.shot(), options.workers());
    let crunched = crunch(&parent, shot, workers, options.kill_every()).await?;
    crunched.picture.write(file)?;
    println!("{}: {} x {}, {} rays a pixel", out.display(), shot.width, shot.height, shot.samples);
    tell(&crunched);
    let sum = crunched.picture.sum();
    println!("sha256 of the pixels: {sum}");
    if options.verify {
        let again = crunch(&parent, shot, workers, None).await?;
        let (took, other) = (again.took, again.picture.sum());
        if other != sum {
            return Err(Fault::new(format!("once more without kills it is another picture: {other}")));
        }
        println!("once more without kills, in {took:.1?}: the picture is identical");
    }
    Ok(())
}

fn tell(crunched: &Crunched) {
    let Crunched { picture, killed, took, stats } = crunched;
    println!("in {took:.1?}; {} tiles are missing", picture.missing());
    println!("{killed} workers were killed, {} tiles were lost with them and rendered a second time", stats.retried);
    println!("{stats}");
}
