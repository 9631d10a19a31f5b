//! The child program that digests files.

use std::ffi::OsString;
use std::time::Instant;

use kinfolk::Fault;
use kinfolk::child::{Job, Me};
use sha2::{Digest as _, Sha256};

use crate::protocols::{Digest, DigestFile, FileError, Sum, Timed};
use crate::reading::read;

struct Place {
    root: OsString,
}

/// What the role does: from its init value to the end of its last call.
pub(crate) async fn worker(me: Me<Digest>) -> Result<(), Fault> {
    let threads = me.init().threads;
    let place = Place { root: me.init().root.clone() };
    me.state(place).on_blocking(digest).concurrency(threads).run().await
}

fn digest(job: &Job<DigestFile, Place>, DigestFile(file): DigestFile) -> Result<Timed<Sum>, FileError> {
    let started = Instant::now();
    let mut hasher = Sha256::new();
    read(&job.state().root, &file, |piece| {
        job.check()?;
        hasher.update(piece);
        Ok(())
    })?;
    Ok(Timed { value: Sum(hasher.finalize().into()), busy: started.elapsed() })
}
