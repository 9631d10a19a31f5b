//! R5: what is left of a parent program that was killed.

use std::io::{self, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use kinfolk::parent::Parent;
use kinfolk_bench::Result;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::check::{Check, Times};
use crate::pools::worker;
use crate::proc::Identity;
use crate::random::Random;
use crate::toil::{Breed, Burn};
use crate::trial::{PATIENCE, Trial, eventually, within};

/// How long what a killed parent has started may outlive it.
const LIMIT: Duration = Duration::from_secs(1);
/// The parent is killed within this time of its last line.
const MOMENT_MICROS: u64 = 20_000;

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    // Each computes on two processors.
    let at_once = trial.size(1, 2);
    let (trials, mut running, mut seeds) = (trial.size(10_usize, 200), JoinSet::new(), trial.random(0));
    let (mut processes, mut orphans, mut times) = (0, 0, Times::default());
    for number in 0..trials + at_once {
        if number >= at_once {
            trial.at(&format!("trial {}", number - at_once));
            let Some(ended) = running.join_next().await else { break };
            let (started, left, took) = ended??;
            (processes, orphans) = (processes + started, orphans + left);
            times.add(took);
        }
        if number < trials {
            running.spawn(kill_one(Random::new(seeds.next(), 0)));
        }
    }
    Ok(vec![
        Check::exactly("parents killed", times.len() as u64, trials as u64),
        Check::figure("children and grandchildren", processes),
        Check::none("orphans after a second", orphans),
        Check::figure("until none was left, p50", format_args!("{:.1?}", times.percentile(50))),
        Check::figure("until none was left, longest", format_args!("{:.1?}", times.percentile(100))),
    ])
}

/// How many processes a parent had started, how many are left of them a second after its end, and when there was none.
async fn kill_one(mut random: Random) -> Result<(u64, u64, Duration)> {
    let mut nest = Command::new(std::env::current_exe()?)
        .arg("nest")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let started = within(PATIENCE, "a parent program that starts its children", started(&mut nest)).await??;
    sleep(Duration::from_micros(random.below(MOMENT_MICROS))).await;
    nest.start_kill()?;
    let start = Instant::now();
    nest.wait().await?;
    let alive = || started.iter().filter(|process| process.lives()).count() as u64;
    eventually(LIMIT.saturating_sub(start.elapsed()), || alive() == 0).await;
    Ok((started.len() as u64, alive(), start.elapsed()))
}

/// What it says to have started.
async fn started(nest: &mut Child) -> Result<Vec<Identity>> {
    let stdout = nest.stdout.take().ok_or("it has no output")?;
    let line = BufReader::new(stdout).lines().next_line().await?.ok_or("it said nothing")?;
    let pids = line.split(' ').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    let all: Option<Vec<_>> = pids.iter().map(|pid| Identity::of(*pid)).collect();
    Ok(all.ok_or("a process had ended before its parent was killed")?)
}

/// The parent program: children that do nothing, that compute, and that hold up their own runtime, each with a program
/// it has started itself.
pub(crate) fn nest() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let parent = Parent::new();
        let (mut children, mut pids) = (Vec::new(), Vec::new());
        for name in ["idle", "computing", "deaf"] {
            let child = parent.spawn(worker(name)).await?;
            pids.extend([child.pid(), child.request(Breed {}).await?]);
            children.push(child);
        }
        let minute = 60_000;
        let computing = children[1].request(Burn { nonce: 0, millis: minute }).into_future();
        let deaf = children[2].request(crate::toil::Hog { nonce: 0, millis: minute }).into_future();
        let both = tokio::spawn(async { tokio::join!(computing, deaf) });
        sleep(Duration::from_millis(5)).await;
        let words: Vec<_> = pids.iter().map(u32::to_string).collect();
        writeln!(io::stdout(), "{}", words.join(" "))?;
        both.await?.0?;
        Ok(())
    })
}
