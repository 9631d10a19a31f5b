//! Bytes and descriptors through a Unix socket.

use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;

use kinfolk_protocol::MAX_ATTACHMENTS;
use rustix::io::retry_on_intr;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::transport::{Lost, Passed};

/// Descriptors in one system call: those of one frame, the board and the bell.
const MOST: usize = MAX_ATTACHMENTS + 2;

const SEND: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

/// Sends as much as there is room for. Descriptors leave with the first byte.
pub(super) fn send(fd: &OwnedFd, buffers: &[IoSlice<'_>], descriptors: &[OwnedFd]) -> io::Result<usize> {
    if descriptors.is_empty() {
        return Ok(sendmsg(fd, buffers, &mut SendAncillaryBuffer::default(), SEND)?);
    }
    let borrowed: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more descriptors than one frame may have"));
    }
    Ok(sendmsg(fd, buffers, &mut control, SEND)?)
}

/// Room for the descriptors of one frame, as the kernel lays them out.
#[repr(C, align(8))]
struct Control([MaybeUninit<u8>; CONTROL]);

// SAFETY: a function of its argument alone.
const CONTROL: usize = unsafe { libc::CMSG_SPACE((MOST * size_of::<RawFd>()) as u32) } as usize;

/// Receives into memory that need not be initialized, first the one and then the other, with the descriptors that
/// came. Returns how much was received.
pub(super) fn receive(
    fd: BorrowedFd<'_>,
    into: [&mut [MaybeUninit<u8>]; 2],
    flags: i32,
    passed: &mut Passed,
) -> io::Result<usize> {
    let mut control = Control([MaybeUninit::uninit(); CONTROL]);
    let mut vectors = into.map(|into| libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() });
    // SAFETY: an all-zero `msghdr` is a value of that plain C struct.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = vectors.as_mut_ptr();
    // A second one costs the kernel a little, though nothing is to go there.
    header.msg_iovlen = if vectors[1].iov_len == 0 { 1 } else { 2 };
    header.msg_control = (&raw mut control).cast();
    header.msg_controllen = CONTROL;
    // SAFETY: `header` points at memory that lives until the call returns: `into`, of the length it has, and `control`.
    // The library's `recvmsg` prepares for threads to be cancelled in it, each time.
    let count =
        unsafe { libc::syscall(libc::SYS_recvmsg, fd.as_raw_fd(), &raw mut header, flags | libc::MSG_CMSG_CLOEXEC) };
    let count = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
    if header.msg_controllen > 0 || header.msg_flags & libc::MSG_CTRUNC != 0 {
        // SAFETY: the kernel has filled in `header` and what it points at, which is still there.
        unsafe { collect(&header, passed) };
    }
    Ok(count)
}

/// # Safety
/// `header` was filled in by `recvmsg`, and the memory it points at is alive.
#[cold]
unsafe fn collect(header: &libc::msghdr, passed: &mut Passed) {
    // SAFETY: the caller's promise.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: the kernel has written a header here, as `CMSG_FIRSTHDR` and `CMSG_NXTHDR` say.
        let (level, kind, length) = unsafe { ((*message).cmsg_level, (*message).cmsg_type, (*message).cmsg_len) };
        if level == libc::SOL_SOCKET && kind == libc::SCM_RIGHTS {
            // SAFETY: a function of its argument alone.
            let head = unsafe { libc::CMSG_LEN(0) } as usize;
            let count = length.saturating_sub(head) / size_of::<RawFd>();
            // SAFETY: as many numbers follow as the length says, perhaps not aligned.
            let numbers = unsafe { libc::CMSG_DATA(message) }.cast::<RawFd>();
            for at in 0..count {
                // SAFETY: within those numbers; each is a descriptor the kernel has just made for us alone.
                let descriptor = unsafe { OwnedFd::from_raw_fd(ptr::read_unaligned(numbers.add(at))) };
                passed.descriptors.push(descriptor);
            }
        }
        // SAFETY: as for the first.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    if header.msg_flags & libc::MSG_CTRUNC != 0 {
        let full = passed.descriptors.len() >= MOST;
        passed.lost = Some(if full { Lost::TooMany } else { Lost::NoneLeft });
    }
}

/// Reads from a blocking socket, with the descriptors that came along.
///
/// # Errors
/// The socket's.
pub fn receive_blocking(link: BorrowedFd<'_>, buffer: &mut [u8], passed: &mut Passed) -> io::Result<usize> {
    // SAFETY: bytes that are initialized may be treated as if they need not be: only bytes are ever written to them.
    let into = unsafe { &mut *(ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) };
    // A process that is stopped and goes on, under a debugger say, is interrupted in a wait with a limit.
    Ok(retry_on_intr(|| {
        receive(link, [&mut *into, &mut []], 0, passed)
            .map_err(|error| rustix::io::Errno::from_io_error(&error).unwrap_or(rustix::io::Errno::IO))
    })?)
}
