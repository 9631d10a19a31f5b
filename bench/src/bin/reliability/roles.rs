//! What this executable is as a child.

use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use kinfolk::Fault as Failed;
use kinfolk::child::{self, Cx, Job, Me};
use rustix::process::{Signal, getpid, kill_process};

use crate::crash;
use crate::fault::{self, Stage};
use crate::history::Executions;
use crate::hostile;
use crate::toil::{Again, Breed, Burn, Carry, Dose, Explode, Hog, Later, Linger, Once, Overrun, Toil};

/// The child of this role.
pub(crate) fn play(role: &str) -> ExitCode {
    let played = match role {
        "worker" => return child::main(work),
        "crasher" => fault::prepare().map(|()| child::main(crash)),
        "raw" => crash::raw::play(),
        "hostile" => hostile::child::play(),
        "parked" => loop {
            thread::park();
        },
        _ => return ExitCode::FAILURE,
    };
    played.unwrap_or(ExitCode::FAILURE)
}

async fn work(me: Me<Toil>) -> child::Result {
    let executions = me.init().history.as_deref().map(Executions::open).transpose()?;
    serve(me, executions).run().await
}

/// A child that may come to grief at any stage.
async fn crash(me: Me<Toil>) -> child::Result {
    let fault = me.init().fault;
    let raise = |at: Stage| fault.iter().filter(|(stage, _)| *stage == at).for_each(|(_, fault)| fault::raise(*fault));
    raise(Stage::Init);
    serve(me, None).run().await?;
    raise(Stage::AtExit);
    Ok(())
}

type Serving = child::Serve<Toil, Option<Executions>>;

fn serve(me: Me<Toil>, executions: Option<Executions>) -> Serving {
    let serving = me
        .state(executions)
        .on_message(|cx: Cx<Again, _>, Again { id, nonce, micros }| async move {
            begun(cx.state(), id, nonce)?;
            rest(micros).await;
            Ok(nonce)
        })
        .on_message(|cx: Cx<Once, _>, Once { id, nonce, micros }| async move {
            begun(cx.state(), id, nonce)?;
            rest(micros).await;
            Ok(nonce)
        })
        .on_message(|_, Dose { id, lethal }| async move {
            if lethal {
                // To itself a process may send any.
                let _ = kill_process(getpid(), Signal::KILL);
            }
            Ok(id)
        })
        .on_message(|_, Carry { ballast, micros }| async move {
            rest(micros).await;
            Ok(ballast.len() as u64)
        })
        .on_message(|_, Breed {}| async move { Ok(breed()?) });
    come_to_grief(take_too_long(serving))
}

fn take_too_long(serving: Serving) -> Serving {
    serving
        .on_blocking(|_: &Job<Burn, _>, Burn { nonce, millis }| Ok(burn(nonce, millis)))
        .on_message(|_, Hog { nonce, millis }| async move { Ok(burn(nonce, millis)) })
        .on_blocking(|_: &Job<Overrun, _>, Overrun { nonce, millis }| {
            thread::sleep(Duration::from_millis(millis));
            Ok(nonce)
        })
}

fn come_to_grief(serving: Serving) -> Serving {
    serving
        .on_message(|_, Explode { charge }| async move {
            if charge.0 == Stage::Handler {
                fault::raise(charge.1);
            }
            Ok(charge)
        })
        .on_blocking(|job: &Job<Linger, _>, Linger { fault }| {
            while !job.is_cancelled() {
                thread::sleep(Duration::from_millis(1));
            }
            fault::raise(fault);
            Ok(0)
        })
        .on_message(|_, Later { fault }| async move {
            thread::Builder::new().spawn(move || {
                thread::sleep(Duration::from_millis(30));
                fault::raise(fault);
            })?;
            Ok(0)
        })
}

fn begun(executions: &Option<Executions>, id: u64, nonce: u64) -> Result<(), Failed> {
    executions.as_ref().map_or(Ok(()), |executions| executions.begun(id, nonce)).map_err(Failed::from)
}

async fn rest(micros: u64) {
    if micros > 0 {
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}

fn burn(nonce: u64, millis: u64) -> u64 {
    let end = Instant::now() + Duration::from_millis(millis);
    while Instant::now() < end {
        for round in 0..10_000 {
            black_box(round);
        }
    }
    nonce
}

/// A program that would outlive everybody, in the group of its child.
#[expect(clippy::disallowed_methods, reason = "a grandchild that is to be left behind")]
fn breed() -> std::io::Result<u32> {
    Ok(Command::new("sleep").arg("600").spawn()?.id())
}
