//! Which program a child runs, found before anything is started.

use std::env;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use futures::future::BoxFuture;
use thiserror::Error;

use crate::invitation::Invitation;

/// Which program a child runs.
#[derive(Debug)]
pub struct Program(Choice);

#[derive(Debug)]
enum Choice {
    Path(PathBuf),
    Sibling(String),
    CurrentExe(String),
    Search(String),
    Attach(Invitation),
    Hosted(Host),
}

impl Program {
    /// The program at `path`, absolute or relative to the parent's working directory.
    #[must_use]
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Choice::Path(path.into()))
    }

    /// The program called `name` in the folder of the current executable: the usual choice for programs that are
    /// built and installed together. If that folder is Cargo's `deps` or `examples`, where tests and examples lie,
    /// the folder above counts too.
    #[must_use]
    pub fn sibling(name: impl Into<String>) -> Self {
        Self(Choice::Sibling(name.into()))
    }

    /// The current executable once more, to play `role`: its `main` asks `kinfolk::child::role()` first.
    ///
    /// On Linux it is run by way of `/proc/self/exe`, so it is the same one even if its file was replaced meanwhile.
    #[must_use]
    pub fn current_exe(role: impl Into<String>) -> Self {
        Self(Choice::CurrentExe(role.into()))
    }

    /// The first program called `name` in the folders of the parent's `PATH`.
    #[must_use]
    pub fn search(name: impl Into<String>) -> Self {
        Self(Choice::Search(name.into()))
    }

    /// A program that somebody else starts, by hand or under a debugger, with the variable the invitation shows. Only
    /// the link is the parent's then: arguments, environment and output are not, and its exit status stays unknown.
    #[must_use]
    pub fn attach(invitation: Invitation) -> Self {
        Self(Choice::Attach(invitation))
    }

    /// A child that runs within this program, on the other end of a link: what `kinfolk::testing::in_process` is made
    /// of. `start` gets that end.
    #[doc(hidden)]
    #[must_use]
    pub fn hosted(start: impl FnOnce(OwnedFd) -> io::Result<Arc<dyn Hosted>> + Send + 'static) -> Self {
        Self(Choice::Hosted(Host(Box::new(start))))
    }

    pub(crate) fn resolve(self) -> Result<Resolved, ProgramError> {
        match self.0 {
            Choice::Path(path) => Ok(Resolved::Run { program: checked(path)?, role: None }),
            Choice::Sibling(name) => Ok(Resolved::Run { program: sibling(&name)?, role: None }),
            Choice::Search(name) => Ok(Resolved::Run { program: search(&name)?, role: None }),
            Choice::CurrentExe(role) => {
                Ok(Resolved::Run { program: PathBuf::from("/proc/self/exe"), role: Some(role) })
            }
            Choice::Attach(invitation) => Ok(Resolved::Attach(invitation)),
            Choice::Hosted(host) => Ok(Resolved::Hosted(host)),
        }
    }
}

/// What is to be done to get the process.
#[derive(Debug)]
pub(crate) enum Resolved {
    Run { program: PathBuf, role: Option<String> },
    Attach(Invitation),
    Hosted(Host),
}

/// A child without a process of its own.
pub trait Hosted: fmt::Debug + Send + Sync + 'static {
    /// Waits until it has ended.
    fn ended(&self) -> BoxFuture<'_, ()>;
    /// Ends it, as far as that is possible without a process to kill.
    fn end(&self);
    /// How it ended, once it has.
    fn status(&self) -> Option<ExitStatus>;
}

type Begin = dyn FnOnce(OwnedFd) -> io::Result<Arc<dyn Hosted>> + Send;

/// How to start it.
pub(crate) struct Host(pub(crate) Box<Begin>);

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}

/// Why a program cannot be run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// There is no such file.
    #[error("there is no file {}: build or install it, or correct the path", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// It is a directory.
    #[error("{} is a directory, not a program", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
    },
    /// It may not be executed.
    #[error("{} may not be executed: set its run bit (chmod +x)", path.display())]
    NotExecutable {
        /// The file.
        path: PathBuf,
    },
    /// No folder holds it.
    #[error("no program `{name}` in {}", Folders(searched))]
    NotFound {
        /// The program.
        name: String,
        /// The folders that were searched.
        searched: Vec<PathBuf>,
    },
    /// The operating system does not say.
    #[error("{} cannot be looked at", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says instead.
        source: io::Error,
    },
}

struct Folders<'a>(&'a [PathBuf]);

impl fmt::Display for Folders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("PATH, which is empty or not set");
        }
        for (at, folder) in self.0.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, folder.display())?;
        }
        Ok(())
    }
}

/// The absolute path of a program that can be run.
fn checked(path: PathBuf) -> Result<PathBuf, ProgramError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ProgramError::Missing { path }),
        Err(source) => return Err(ProgramError::Io { path, source }),
    };
    if metadata.is_dir() {
        return Err(ProgramError::Directory { path });
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(ProgramError::NotExecutable { path });
    }
    std::path::absolute(&path).map_err(|source| ProgramError::Io { path, source })
}

fn sibling(name: &str) -> Result<PathBuf, ProgramError> {
    let io = |source| ProgramError::Io { path: PathBuf::from("the current executable"), source };
    let current = env::current_exe().map_err(io)?;
    let folder = current.parent().unwrap_or(Path::new("/"));
    let mut searched = vec![folder.to_owned()];
    if folder.ends_with("deps") || folder.ends_with("examples") {
        searched.extend(folder.parent().map(Path::to_owned));
    }
    first(name, searched)
}

fn search(name: &str) -> Result<PathBuf, ProgramError> {
    let folders = env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    first(name, folders)
}

fn first(name: &str, searched: Vec<PathBuf>) -> Result<PathBuf, ProgramError> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    let found = searched.iter().find_map(|folder| checked(folder.join(&file)).ok());
    found.ok_or_else(|| ProgramError::NotFound { name: name.to_owned(), searched })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(program: Program) -> String {
        program.resolve().unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_run_is_told_with_the_reason() {
        assert!(refusal(Program::path("/no/such/file")).contains("there is no file /no/such/file"));
        assert!(refusal(Program::path("/")).contains("is a directory"));
        assert!(refusal(Program::path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).contains("chmod +x"));
        assert!(refusal(Program::sibling("no-such-program")).contains("deps"));
        assert!(refusal(Program::search("no-such-program")).contains("no program `no-such-program` in"));
    }

    #[test]
    fn a_program_in_the_path_is_found() {
        let Resolved::Run { program, .. } = Program::search("sh").resolve().unwrap() else { panic!() };
        assert!(program.is_absolute());
    }
}
