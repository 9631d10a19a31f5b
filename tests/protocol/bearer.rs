//! What a bearer does with its parcels: in a program of its own, and within a test's process.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use kinfolk::child::{self, Cx, Me, ParentHandle};
use kinfolk::{Blob, BlobBuilder, Fault, Handle, Region};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::parcels::{
    Churn, Clog, Echo, Fetch, Files, Forget, Hand, Handed, Hang, Keep, Lay, Luggage, Make, Mirror, Narrow, NarrowEcho,
    NarrowForget, NarrowKeep, Number, Panic, Parcels, Pass, PassAll, Plant, Post, Posted, Put, Read, ReadAll, Reflect,
    Restrict, Sealed, Spread, Tally, Unload, Unpack, file, inode, pattern, text,
};

/// What a bearer has.
#[derive(Debug, Default)]
struct State {
    luggage: Mutex<Luggage>,
    kept: Mutex<Vec<Blob>>,
}

impl State {
    fn keep(&self, blob: Blob) -> u64 {
        let mut kept = self.kept();
        kept.push(blob);
        kept.len() as u64
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Blob>> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A bearer's life.
///
/// # Errors
/// Its link's.
pub async fn bearer(me: Me<Parcels>) -> child::Result {
    let files = me.init().files.iter().map(|file| Ok(Handle::new(file.try_clone()?)));
    let luggage = Luggage { blob: me.init().blob.clone(), files: files.collect::<std::io::Result<_>>()? };
    let serve = me
        .state(State { luggage: Mutex::new(luggage), kept: Mutex::default() })
        .on_message(|_, Echo(blobs)| async move { Ok(blobs) })
        .on_message(|_, Make(length, count, sealed)| async move { make(length, count, sealed) })
        .on_message(|_, Plant(tree, well)| async move { if well { Ok(tree) } else { Err(tree) } })
        .on_message(spread)
        .on_message(unload)
        .on_message(|cx: Cx<Post, State>, Post(blob)| async move { drop(cx.parent().send(Posted(blob)).await) })
        .on_message(|cx: Cx<Reflect, State>, Reflect(blob)| async move { Ok(cx.parent().request(Mirror(blob)).await?) })
        .on_message(|cx: Cx<Keep, State>, Keep(blob)| async move { Ok(cx.state().keep(blob)) })
        .on_message(|cx: Cx<Put, State>, Put(blob)| async move {
            cx.state().keep(blob);
        })
        .on_message(|cx: Cx<Fetch, State>, Fetch()| async move { Ok(cx.state().kept().clone()) })
        .on_message(|cx: Cx<Forget, State>, Forget()| async move {
            cx.state().kept().clear();
            Ok(())
        })
        .on_message(|_, Hang(blob, file)| async move {
            let _held = (blob, file);
            std::future::pending().await
        })
        .on_message(|_, Panic(blob, _)| async move { panic!("with {} bytes in hand", blob.len()) })
        .on_message(|_, Clog(blob)| async move {
            let _held = blob;
            std::future::pending().await
        });
    with_handles(serve).run().await?;
    Ok(())
}

fn tally(Tally(region, place, times): &Tally) -> u64 {
    let atomic = &region[*place as usize];
    for _ in 0..*times {
        atomic.fetch_add(1, Ordering::Relaxed);
    }
    atomic.load(Ordering::Relaxed)
}

fn lay(count: u64) -> std::io::Result<Region<AtomicU32>> {
    let region = Region::<AtomicU32>::new(count as usize)?;
    region.store(0, &(0..count as u32).collect::<Vec<_>>());
    Ok(region)
}

fn with_handles(serve: child::Serve<Parcels, State>) -> child::Serve<Parcels, State> {
    serve
        .on_blocking(|_, task| Ok(tally(&task)))
        .on_message(|_, Lay(count)| async move { Ok(lay(count)?) })
        .on_message(|_, Read(file)| async move { Ok(text(&file)?) })
        .on_message(|_, ReadAll(files)| async move { Ok(texts(&files)?) })
        .on_message(|_, Pass(thing)| async move {
            let inode = thing.inode();
            Ok((thing, inode))
        })
        .on_message(|cx: Cx<PassAll, State>, PassAll(files)| async move {
            for file in files {
                cx.send(file).await;
            }
            Ok(())
        })
        .on_message(|_, Files(count)| async move {
            let files = (0..count).map(|number| Ok(Handle::new(file(&number.to_string())?)));
            Ok(files.collect::<std::io::Result<Vec<_>>>()?)
        })
        .on_message(|cx: Cx<Hand, State>, Hand(number, file)| async move {
            drop(cx.parent().send(Handed(number, file)).await);
        })
        .on_message(|cx: Cx<Unpack, State>, Unpack()| async move {
            let luggage = cx.state().luggage.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            Ok((luggage.blob.clone(), texts(&luggage.files)?))
        })
        .on_message(|_, Restrict(files)| async move { Ok(restrict(files)?) })
        .on_message(|_, Sealed()| async move { Ok(sealed()?) })
        .on_message(|cx: Cx<Churn, State>, Churn()| churn(cx.parent()))
        .on_message(|_, Number(number)| async move { Ok(number) })
}

/// A bearer's life within narrow limits.
///
/// # Errors
/// Its link's.
pub async fn narrow(me: Me<Narrow>) -> child::Result {
    me.state(State::default())
        .on_message(|_, NarrowEcho(blobs)| async move { Ok(blobs) })
        .on_message(|cx: Cx<NarrowKeep, State>, NarrowKeep(blob)| async move { Ok(cx.state().keep(blob)) })
        .on_message(|cx: Cx<NarrowForget, State>, NarrowForget()| async move {
            cx.state().kept().clear();
            Ok(())
        })
        .run()
        .await?;
    Ok(())
}

fn make(length: u64, count: u32, sealed: bool) -> Result<Vec<Blob>, Fault> {
    let one = |number: u32| {
        let blob = pattern(u64::from(number), length as usize);
        if !sealed {
            return Ok(blob);
        }
        let mut builder = BlobBuilder::zeroed(blob.len())?;
        builder.as_mut().copy_from_slice(&blob);
        Ok(builder.finish()?)
    };
    (0..count).map(one).collect()
}

async fn spread(cx: Cx<Spread, State>, Spread(blobs, well): Spread) -> Result<(), Vec<Blob>> {
    for blob in &blobs {
        cx.send(blob.clone()).await;
    }
    if well { Ok(()) } else { Err(blobs) }
}

async fn unload(cx: Cx<Unload, State>, Unload(blobs): Unload) -> Result<u64, Fault> {
    let count = blobs.len() as u64;
    for blob in blobs {
        cx.send(blob).await;
    }
    Ok(count)
}

async fn churn(parent: ParentHandle<Parcels>) {
    let mut number = 0;
    loop {
        let Ok(file) = file("churned") else { return };
        let blob = pattern(number, 200_000);
        if parent.send(Posted(blob)).await.is_err() || parent.send(Handed(number, file.into())).await.is_err() {
            return;
        }
        number += 1;
    }
}

fn texts(files: &[Handle<std::fs::File>]) -> std::io::Result<Vec<String>> {
    files.iter().map(|file| text(file)).collect()
}

/// Lets this process have so many more descriptors than it has. The limit is on their numbers, which have gaps.
///
/// # Errors
/// Those of the system.
pub fn restrict(more: u64) -> std::io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    let list = std::fs::read_dir("/proc/self/fd")?;
    let mut taken: Vec<u64> = list.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // The one that reads the list is free again by then.
    taken.retain(|number| std::fs::read_link(format!("/proc/self/fd/{number}")).is_ok());
    let end = (0..).filter(|number| !taken.contains(number)).nth(more as usize).unwrap_or(more);
    setrlimit(Resource::Nofile, Rlimit { current: Some(end), ..limit })?;
    Ok(end)
}

/// The memory of sealed blobs that this process has a descriptor of.
fn sealed() -> std::io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let path = entry?.path();
        let leads_to = std::fs::read_link(&path).map(|to| to.display().to_string()).unwrap_or_default();
        if leads_to.contains("/memfd:kinfolk-frozen") {
            found.push(inode(std::fs::File::open(&path)?));
        }
    }
    Ok(found)
}
