//! A child that streams, reports progress and asks its parent back, with `--tight` within the smallest limits.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use kinfolk::Fault;
use kinfolk::child::{self, CallError, Cx, Job, Me, ParentHandle};
use kinfolk::parent::{ChildSpec, Parent, Program};
use kinfolk_tests::Denied;
use kinfolk_tests::relay::{
    Ask, Bounce, BounceBack, Count, Counters, Feed, Flaw, Grow, Hang, Haul, Heard, Hoist, Left, Opening, Piece, Pieces,
    Question, Refuse, Relay, Report, Say, Step, Stumble, Tell, Tight, Toil, Told, Wait, Who,
};
use serde_bytes::ByteBuf;

struct State {
    parent: ParentHandle<Relay>,
    before: String,
    begun: AtomicU64,
    dropped: AtomicU64,
    sent: AtomicU64,
}

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--tight") {
        return child::main(tight);
    }
    if std::env::args().any(|arg| arg == "--multi-thread") {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        return runtime.expect("a runtime").block_on(child::enter(roomy));
    }
    child::main(roomy)
}

async fn roomy(me: Me<Relay>) -> child::Result {
    let before = match me.init() {
        Opening::Plain => String::new(),
        Opening::Asking => me.parent().request(Who()).await?,
        Opening::Needing => {
            me.parent().request(Refuse()).await.map_err(|error| Fault::new(error.to_string()).context("asking"))?;
            String::new()
        }
    };
    let parent = me.parent().clone();
    let [begun, dropped, sent] = [(); 3].map(|()| AtomicU64::new(0));
    me.state(State { parent, before, begun, dropped, sent })
        .on_message(report)
        .on_message(pieces)
        .on_message(|cx: Cx<Counters, State>, Counters()| async move { Ok(cx.state().count()) })
        .on_message(|cx, Ask(question)| async move { ask(&cx, question).await })
        .on_message(bounce)
        .on_blocking(toil)
        .on_message(|cx: Cx<Wait, State>, Wait()| async move {
            let _working = Working::new(cx.state());
            std::future::pending().await
        })
        .on_message(|_, Grow(mut bytes, more)| async move {
            let length = bytes.len() + more as usize;
            bytes.resize(length, 7);
            Ok(bytes)
        })
        .on_message(|cx: Cx<Say, State>, Say(number, bytes)| async move {
            // A parent that is gone hears nothing.
            let _ = cx.parent().send(Heard(number, bytes)).await;
        })
        .run()
        .await?;
    Ok(())
}

impl State {
    fn count(&self) -> Count {
        let [begun, dropped, sent] = [&self.begun, &self.dropped, &self.sent].map(|count| count.load(Ordering::SeqCst));
        Count { begun, dropped, sent }
    }
}

/// A handler at work, counted if it is dropped before it is done.
struct Working<'a>(&'a State, bool);

impl<'a> Working<'a> {
    fn new(state: &'a State) -> Self {
        state.begun.fetch_add(1, Ordering::SeqCst);
        Self(state, false)
    }

    fn sent(&self) {
        self.0.sent.fetch_add(1, Ordering::SeqCst);
    }

    fn done(mut self) {
        self.1 = true;
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn report(cx: Cx<Report, State>, Report { steps, blocking, flaw }: Report) -> Result<u64, Denied> {
    let step = move |number| Step { number, flaw: flaw.filter(|_: &Flaw| number + 1 == steps) };
    if blocking {
        return cx
            .blocking(move |job| {
                let working = Working::new(job.state());
                for number in 0..steps {
                    job.send(step(number))?;
                    working.sent();
                }
                working.done();
                Ok(steps)
            })
            .await;
    }
    let working = Working::new(cx.state());
    for number in 0..steps {
        cx.send(step(number)).await;
        working.sent();
    }
    working.done();
    Ok(steps)
}

async fn pieces(cx: Cx<Pieces, State>, asked: Pieces) -> Result<(), Denied> {
    let Pieces { count, sizes, blocking, decline } = asked;
    let piece = move |number: u64| {
        let size = sizes.get(number as usize % sizes.len().max(1)).copied().unwrap_or(0);
        Piece { number, bytes: ByteBuf::from(vec![number as u8; size as usize]) }
    };
    if blocking {
        return cx
            .blocking(move |job| {
                let working = Working::new(job.state());
                for number in 0..count {
                    job.send(piece(number))?;
                    working.sent();
                }
                working.done();
                Ok(())
            })
            .await;
    }
    let working = Working::new(cx.state());
    for number in 0..count {
        cx.send(piece(number)).await;
        working.sent();
    }
    working.done();
    if decline { Err(Denied(format!("after {count}"))) } else { Ok(()) }
}

async fn ask(cx: &Cx<Ask, State>, question: Question) -> Result<String, Fault> {
    let working = Working::new(cx.state());
    let parent = cx.parent();
    let answer = match question {
        Question::Who => parent.request(Who()).await?,
        Question::WhoBlocking => cx.clone().blocking(|job| job.wait(job.parent().request(Who()).into_future())).await?,
        Question::WhoUnasked => cx.state().parent.request(Who()).await?,
        Question::Before => cx.state().before.clone(),
        Question::Refuse => words(parent.request(Refuse()).await),
        Question::Stumble => words(parent.request(Stumble()).await),
        Question::Hang => words(parent.request(Hang()).await),
        Question::Left => format!("{:?}", parent.request(Left()).await?),
        Question::OwnLeft => format!("{:?}", cx.deadline().map(micros)),
        Question::GrandchildLeft => grandchild().await?,
        Question::Feed(count) => {
            let fed: Vec<u64> = parent.stream(Feed(count)).try_collect().await?;
            fed.iter().sum::<u64>().to_string()
        }
    };
    working.done();
    Ok(answer)
}

fn micros(deadline: Instant) -> u64 {
    deadline.saturating_duration_since(Instant::now()).as_micros() as u64
}

/// Which end of a call it was, and what it said.
fn words<E: std::fmt::Display + std::fmt::Debug>(result: Result<(), CallError<E>>) -> String {
    match result {
        Ok(()) => "answered".into(),
        Err(CallError::App(error)) => format!("declined: {error}"),
        Err(CallError::Panicked { panic, .. }) => format!("panicked: {}", panic.message),
        Err(CallError::Unsupported { .. }) => "unsupported".into(),
        Err(CallError::Deadline { .. }) => "deadline".into(),
        Err(error) => format!("{error:?}"),
    }
}

/// Asks a child of its own how much time it has. The deadline comes with this handler, without a word here.
async fn grandchild() -> Result<String, Fault> {
    let parent = Parent::new();
    let spec = ChildSpec::<Relay>::new("grandchild", Program::sibling("asker")).init(Opening::Plain);
    let child = parent.spawn(spec).await?;
    let left = child.request(Ask(Question::OwnLeft)).await?;
    parent.shutdown().await;
    Ok(left)
}

async fn bounce(cx: Cx<Bounce, State>, Bounce(depth): Bounce) -> Result<u64, Fault> {
    match depth.checked_sub(1) {
        Some(next) => Ok(cx.parent().request(BounceBack(next)).await? + 1),
        None => Ok(0),
    }
}

fn toil(job: &Job<Toil, State>, Toil { deaf }: Toil) -> Result<u64, Fault> {
    let working = Working::new(job.state());
    let end = Instant::now() + Duration::from_secs(60);
    let mut rounds = 0_u64;
    while Instant::now() < end {
        if !deaf {
            job.check()?;
        }
        rounds = rounds.wrapping_mul(31).wrapping_add(1);
    }
    working.done();
    Ok(rounds)
}

async fn tight(me: Me<Tight>) -> child::Result {
    me.on_message(|cx: Cx<Haul>, Haul(bytes)| async move {
        cx.send(bytes.clone()).await;
        let mut carried = ByteBuf::new();
        let back = cx.parent().request(Hoist(bytes)).on_progress(|bytes| carried = bytes).await?;
        if carried == back { Ok(back) } else { Err(Fault::new("progress and reply differ")) }
    })
    .on_message(|cx: Cx<Tell>, Tell(bytes)| async move {
        // A parent that is gone is told nothing.
        let _ = cx.parent().send(Told(bytes)).await;
    })
    .run()
    .await?;
    Ok(())
}
