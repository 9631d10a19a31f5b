//! What a received descriptor is one of.

use std::os::fd::OwnedFd;

use kinfolk_protocol::Nature;
use rustix::fs::{FileType, fstat};
use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_protocol, socket_type};
use rustix::net::{AddressFamily, SocketType, ipproto};

/// What the kernel says of a descriptor.
pub(crate) fn nature(fd: &OwnedFd) -> Nature {
    let is_socket = fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Socket);
    if is_socket { of_socket(fd).unwrap_or(Nature::OtherSocket) } else { Nature::File }
}

fn of_socket(fd: &OwnedFd) -> rustix::io::Result<Nature> {
    let (domain, kind) = (socket_domain(fd)?, socket_type(fd)?);
    let listens = kind == SocketType::STREAM && socket_acceptconn(fd)?;
    Ok(match (domain, kind) {
        (AddressFamily::UNIX, SocketType::STREAM) if listens => Nature::UnixListener,
        (AddressFamily::UNIX, SocketType::STREAM) => Nature::UnixStream,
        (AddressFamily::UNIX, SocketType::DGRAM) => Nature::UnixDatagram,
        (AddressFamily::INET | AddressFamily::INET6, _) => match socket_protocol(fd)? {
            Some(ipproto::TCP) if listens => Nature::TcpListener,
            Some(ipproto::TCP) => Nature::TcpStream,
            Some(ipproto::UDP) => Nature::UdpSocket,
            _ => Nature::OtherSocket,
        },
        _ => Nature::OtherSocket,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

    use super::*;

    #[test]
    fn each_kind_of_descriptor_is_told_from_the_others() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let name = SocketAddr::from_abstract_name(format!("kinfolk-nature-{}", std::process::id())).unwrap();
        let unix_listener = UnixListener::bind_addr(&name).unwrap();
        let (unix_stream, _peer) = UnixStream::pair().unwrap();
        let cases: [(OwnedFd, Nature); 7] = [
            (listener.into(), Nature::TcpListener),
            (stream.into(), Nature::TcpStream),
            (UdpSocket::bind("127.0.0.1:0").unwrap().into(), Nature::UdpSocket),
            (unix_listener.into(), Nature::UnixListener),
            (unix_stream.into(), Nature::UnixStream),
            (UnixDatagram::unbound().unwrap().into(), Nature::UnixDatagram),
            (File::open("/dev/null").unwrap().into(), Nature::File),
        ];
        for (fd, expected) in cases {
            assert_eq!(nature(&fd), expected);
        }
    }
}
