//! A child that is given ends of ports, and talks to its siblings over them.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::future::pending;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::join_all;
use kinfolk::child::{self, Cx, Me};
use kinfolk::port::{OpenError, PeerHandle, Peering};
use kinfolk::{Blob, BlobBuilder, Fault, Handle, ToChild, ToParent};
use kinfolk_tests::cousins::{
    Answer, Answers, Ask, AskLater, Asks, Begun, Cousins, Descriptors, Do, Errand, Half, Ply, Ponder, Read, Refuse,
    See, Seen, Twice,
};

#[derive(Default)]
struct Home {
    trusting: bool,
    begun: Arc<AtomicU64>,
    /// The sibling that is asked.
    asked: Mutex<Option<PeerHandle<ToChild<Ply>>>>,
}

fn main() -> ExitCode {
    child::main(worker)
}

async fn worker(mut me: Me<Cousins>) -> child::Result {
    let home = Home { trusting: me.init().trusting, ..Home::default() };
    if let Some(port) = me.init_mut().port.take() {
        home.answer(port).await?;
    }
    me.state(Arc::new(home))
        .on_message(|cx: Cx<Answer, Arc<Home>>, Answer(port)| async move { opened(cx.state().answer(port).await) })
        .on_message(|cx: Cx<Ask, Arc<Home>>, Ask(port)| async move { opened(cx.state().ask(port).await) })
        .on_message(|cx: Cx<AskLater, Arc<Home>>, AskLater(port)| async move {
            cx.state().ask(port).await.expect("it opens");
        })
        .on_message(|_, Refuse(port)| async move {
            drop(port);
            Ok(())
        })
        .on_message(|cx: Cx<Do, Arc<Home>>, Do(errand)| async move { run(cx.state(), errand).await })
        .on_message(|cx: Cx<Begun, Arc<Home>>, _| async move { Ok(cx.state().begun.load(Ordering::Relaxed)) })
        .on_message(|_, _: Descriptors| async { descriptors() })
        .run()
        .await
}

/// The kind of an error is to be seen, and not its words only.
fn opened<T>(result: Result<T, OpenError>) -> child::Result {
    result.map(drop).map_err(|error| Fault::new(format!("{error:?}")))
}

impl Home {
    async fn ask(&self, port: Asks) -> Result<(), OpenError> {
        let peer = Peering::new(port).on_message(|_, Half(number)| async move { Ok(number / 2) }).open().await?;
        *self.asked.lock().expect("nobody panics") = Some(peer);
        Ok(())
    }

    async fn answer(&self, port: Answers) -> Result<PeerHandle<ToParent<Ply>>, OpenError> {
        let begun = Arc::clone(&self.begun);
        let peering = Peering::new(port)
            .concurrency(1)
            .on_message(|cx, Twice(number)| async move { Ok(4 * cx.peer().request(Half(number)).await?) })
            .on_message(move |_, _: Ponder| {
                begun.fetch_add(1, Ordering::Relaxed);
                pending()
            })
            .on_message(|_, See(blob)| async move { see(&blob) })
            .on_message(|_, Read(file)| async move { Ok(std::io::read_to_string(&*file)?) });
        if self.trusting { peering.trusted() } else { peering }.open().await
    }
}

async fn run(home: &Home, errand: Errand) -> child::Result<String> {
    let peer = home.asked.lock().expect("nobody panics").clone();
    let peer = peer.ok_or_else(|| Fault::new("there is nobody to ask"))?;
    match errand {
        Errand::Twice(number) => Ok(peer.request(Twice(number)).await?.to_string()),
        Errand::Ponder(calls) => {
            let ends = join_all((0..calls).map(|_| peer.request(Ponder).into_future())).await;
            let mut told = Vec::new();
            for end in ends {
                let error = end.expect_err("nobody answers");
                told.push(format!("{} {:?}", error.is_lost(), error.delivery()));
            }
            Ok(format!("{}; {:?}", told.join(", "), peer.closed().await))
        }
        Errand::See { length, sealed } => {
            let blob = build(length, sealed)?;
            let Seen { sum: theirs, in_place } = peer.request(See(blob.clone())).await?;
            Ok(format!("{} {}", theirs == sum(&blob), if in_place { "in place" } else { "copied" }))
        }
        Errand::Read(path) => Ok(peer.request(Read(Handle::new(File::open(path)?))).await?),
        Errand::Close => Ok(format!("{:?}", peer.close().await)),
    }
}

fn build(length: usize, sealed: bool) -> child::Result<Blob> {
    let bytes: Vec<u8> = (0..length).map(|at| at as u8 ^ (at >> 8) as u8).collect();
    if !sealed {
        return Ok(Blob::from(bytes));
    }
    let mut builder = BlobBuilder::zeroed(length)?;
    builder.as_mut().copy_from_slice(&bytes);
    Ok(builder.finish()?)
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().zip(1..).fold(0, |sum, (byte, place)| sum.wrapping_add(u64::from(*byte) * place))
}

/// Shared memory is mapped from a file in memory, a copy is not.
fn see(blob: &Blob) -> child::Result<Seen> {
    let at = blob.as_ptr() as usize;
    let maps = fs::read_to_string("/proc/self/maps")?;
    let within = |line: &&str| {
        let range = line.split_whitespace().next().and_then(|range| range.split_once('-'));
        let ends = range.map(|(start, end)| (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16)));
        matches!(ends, Some((Ok(start), Ok(end))) if (start..end).contains(&at))
    };
    let in_place = maps.lines().find(within).is_some_and(|line| line.contains("memfd:"));
    Ok(Seen { sum: sum(blob), in_place })
}

fn descriptors() -> child::Result<Vec<String>> {
    let entries = fs::read_dir("/proc/self/fd")?;
    // The directory itself is one, gone by now.
    let targets = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let mut targets: Vec<_> = targets.map(|target| target.display().to_string()).collect();
    targets.retain(|target| !target.ends_with("/fd"));
    targets.sort();
    Ok(targets)
}
