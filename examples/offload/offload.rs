//! The run: starts the children, keeps them busy, and puts together what they answer.

use std::ffi::OsString;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt, stream};
use kinfolk::parent::{CallError, Child, ChildSpec, Parent, Program, StartError};
use kinfolk::{Call, ChildName, Message, Payload, Protocol, ToChild};

use crate::language;
use crate::parent::Failure;
use crate::progress::{Bar, Board};
use crate::protocols::{
    Count, CountFile, CountInit, Counted, Digest, DigestFile, DigestInit, FileError, Squeeze, SqueezeFile, SqueezeInit,
    Squeezed, Sum, Timed,
};
use crate::report::{Staff, report};
use crate::summary::{Answers, Summary};
use crate::walk::Tree;

/// How hard deflate tries: what most programs choose.
const LEVEL: u32 = 6;

/// Does all the work and returns the report.
pub(crate) async fn offload(tree: Tree) -> Result<String, Failure> {
    let started = Instant::now();
    let board = Board::new();
    for reason in &tree.unlisted {
        board.say(&format!("not listed: {reason}"));
    }
    let parent = Parent::new();
    let team = Team::start(&parent, &tree).await?;
    let (sums, sizes, counts) = team.work(&tree.files, &board).await?;
    let staff = team.dismiss([sums.effort, sizes.effort, counts.effort]).await;
    let summary = Summary::new(tree.files, sums.answers, sizes.answers, counts.answers);
    for (file, reason) in &summary.skipped {
        board.say(&format!("skipped {file:?}: {reason}"));
    }
    Ok(report(&staff, &summary, started.elapsed()))
}

/// Three children, of three types: a message for one cannot be sent to another.
struct Team {
    digest: Child<Digest>,
    squeeze: Child<Squeeze>,
    count: Child<Count>,
    /// Threads of each child. Every one of them may have all processors: which work is the hardest depends on the
    /// files.
    threads: usize,
}

impl Team {
    async fn start(parent: &Parent, tree: &Tree) -> Result<Self, StartError> {
        let root = || tree.root.as_os_str().to_owned();
        let threads = available_parallelism().map_or(1, NonZero::get);
        let digest = ChildSpec::<Digest>::new("digest-1", Program::current_exe("digest"))
            .init(DigestInit { root: root(), threads });
        let squeeze = ChildSpec::<Squeeze>::new("squeeze-1", Program::current_exe("squeeze")).init(SqueezeInit {
            root: root(),
            threads,
            level: LEVEL,
        });
        let count = ChildSpec::<Count>::new("count-1", Program::current_exe("count")).init(CountInit {
            root: root(),
            threads,
            languages: language::table(),
        });
        let (digest, squeeze, count) =
            futures::try_join!(parent.spawn(digest), parent.spawn(squeeze), parent.spawn(count))?;
        Ok(Self { digest, squeeze, count, threads })
    }

    /// Every child gets every file, each at its own pace. If one of them ends, even one that has nothing left to do,
    /// the calls of the others are dropped, which cancels them.
    async fn work(&self, files: &[OsString], board: &Board) -> Result<Results, Failure> {
        let bar = |child: &ChildName| board.bar(child.as_str(), files.len() as u64);
        let mut bars = [bar(self.digest.name()), bar(self.squeeze.name()), bar(self.count.name())];
        let results = tokio::select! {
            // In this order: if a call was lost with its child, that says more than the child's end alone.
            biased;
            results = self.answers(files, &mut bars) => results,
            report = self.digest.wait() => Err(Failure::Ended(report)),
            report = self.squeeze.wait() => Err(Failure::Ended(report)),
            report = self.count.wait() => Err(Failure::Ended(report)),
        };
        // Before the bars are dropped: what a dropped bar has left on the screen stays there.
        board.clear();
        results
    }

    async fn answers(&self, files: &[OsString], bars: &mut [Bar; 3]) -> Result<Results, Failure> {
        // As much again as a child can do at once, so that no thread of it waits for the parent.
        let window = self.threads * 2;
        let [digest, squeeze, count] = bars;
        futures::try_join!(
            work(&self.digest, files, window, DigestFile, digest),
            work(&self.squeeze, files, window, SqueezeFile, squeeze),
            work(&self.count, files, window, CountFile, count),
        )
    }

    async fn dismiss(self, efforts: [Effort; 3]) -> [Staff; 3] {
        let [digest, squeeze, count] = efforts;
        let staff = futures::join!(
            dismiss(self.digest, "digest", digest),
            dismiss(self.squeeze, "squeeze", squeeze),
            dismiss(self.count, "count", count),
        );
        staff.into()
    }
}

async fn dismiss<P: Protocol>(child: Child<P>, role: &'static str, effort: Effort) -> Staff {
    let Effort { calls, failed, busy } = effort;
    let (name, pid) = (child.name().to_string(), child.pid());
    let end = child.shutdown().await;
    let (ended, cpu) = (end.status.to_string(), end.usage.user + end.usage.system);
    Staff { name, role, ended, pid, calls, failed, busy, cpu }
}

/// What the team found out.
type Results = (Work<Sum>, Work<Squeezed>, Work<Counted>);

/// What one child answered, and what it cost.
struct Work<T> {
    answers: Answers<T>,
    effort: Effort,
}

#[derive(Default)]
struct Effort {
    calls: u64,
    failed: u64,
    busy: Duration,
}

async fn work<P, M, T>(
    child: &Child<P>,
    files: &[OsString],
    window: usize,
    message: impl Fn(OsString) -> M,
    bar: &mut Bar,
) -> Result<Work<T>, Failure>
where
    P: Protocol,
    M: Message<To = ToChild<P>, Contract = Call<Timed<T>, FileError>>,
    T: Payload,
{
    let mut effort = Effort::default();
    let mut answers = Vec::with_capacity(files.len());
    // As they come: a large file must not hold up the small ones behind it.
    let mut calls = stream::iter(files.iter().enumerate())
        .map(|(at, file)| child.request(message(file.clone())).into_future().map(move |answer| (at, answer)))
        .buffer_unordered(window);
    while let Some((at, answer)) = calls.next().await {
        answers.push((at, effort.add(answer).map_err(|source| Failure::Call { file: files[at].clone(), source })?));
        bar.step();
    }
    drop(calls);
    answers.sort_unstable_by_key(|(at, _)| *at);
    Ok(Work { answers: answers.into_iter().map(|(_, answer)| answer).collect(), effort })
}

impl Effort {
    /// Sorts an answer: the child's own errors belong to the report, all others end the run.
    fn add<T>(
        &mut self,
        answer: Result<Timed<T>, CallError<FileError>>,
    ) -> Result<Result<T, FileError>, Box<CallError<FileError>>> {
        self.calls += 1;
        match answer {
            Ok(Timed { value, busy }) => {
                self.busy += busy;
                Ok(Ok(value))
            }
            Err(CallError::App(reason)) => {
                self.failed += 1;
                Ok(Err(reason))
            }
            Err(other) => Err(Box::new(other)),
        }
    }
}
