//! tokio's files and sockets in handles.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use tokio::fs::File;
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream};
use tokio::runtime::Handle;

use super::handle::{Nature, Transfer};

macro_rules! transfer {
    ($($type:ident: $std:ty;)*) => {$(
        impl Transfer for $type {
            const NAME: &'static str = stringify!($type);

            fn accepts(nature: Nature) -> bool {
                nature == Nature::$type
            }

            fn descriptor(&self) -> BorrowedFd<'_> {
                self.as_fd()
            }

            fn receive(descriptor: OwnedFd) -> io::Result<Self> {
                // Outside a runtime `from_std` panics. So it does in one without its I/O driver, which cannot be asked
                // for.
                Handle::try_current().map_err(io::Error::other)?;
                let inner = <$std>::from(descriptor);
                inner.set_nonblocking(true)?;
                Self::from_std(inner)
            }
        }
    )*};
}

transfer! {
    TcpStream: std::net::TcpStream;
    TcpListener: std::net::TcpListener;
    UdpSocket: std::net::UdpSocket;
    UnixStream: std::os::unix::net::UnixStream;
    UnixListener: std::os::unix::net::UnixListener;
    UnixDatagram: std::os::unix::net::UnixDatagram;
}

impl Transfer for File {
    const NAME: &'static str = "File";

    fn accepts(nature: Nature) -> bool {
        nature == Nature::File
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    fn receive(descriptor: OwnedFd) -> io::Result<Self> {
        Ok(Self::from_std(std::fs::File::from(descriptor)))
    }
}
