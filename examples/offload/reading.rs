//! How the children read a file: in pieces, with an end, and with errors a caller can tell apart.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use kinfolk::Cancelled;

use crate::protocols::FileError;

/// Large enough that a read costs little beside the work on what was read, small enough for the processor's cache.
const PIECE: usize = 64 * 1024;

/// Hands the file to `take`, piece by piece, and returns how many bytes there were.
///
/// It reads no more than the file held when it was opened: a log that grows, or a file of `/proc` that blocks and has
/// no length, does not hold a child for ever.
pub(crate) fn read(
    root: &OsStr,
    file: &OsStr,
    mut take: impl FnMut(&[u8]) -> Result<(), FileError>,
) -> Result<u64, FileError> {
    let path = Path::new(root).join(file);
    // It was a regular file when the parent listed it. If it is a FIFO by now, opening it would block.
    if !std::fs::symlink_metadata(&path)?.is_file() {
        return Err(FileError::NotAFile);
    }
    let file = File::open(&path)?;
    let length = file.metadata()?.len();
    pieces(file.take(length), &mut take)
}

fn pieces(mut source: impl Read, take: &mut impl FnMut(&[u8]) -> Result<(), FileError>) -> Result<u64, FileError> {
    let mut piece = vec![0; PIECE];
    let mut total = 0;
    loop {
        match source.read(&mut piece) {
            Ok(0) => return Ok(total),
            Ok(bytes) => {
                take(&piece[..bytes])?;
                total += bytes as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::Denied,
            _ => Self::Broken(error.to_string()),
        }
    }
}

impl From<Cancelled> for FileError {
    fn from(_: Cancelled) -> Self {
        Self::Stopped
    }
}
