//! Which files there are: the only part of the work that the parent does itself.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};
use thiserror::Error;

/// A directory and the regular files below it.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Absolute, so that a child finds it from any working directory.
    pub(crate) root: PathBuf,
    /// Paths relative to `root`, sorted: the combined digest depends on their order.
    pub(crate) files: Vec<OsString>,
    /// Why parts of the directory could not be listed, a sentence each.
    pub(crate) unlisted: Vec<String>,
}

/// Why there is nothing to walk.
#[derive(Debug, Error)]
pub(crate) enum WalkError {
    /// Nothing has that name.
    #[error("there is no directory {0:?}")]
    Missing(PathBuf),
    /// Something else has that name.
    #[error("{0:?} is not a directory")]
    NotADirectory(PathBuf),
    /// It cannot be looked at.
    #[error("{path:?} cannot be opened")]
    Closed {
        /// What was asked for.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Lists `dir`, leaving out what its `.gitignore` files name and everything that is not a regular file: reading a FIFO
/// waits for a writer that may never come, and reading a device may never end.
pub(crate) fn walk(dir: &Path) -> Result<Tree, WalkError> {
    let root = open(dir)?;
    let mut files = Vec::new();
    let mut unlisted = Vec::new();
    // Hidden files are part of a project, `.git` is not. `.gitignore` counts outside of a repository, too.
    let entries = WalkBuilder::new(&root)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != OsStr::new(".git"))
        .build();
    for entry in entries {
        match entry {
            Ok(entry) => files.extend(regular(&root, &entry)),
            // A file name may hold what a terminal obeys.
            Err(error) => unlisted.push(error.to_string().escape_debug().to_string()),
        }
    }
    files.sort_unstable();
    Ok(Tree { root, files, unlisted })
}

fn open(dir: &Path) -> Result<PathBuf, WalkError> {
    let closed = |source| WalkError::Closed { path: dir.to_owned(), source };
    match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(WalkError::Missing(dir.to_owned())),
        Err(error) => return Err(closed(error)),
        Ok(found) if !found.is_dir() => return Err(WalkError::NotADirectory(dir.to_owned())),
        Ok(_) => {}
    }
    // Asked for here, because the walk below would report a closed root as one more entry to skip.
    fs::read_dir(dir).map_err(closed)?;
    fs::canonicalize(dir).map_err(closed)
}

fn regular(root: &Path, entry: &DirEntry) -> Option<OsString> {
    // The type is of the entry itself: a symbolic link is none, so no file is read twice and no link leads outside.
    let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
    let path = entry.path().strip_prefix(root).ok()?;
    is_file.then(|| path.as_os_str().to_owned())
}
