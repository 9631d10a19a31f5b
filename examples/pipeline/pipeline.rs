//! The three children: started, joined, and joined anew when the one in the middle has ended.
#![expect(clippy::print_stdout, reason = "what happens to them is there to be read")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::{join, try_join};
use kinfolk::parent::{CallError, Child, ChildSpec, Parent, Program};
use kinfolk::{Answered, Fault, Message, Reply, ToChild, port};

use crate::protocols::{Check, DeliverAll, Delivered, Join, Output, Reach, Reading, SendTo, Squeezing, TakeFrom};
use crate::protocols::{Writing, Written};

/// Squeezers that may take the place of another: when there is something wrong with each of them, that is to end.
const REPLACEMENTS: u32 = 20;

/// The neighbours of the squeezer, which stay.
pub(crate) struct Pipeline<'a> {
    parent: &'a Parent,
    reader: Child<Reading>,
    writer: Child<Writing>,
    /// Messages that this process has sent or got.
    messages: AtomicU64,
}

impl<'a> Pipeline<'a> {
    pub(crate) async fn start(parent: &'a Parent, output: Output) -> Result<Self, Fault> {
        let reader = ChildSpec::<Reading>::new("reader", Program::current_exe("reader"));
        let writer = ChildSpec::<Writing>::new("writer", Program::current_exe("writer")).init(output);
        let (reader, writer) = try_join!(parent.spawn(reader), parent.spawn(writer))?;
        println!("reader is process {}, writer is process {}", reader.pid(), writer.pid());
        Ok(Self { parent, reader, writer, messages: AtomicU64::new(0) })
    }

    /// Has all blocks delivered. Whether there is a squeezer is for [`keep_joined`](Self::keep_joined) to see to.
    pub(crate) async fn deliver(&self, blocks: u64) -> Result<Delivered, Fault> {
        self.ask(&self.reader, DeliverAll { blocks }).await
    }

    pub(crate) async fn check(&self) -> Result<Written, Fault> {
        self.ask(&self.writer, Check).await
    }

    /// Sees to it that there is a squeezer, and kills one when so many blocks have arrived. Returns only if it cannot.
    pub(crate) async fn keep_joined<T>(&self, mut kill_after: Option<u64>) -> Result<T, Fault> {
        for number in 1..=REPLACEMENTS {
            let name = format!("squeezer-{number}");
            let squeezer = ChildSpec::<Squeezing>::new(&name, Program::current_exe("squeezer"));
            let squeezer = self.parent.spawn(squeezer).await?;
            let started = Instant::now();
            if let Err(fault) = self.join(&squeezer).await {
                // It may have ended by itself; if it has not, it is of no use.
                println!("{name}: {}, before it was joined: {fault:#}", squeezer.kill().await);
                continue;
            }
            let (pid, took) = (squeezer.pid(), started.elapsed());
            println!("{name} is process {pid}, joined to its neighbours within {took:.1?}");
            let report = tokio::select! {
                report = squeezer.wait() => report,
                reached = self.reached(kill_after) => {
                    println!("killing {name}: {} blocks have arrived", reached?);
                    kill_after = None;
                    squeezer.kill().await
                }
            };
            println!("{name}: {report}");
        }
        Err(Fault::new(format!("{REPLACEMENTS} squeezers have ended before their time")))
    }

    /// Gives the squeezer and its neighbours the ends of two new links. All three open at once, and each answers when
    /// its ends are open.
    async fn join(&self, squeezer: &Child<Squeezing>) -> Result<(), Fault> {
        let (sends, from) = port::pair()?;
        let (to, takes) = port::pair()?;
        try_join!(
            self.ask(&self.writer, TakeFrom(takes)),
            self.ask(&self.reader, SendTo(sends)),
            self.ask(squeezer, Join { from, to }),
        )?;
        Ok(())
    }

    /// Returns when so many blocks have arrived; never, if nobody asks for it.
    async fn reached(&self, blocks: Option<u64>) -> Result<u64, Fault> {
        let Some(blocks) = blocks else { return std::future::pending().await };
        self.ask(&self.writer, Reach { blocks }).await?;
        Ok(blocks)
    }

    /// Ends the two that stay, and tells how much memory they took: what was under way at once, whatever came through.
    pub(crate) async fn end(&self) {
        let (reader, writer) = join!(self.reader.shutdown(), self.writer.shutdown());
        for report in [reader, writer] {
            let most = report.usage.max_resident as f64 / f64::from(1 << 20);
            println!("{}: {report}, at most {most:.0} MiB of memory", report.child);
        }
    }

    /// A call, counted with its answer.
    async fn ask<P, M>(&self, child: &Child<P>, message: M) -> Result<Reply<M>, Fault>
    where
        P: kinfolk::Protocol,
        M: Message<To = ToChild<P>>,
        M::Contract: Answered<Error = Fault>,
    {
        self.messages.fetch_add(1, Ordering::Relaxed);
        let answer = child.request(message).await.map_err(CallError::into);
        self.messages.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// How many messages this process has sent or got.
    pub(crate) fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }
}
