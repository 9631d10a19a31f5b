//! The last child: unpacks blocks, puts each in its place, and knows which it has.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flate2::read::DeflateDecoder;
use kinfolk::child::{self, Cx, Job, Me};
use kinfolk::port::Peering;
use kinfolk::{Blob, Fault};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::block;
use crate::protocols::{Check, Keep, Output, Reach, TakeFrom, Writing, Written};

/// The output so far.
struct Shelf {
    file: File,
    slow: Duration,
    /// Numbers of the blocks that are in their places.
    kept: watch::Sender<BTreeSet<u64>>,
    squeezed: AtomicU64,
    twice: AtomicU64,
}

/// What the role does.
pub(crate) async fn worker(me: Me<Writing>) -> child::Result {
    let Output { file: path, slow } = me.init();
    let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
    let file = file.map_err(|error| Fault::from(error).context(format!("cannot write {}", path.display())))?;
    let shelf = Shelf {
        file,
        slow: *slow,
        kept: watch::Sender::default(),
        squeezed: AtomicU64::new(0),
        twice: AtomicU64::new(0),
    };
    me.state(Arc::new(shelf)).on_message(take_from).on_message(reach).on_blocking(check).run().await
}

/// The link has handlers, and so serves on without a handle until the squeezer is gone.
async fn take_from(cx: Cx<TakeFrom, Arc<Shelf>>, TakeFrom(port): TakeFrom) -> child::Result {
    let shelf = Arc::clone(cx.state());
    Peering::new(port).on_message(move |_, message: Keep| keep(Arc::clone(&shelf), message)).open().await?;
    Ok(())
}

async fn keep(shelf: Arc<Shelf>, Keep { number, packed }: Keep) -> child::Result {
    let slow = shelf.slow;
    spawn_blocking(move || shelf.keep(number, &packed)).await??;
    if !slow.is_zero() {
        sleep(slow).await;
    }
    Ok(())
}

impl Shelf {
    /// Counts a block once it is in its place. If its squeezer dies meanwhile nobody is told, and the block comes once
    /// more.
    fn keep(&self, number: u64, packed: &Blob) -> child::Result {
        if self.kept.borrow().contains(&number) {
            self.twice.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(block::LENGTH);
        // One byte too many is enough to be found out.
        DeflateDecoder::new(&packed[..]).take(block::LENGTH as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() != block::LENGTH || !bytes.starts_with(&number.to_le_bytes()) {
            return Err(Fault::new(format!("what came as block {number} is something else")));
        }
        self.file.write_all_at(&bytes, number * block::LENGTH as u64)?;
        // A second one may have been unpacked at the same time: the bytes are the same, and one of the two counts.
        if self.kept.send_if_modified(|kept| kept.insert(number)) {
            self.squeezed.fetch_add(packed.len() as u64, Ordering::Relaxed);
        } else {
            self.twice.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The sum of the file as it is on disk, and its length.
    fn sum(&self) -> io::Result<(String, u64)> {
        let (mut sum, mut at, mut piece) = (Sha256::new(), 0, vec![0; block::LENGTH]);
        loop {
            match self.file.read_at(&mut piece, at)? {
                0 => return Ok((block::hex(sum), at)),
                count => {
                    sum.update(&piece[..count]);
                    at += count as u64;
                }
            }
        }
    }
}

async fn reach(cx: Cx<Reach, Arc<Shelf>>, Reach { blocks }: Reach) -> child::Result {
    cx.state().kept.subscribe().wait_for(|kept| kept.len() as u64 >= blocks).await?;
    Ok(())
}

fn check(job: &Job<Check, Arc<Shelf>>, _: Check) -> child::Result<Written> {
    let shelf = job.state();
    let (sum, bytes) = shelf.sum()?;
    Ok(Written {
        blocks: shelf.kept.borrow().len() as u64,
        bytes,
        squeezed: shelf.squeezed.load(Ordering::Relaxed),
        twice: shelf.twice.load(Ordering::Relaxed),
        sum,
    })
}
