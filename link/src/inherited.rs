//! The socket a child inherits as descriptor 0, and the variables that tell it so.
//!
//! As a standard stream the socket needs no `pre_exec`, which would cost the fast way to spawn, and no other child can
//! inherit it by accident.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::fs::{FileType, fstat};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stdin, stdin};

/// Tells a child that descriptor 0 is its link: the socket's device and inode. A grandchild that inherits the variable
/// finds another descriptor there.
pub const LINK_VARIABLE: &str = "KINFOLK_LINK";
/// Tells a child which role of its program it is to play.
pub const ROLE_VARIABLE: &str = "KINFOLK_ROLE";

/// Both ends of a link that is about to be inherited.
#[derive(Debug)]
pub struct InheritedPair {
    /// The parent's end.
    pub ours: OwnedFd,
    /// The child's end, to become its descriptor 0.
    pub theirs: OwnedFd,
    /// The value of [`LINK_VARIABLE`].
    pub id: String,
}

impl InheritedPair {
    /// A new pair of connected sockets, closed on exec.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn new() -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let id = socket_id(theirs.as_fd()).ok_or_else(|| io::Error::other("a new socket is not a socket"))?;
        Ok(Self { ours: ours.into(), theirs: theirs.into(), id })
    }
}

fn socket_id(fd: BorrowedFd<'_>) -> Option<String> {
    let stat = fstat(fd).ok()?;
    (FileType::from_raw_mode(stat.st_mode) == FileType::Socket).then(|| format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// True if descriptor 0 is a link that nobody has claimed yet.
#[must_use]
pub fn is_waiting() -> bool {
    std::env::var(LINK_VARIABLE).is_ok_and(|id| socket_id(stdin()).is_some_and(|found| found == id))
}

/// The role this process was started with, if its link has not been claimed yet.
#[must_use]
pub fn waiting_role() -> Option<String> {
    if is_waiting() { std::env::var(ROLE_VARIABLE).ok() } else { None }
}

/// Takes the inherited link: moves it to a descriptor that is closed on exec, and opens the null device as 0. `None`
/// if there is none, or if it has been claimed.
///
/// # Errors
/// No descriptor is left, or there is no null device.
pub fn claim() -> io::Result<Option<OwnedFd>> {
    if !is_waiting() {
        return Ok(None);
    }
    let link = fcntl_dupfd_cloexec(stdin(), 3)?;
    dup2_stdin(File::open("/dev/null")?)?;
    Ok(Some(link))
}
