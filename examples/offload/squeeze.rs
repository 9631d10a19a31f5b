//! The child program that measures how well files compress.

use std::ffi::OsString;
use std::io::{self, Write};
use std::time::Instant;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use kinfolk::Fault;
use kinfolk::child::{Job, Me};

use crate::protocols::{FileError, Squeeze, SqueezeFile, Squeezed, Timed};
use crate::reading::read;

struct Press {
    root: OsString,
    level: Compression,
}

/// What the role does. An error before `run` is the parent's `InitFailed`: it never sees this child ready.
pub(crate) async fn worker(me: Me<Squeeze>) -> Result<(), Fault> {
    let init = me.init();
    if init.level > 9 {
        return Err(Fault::new(format!("compression levels go from 0 to 9, not to {}", init.level)));
    }
    let threads = init.threads;
    let press = Press { root: init.root.clone(), level: Compression::new(init.level) };
    me.state(press).on_blocking(squeeze).concurrency(threads).run().await
}

fn squeeze(job: &Job<SqueezeFile, Press>, SqueezeFile(file): SqueezeFile) -> Result<Timed<Squeezed>, FileError> {
    let started = Instant::now();
    let mut encoder = DeflateEncoder::new(Tally(0), job.state().level);
    let before = read(&job.state().root, &file, |piece| {
        job.check()?;
        Ok(encoder.write_all(piece)?)
    })?;
    let Tally(after) = encoder.finish()?;
    Ok(Timed { value: Squeezed { before, after }, busy: started.elapsed() })
}

/// Counts what it is given and keeps nothing: only the size is asked for.
struct Tally(u64);

impl Write for Tally {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
