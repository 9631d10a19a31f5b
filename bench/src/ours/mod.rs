//! kinfolk with its default settings, used the way its documentation shows.

mod blobs;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use kinfolk::child::Me;
use kinfolk::parent::{Child, ChildSpec, Parent, Program, Replies};
use kinfolk::{Bincode, Blob, Call, Fault, Limits, Message, OneWay, Protocol, Streaming, ToChild, Version};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::fairness::{Beside, CALL, ITEM, Streamed, Streamer, nanos_since};
use crate::peer::{Peer, Result, SMALL, ensure, noise, touch};

pub(crate) use self::blobs::Lender;

const ROLE: &str = "bench";

enum Bench {}
impl Protocol for Bench {
    const NAME: &'static str = "kinfolk-bench";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
    /// What is long travels over the socket, as the limits' payloads do: see [`blobs`] for shared memory.
    const LIMITS: Limits = Limits::DEFAULT.blob_bytes(0);
}

/// Sent back as it came.
#[derive(Serialize, Deserialize)]
struct Echo(ByteBuf);
impl Message for Echo {
    type To = ToChild<Bench>;
    type Contract = Call<ByteBuf>;
    const NAME: &'static str = "Echo";
}

/// The same, long.
#[derive(Serialize, Deserialize)]
struct Mirror(Blob);
impl Message for Mirror {
    type To = ToChild<Bench>;
    type Contract = Call<Blob>;
    const NAME: &'static str = "Mirror";
}

/// Read once, answered with its [`touch`]ed sum.
#[derive(Serialize, Deserialize)]
struct Upload(Blob);
impl Message for Upload {
    type To = ToChild<Bench>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Upload";
}

/// Counted, not answered.
#[derive(Serialize, Deserialize)]
struct Note(ByteBuf);
impl Message for Note {
    type To = ToChild<Bench>;
    type Contract = OneWay;
    const NAME: &'static str = "Note";
}

/// Asks for so many items.
#[derive(Serialize, Deserialize)]
struct Flow(usize);
impl Message for Flow {
    type To = ToChild<Bench>;
    type Contract = Streaming<ByteBuf>;
    const NAME: &'static str = "Flow";
}

/// Asks how many notes have been handled.
#[derive(Serialize, Deserialize)]
struct Count;
impl Message for Count {
    type To = ToChild<Bench>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Count";
}

/// Runs the child this process was started as, if it was.
pub(crate) fn child_main() -> Option<ExitCode> {
    match kinfolk::child::role().as_deref() {
        Some(ROLE) => Some(kinfolk::child::main(worker)),
        Some(blobs::ROLE) => Some(kinfolk::child::main(blobs::worker)),
        _ => None,
    }
}

async fn worker(me: Me<Bench>) -> std::result::Result<(), Fault> {
    me.state(AtomicU64::new(0))
        .on_message(|_, Echo(bytes): Echo| async move { Ok(bytes) })
        .on_message(|_, Mirror(blob): Mirror| async move { Ok(blob) })
        .on_message(|_, Upload(bytes): Upload| async move { Ok(touch(&bytes)) })
        .on_message(|cx, _: Note| async move {
            cx.state().fetch_add(1, Ordering::Relaxed);
        })
        .on_message(|cx, _: Count| async move { Ok(cx.state().load(Ordering::Relaxed)) })
        .on_message(|cx, Flow(items): Flow| async move {
            let item = noise(ITEM);
            for _ in 0..items {
                cx.send(ByteBuf::from(item.to_vec())).await;
            }
            Ok(())
        })
        .run()
        .await
}

/// The parent's side.
#[derive(Debug)]
pub(crate) struct Kinfolk {
    /// Kills the child when dropped, should a measurement fail.
    parent: Parent,
    child: Child<Bench>,
    noted: u64,
}

impl Kinfolk {
    /// Waits until the child has handled all notes. Calls may overtake one-way messages, so it may have to ask again.
    async fn confirmed(&self) -> Result<()> {
        let give_up = Instant::now() + Duration::from_secs(30);
        loop {
            if self.child.request(Count).await? >= self.noted {
                return Ok(());
            }
            ensure(Instant::now() < give_up, "one-way messages got lost")?;
        }
    }
}

/// What a program would put into its message.
pub(crate) enum Payload {
    Short(ByteBuf),
    Long(Blob),
}

impl Peer for Kinfolk {
    type Payload = Payload;

    async fn start() -> Result<Self> {
        let parent = Parent::new();
        let spec = ChildSpec::<Bench>::new(ROLE, Program::current_exe(ROLE)).limits(Bench::LIMITS);
        let child = parent.spawn(spec).await?;
        Ok(Self { parent, child, noted: 0 })
    }

    fn pid(&self) -> u32 {
        self.child.pid()
    }

    fn payload(source: &Bytes) -> Payload {
        if source.len() == SMALL { Payload::Short(short(source)) } else { Payload::Long(Blob::from(source.clone())) }
    }

    async fn echo(&mut self, payload: Payload) -> Result<usize> {
        Ok(match payload {
            Payload::Short(bytes) => self.child.request(Echo(bytes)).await?.len(),
            Payload::Long(blob) => self.child.request(Mirror(blob)).await?.len(),
        })
    }

    async fn upload(&mut self, payload: Payload) -> Result<u64> {
        let Payload::Long(blob) = payload else { return Err("only long payloads are uploaded".into()) };
        Ok(self.child.request(Upload(blob)).await?)
    }

    async fn in_flight(&mut self, calls: usize, duration: Duration) -> Result<u64> {
        let end = Instant::now() + duration;
        let callers: Vec<_> = (0..calls).map(|_| tokio::spawn(call_until(self.child.clone(), end))).collect();
        let mut answered = 0;
        for caller in callers {
            answered += caller.await??;
        }
        Ok(answered)
    }

    async fn one_way(&mut self, duration: Duration) -> Result<u64> {
        let source = noise(SMALL);
        let start = Instant::now();
        let before = self.noted;
        while start.elapsed() < duration {
            // Reading the clock is a tenth of a message: once in a while is enough.
            for _ in 0..64 {
                self.child.send(Note(short(&source))).await?;
            }
            self.noted += 64;
        }
        self.confirmed().await?;
        Ok(self.noted - before)
    }

    async fn stop(self) -> Result<()> {
        let report = self.child.shutdown().await;
        self.parent.shutdown().await;
        ensure(report.status.is_success(), "kinfolk's child failed")
    }
}

fn short(source: &Bytes) -> ByteBuf {
    ByteBuf::from(source.to_vec())
}

async fn call_until(child: Child<Bench>, end: Instant) -> Result<u64> {
    let source = noise(SMALL);
    let mut answered = 0;
    while Instant::now() < end {
        child.request(Echo(short(&source))).await?;
        answered += 1;
    }
    Ok(answered)
}

impl Streamer for Kinfolk {
    async fn open() -> Result<Self> {
        Self::start().await
    }

    async fn calls(&mut self, duration: Duration) -> Result<Vec<u64>> {
        let end = Instant::now() + duration;
        calls_while(&self.child, || Instant::now() < end).await
    }

    async fn stream(&mut self, items: usize, beside: Beside) -> Result<Streamed> {
        let start = Instant::now();
        let reading = tokio::spawn(read(self.child.stream(Flow(items)), items));
        let calls = match beside {
            Beside::Nothing => Vec::new(),
            Beside::Calls => calls_while(&self.child, || !reading.is_finished()).await?,
        };
        let ended = reading.await??;
        Ok(Streamed { took: ended.duration_since(start), calls })
    }

    async fn close(self) -> Result<()> {
        self.stop().await
    }
}

async fn calls_while(child: &Child<Bench>, goes_on: impl Fn() -> bool) -> Result<Vec<u64>> {
    let source = noise(CALL);
    let mut nanos = Vec::with_capacity(1 << 18);
    while goes_on() {
        let payload = short(&source);
        let sent = Instant::now();
        ensure(child.request(Echo(payload)).await?.len() == CALL, "an echo has the wrong length")?;
        nanos.push(nanos_since(sent));
    }
    Ok(nanos)
}

/// Reads a stream to its end, and says when that was.
async fn read(mut stream: Replies<Flow>, items: usize) -> Result<Instant> {
    let mut bytes = 0;
    while let Some(item) = stream.next().await {
        let item = item?;
        touch(&item);
        bytes += item.len();
    }
    ensure(bytes == items * ITEM, "a stream came incomplete")?;
    Ok(Instant::now())
}
