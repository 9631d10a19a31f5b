//! The child program: counts on a thread of its own, and leaves nothing unfinished behind.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use kinfolk::child::{self, Job, Me, ParentHandle};

use crate::protocol::{CountPrimes, Counted, Permille, Primes, TakenAway};
use crate::sieve::Sieve;

/// Drafts begun so far: each has a name of its own, since a thread that was told to stop may still be at work when the
/// next count begins.
type Drafts = AtomicU64;

/// What the role does.
pub(crate) async fn worker(me: Me<Primes>) -> child::Result {
    me.state(Drafts::new(0)).on_blocking(count).run().await
}

/// Every `?` in here leaves by way of the draft's drop, a cancel's too.
fn count(job: &Job<CountPrimes, Drafts>, task: CountPrimes) -> child::Result<Counted> {
    let number = job.state().fetch_add(1, Ordering::Relaxed);
    let mut draft = Draft::begin(task.table.with_extension(format!("unfinished-{number}")), job.parent())?;
    let (mut counted, mut told) = (Counted { primes: 0, lines: 0 }, Permille(0));
    for segment in Sieve::new(task.below) {
        // Some hundred times a second: a cancel is not to wait, and asking costs one load.
        job.check()?;
        counted.primes += segment.primes;
        counted.lines += 1;
        writeln!(draft.file, "{} {}", segment.end, counted.primes)?;
        let done = Permille((segment.end * 1_000 / task.below.max(1)) as u16);
        if done > told {
            job.send(done)?;
            told = done;
        }
    }
    draft.finish(&task.table)?;
    Ok(counted)
}

/// A file without its final name. Dropped before it is finished, it is taken away.
struct Draft {
    file: BufWriter<File>,
    path: PathBuf,
    finished: bool,
    parent: ParentHandle<Primes>,
}

impl Draft {
    fn begin(path: PathBuf, parent: ParentHandle<Primes>) -> child::Result<Self> {
        Ok(Self { file: BufWriter::new(File::create(&path)?), path, finished: false, parent })
    }

    fn finish(mut self, table: &Path) -> child::Result<()> {
        self.file.flush()?;
        fs::rename(&self.path, table)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished && fs::remove_file(&self.path).is_ok() {
            // A drop cannot wait: without room nobody is told, and the file is gone all the same.
            let _ = self.parent.try_send(TakenAway { file: self.path.clone() });
        }
    }
}
