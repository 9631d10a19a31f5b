//! A named local socket, for a child that is started by hand: under a debugger or a profiler, in another terminal.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use interprocess::local_socket::tokio::Listener;
use interprocess::local_socket::traits::tokio::Listener as _;
use interprocess::local_socket::traits::{Stream as _, StreamCommon as _};
use interprocess::local_socket::{GenericFilePath, ListenerOptions, Stream as BlockingStream, ToFsName as _};
use kinfolk_protocol::Token;

/// Tells a program started by hand where its parent waits: the path of the socket, `#`, and a secret of 32 digits.
pub const CONNECT_VARIABLE: &str = "KINFOLK_CONNECT";

/// Where a parent waits for one child that somebody else starts.
///
/// The socket lies in a directory that only this user may enter, and is removed when the endpoint is dropped.
#[derive(Debug)]
pub struct Endpoint {
    listener: Listener,
    directory: PathBuf,
    token: Token,
}

/// A process that connected to an [`Endpoint`], not yet known to have the token.
#[derive(Debug)]
pub struct Visitor {
    /// Its end of the connection.
    pub link: OwnedFd,
    /// Its process, as the kernel says.
    pub pid: u32,
}

impl Endpoint {
    /// Opens an endpoint under a fresh name. Needs a runtime.
    ///
    /// # Errors
    /// The temporary directory cannot be written, or its path is too long for a socket (108 bytes on Linux).
    pub fn open() -> io::Result<Self> {
        let token = Token::new(random()?);
        let directory = private_directory()?;
        let listener = ListenerOptions::new()
            .name(socket_path(&directory).to_fs_name::<GenericFilePath>()?)
            .create_tokio()
            .inspect_err(|_| drop(fs::remove_dir_all(&directory)))?;
        Ok(Self { listener, directory, token })
    }

    /// The value of [`CONNECT_VARIABLE`] for the child: a secret.
    #[must_use]
    pub fn invitation(&self) -> String {
        format!("{}#{}", socket_path(&self.directory).display(), self.token.to_hex())
    }

    /// What the child has to show.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// Waits for a process of this user to connect; others are turned away.
    ///
    /// # Errors
    /// The socket fails.
    ///
    /// # Cancel safety
    /// Nothing is lost: a process that has not been accepted stays queued.
    pub async fn accept(&self) -> io::Result<Visitor> {
        loop {
            let stream = self.listener.accept().await?;
            // A visitor that has left again must not keep others out.
            let Ok(peer) = stream.peer_creds() else { continue };
            let ours = rustix::process::geteuid().as_raw();
            let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
            let (Some(pid), Some(uid)) = (pid, peer.euid()) else { continue };
            if uid == ours {
                let interprocess::local_socket::tokio::Stream::UdSocket(stream) = stream;
                let Ok(link) = OwnedFd::try_from(stream) else { continue };
                return Ok(Visitor { link, pid });
            }
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // Nothing waits for this: a directory that stays behind is empty of secrets.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn socket_path(directory: &Path) -> PathBuf {
    directory.join("link")
}

/// A new directory that only this user may enter: who cannot enter it cannot connect.
fn private_directory() -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let name = u64::from_ne_bytes(random()?);
    let directory = std::env::temp_dir().join(format!("kinfolk-{name:016x}"));
    fs::DirBuilder::new().mode(0o700).create(&directory)?;
    Ok(directory)
}

fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(bytes)
}

/// Connects to the endpoint an invitation names, blocking.
///
/// # Errors
/// The invitation is malformed, or nobody waits there.
pub fn connect(invitation: &str) -> io::Result<(OwnedFd, Token)> {
    let malformed = || {
        let text = format!("{CONNECT_VARIABLE} is not of the form `path#32 hexadecimal digits`");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    };
    let (path, token) = invitation.rsplit_once('#').ok_or_else(malformed)?;
    let token = Token::from_hex(token).ok_or_else(malformed)?;
    let BlockingStream::UdSocket(stream) = BlockingStream::connect(path.to_fs_name::<GenericFilePath>()?)?;
    Ok((stream.into(), token))
}
