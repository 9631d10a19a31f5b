//! A parent program, for what can only be seen from outside of one.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it reports on stdout")]

use std::error::Error;
use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use kinfolk::child;
use kinfolk::parent::{ChildSpec, Parent, Program, Stdio};
use kinfolk_tests::{Begin, Compute, Deed, Do, Drill, Echo};

fn main() -> ExitCode {
    if child::role().as_deref() == Some("quiet") {
        return child::main(|me: child::Me<Drill>| me.on_message(|_, Echo(number)| async move { Ok(number) }).run());
    }
    if child::role().as_deref() == Some("lingering") {
        return child::main(|me: child::Me<Drill>| async move {
            me.on_message(|_, Echo(number)| async move { Ok(number) }).run().await?;
            // It blocks its runtime for longer than a child outlives a parent that is dead.
            std::thread::sleep(Duration::from_secs(1));
            Ok(())
        });
    }
    // Any other role is overlooked, as by a program that forgot to ask: `Parent::spawn` must notice.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::from(3)
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("compute") => compute().await,
        Some("judge") => judge().await,
        Some("cycles") => cycles().await,
        Some("leave-behind") => leave_behind().await,
        Some("drop") => leave(false).await,
        Some("exit") => leave(true).await,
        _ => {
            Parent::new().spawn(worker("any")).await?;
            Ok(())
        }
    }
}

fn worker(name: &str) -> ChildSpec<Drill, kinfolk::parent::WithInit<Drill>> {
    ChildSpec::<Drill>::new(name, Program::sibling("worker")).init(Begin::Well)
}

/// Two children that compute, and nothing else until this process is killed.
async fn compute() -> Result<(), Box<dyn Error>> {
    let parent = Parent::new();
    let (one, two) = (parent.spawn(worker("one")).await?, parent.spawn(worker("two")).await?);
    println!("{} {}", one.pid(), two.pid());
    let minute = || Compute(60_000);
    let (_, _) = tokio::join!(one.request(minute()).into_future(), two.request(minute()).into_future());
    Ok(())
}

/// A child that is judged by as many milliseconds as the second argument says, and computes for as many as the third.
/// Reports how it comes out of it.
async fn judge() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(2).map(|number| number.parse::<u64>());
    let (Some(limit), Some(long)) = (numbers.next(), numbers.next()) else { return Err("two numbers are due".into()) };
    let parent = Parent::new();
    let child = parent.spawn(worker("judged").frozen_after(Some(Duration::from_millis(limit?)))).await?;
    println!("{}", child.pid());
    match child.request(Do(Deed::Occupy(long?))).await {
        Ok(()) => println!("answered"),
        Err(error) => println!("{error}"),
    }
    Ok(())
}

/// A child that has started a program of its own, and nothing else until this process is killed.
async fn leave_behind() -> Result<(), Box<dyn Error>> {
    let parent = Parent::new();
    let child = parent.spawn(worker("leaving")).await?;
    child.request(Do(Deed::LeaveBehind { session: false })).await?;
    println!("{}", child.pid());
    child.wait().await;
    Ok(())
}

/// Starts and kills many children, and reports what is left of them.
async fn cycles() -> Result<(), Box<dyn Error>> {
    let parent = Parent::new();
    cycle(&parent, 10).await?;
    let before = descriptors()?;
    cycle(&parent, 200).await?;
    println!("{} {} {}", before, descriptors()?, zombies()?);
    Ok(())
}

async fn cycle(parent: &Parent, times: u64) -> Result<(), Box<dyn Error>> {
    for number in 0..times {
        let spec = ChildSpec::<Drill>::new("cycle", Program::current_exe("quiet")).init(Begin::Well);
        let spec = spec.stdout(Stdio::lines()).stderr(Stdio::lines()).frozen_after(Some(Duration::from_secs(2)));
        let child = parent.spawn(spec).await?;
        assert_eq!(child.request(Echo(number)).await?, number);
        child.kill().await;
    }
    Ok(())
}

fn descriptors() -> std::io::Result<usize> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

/// Children of this process, ended or not.
fn zombies() -> std::io::Result<usize> {
    let children = fs::read_to_string(format!("/proc/self/task/{}/children", std::process::id()))?;
    Ok(children.split_whitespace().count())
}

/// Ends this process without a word to its child: by dropping the `Parent`, or by `exit` with it alive.
async fn leave(exit: bool) -> Result<(), Box<dyn Error>> {
    let parent = Parent::new();
    let child = parent.spawn(worker("left")).await?;
    println!("{}", child.pid());
    let computing = tokio::spawn(child.request(Compute(60_000)).into_future());
    tokio::task::yield_now().await;
    if exit {
        std::process::exit(0);
    }
    drop(parent);
    let gone = !fs::exists(format!("/proc/{}", child.pid()))?;
    println!("{}", if gone { "gone" } else { "there" });
    computing.abort();
    Ok(())
}
