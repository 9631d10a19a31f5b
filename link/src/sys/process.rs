//! Processes: seen to end without a race, killed with their group, reaped with their usage.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpgrp, getpid, kill_process, kill_process_group, pidfd_open, pidfd_send_signal,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::socket::{peer_is_gone, reports};

/// A descriptor of a process: it never comes to mean another one.
#[derive(Debug)]
pub struct Pidfd(AsyncFd<OwnedFd>);

impl Pidfd {
    /// Opens `pid`, which must not have been reaped yet if it is a child of ours. Needs a runtime.
    ///
    /// # Errors
    /// There is no such process, or no descriptor is left.
    pub fn open(pid: u32) -> io::Result<Self> {
        let fd = pidfd_open(raw(pid)?, PidfdFlags::empty())?;
        // SAFETY: the registration and the descriptor are dropped together, and nothing else closes the descriptor.
        let registered = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) };
        Ok(Self(registered.map_err(io::Error::from)?))
    }

    /// Waits until the process has ended. It can be reaped then.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn ended(&self) -> io::Result<()> {
        // The readiness is left in place: a process that has ended has ended for every later caller too.
        self.0.readable().await.map(|mut ready| ready.retain_ready())
    }

    /// Waits without a runtime, for at most `limit`. True if the process has ended.
    pub fn ended_within(&self, limit: Duration) -> bool {
        let end = Instant::now().checked_add(limit);
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let left =
                left.map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) });
            match poll(&mut [PollFd::new(self.0.get_ref(), PollFlags::IN)], left.as_ref()) {
                Err(Errno::INTR) => {}
                result => return result == Ok(1),
            }
        }
    }

    /// Sends a signal to the process alone.
    ///
    /// # Errors
    /// The process has ended, or belongs to somebody else.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(self.0.get_ref(), signal)?)
    }
}

/// A descriptor of the process that made the other end of a socket: with which it was paired, or which listened for it.
/// `None` if that process cannot be told, as where it is in a namespace of its own, or if it may have ended.
///
/// # Errors
/// The descriptor is no socket, or no descriptor is left.
pub fn peer_process(socket: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = Pid::from_raw(peer_pid(socket)?) else { return Ok(None) };
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(None),
        process => process?,
    };
    // The other end is still open, so its process was there, and its number its own, when it was opened.
    let gone = peer_is_gone(socket, Some(Duration::ZERO))?;
    Ok((!gone).then_some(process))
}

/// The number of that process, 0 if there is none here.
fn peer_pid(socket: &OwnedFd) -> io::Result<i32> {
    // By hand: rustix takes it for a number that cannot be 0.
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: both pointers are to locals that live through the call, and `length` is the size of the first.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    if result == 0 { Ok(peer.pid) } else { Err(io::Error::last_os_error()) }
}

/// Blocks until a process has ended. True if it has, false if that was not so within `limit`.
///
/// # Errors
/// The descriptor cannot be polled.
pub fn process_has_ended(process: &OwnedFd, limit: Option<Duration>) -> io::Result<bool> {
    reports(process, PollFlags::IN, limit)
}

/// Sends a signal to the group that `leader` leads. The caller has not reaped the leader: its number, and so the
/// group's, cannot mean another one.
///
/// # Errors
/// The group is gone.
pub fn kill_group(leader: u32, signal: Signal) -> io::Result<()> {
    Ok(kill_process_group(raw(leader)?, signal)?)
}

/// Kills the calling process, with its group if it leads one.
pub fn end_own_group() -> ! {
    let _ = if getpgrp() == getpid() {
        kill_process_group(getpgrp(), Signal::KILL)
    } else {
        kill_process(getpid(), Signal::KILL)
    };
    std::process::abort()
}

/// Sets what tools such as `ps` and `top` call this process (its first 15 bytes). Called on the main thread.
pub fn set_process_name(name: &str) {
    // A name that cannot be set is no reason not to work; one with a NUL byte is none.
    let _ = CString::new(name).map(|name| rustix::thread::set_name(&name));
}

/// What a child used, as the kernel counted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Usage {
    /// Processor time in its own code.
    pub user: Duration,
    /// Processor time in the kernel on its behalf.
    pub system: Duration,
    /// The most memory it had resident, in bytes.
    pub max_resident: u64,
}

/// How a child ended.
#[derive(Debug, Clone, Copy)]
pub struct Reaped {
    /// The status as `wait` gives it.
    pub status: std::process::ExitStatus,
    /// What it used.
    pub usage: Usage,
}

impl Reaped {
    /// The end of something that was no process.
    #[must_use]
    pub fn without_usage(status: std::process::ExitStatus) -> Self {
        Self { status, usage: Usage::default() }
    }
}

/// Reaps a child that has ended. `None` if it has not.
///
/// # Errors
/// It is not a child of ours, or somebody else has reaped it.
pub fn reap(pid: u32) -> io::Result<Option<Reaped>> {
    use std::os::unix::process::ExitStatusExt;
    let pid = raw(pid)?.as_raw_nonzero().get();
    let mut status = 0;
    // SAFETY: an all-zero `rusage` is a value of that plain C struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to live values of the types `wait4` fills in.
    let result = unsafe { libc::wait4(pid, &mut status, libc::WNOHANG, &mut usage) };
    match result {
        0 => Ok(None),
        _ if result == pid => Ok(Some(Reaped {
            status: std::process::ExitStatus::from_raw(status),
            usage: Usage {
                user: duration(usage.ru_utime),
                system: duration(usage.ru_stime),
                // Linux counts in units of 1,024 bytes: getrusage(2).
                max_resident: usage.ru_maxrss as u64 * 1_024,
            },
        })),
        _ => Err(io::Error::last_os_error()),
    }
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000)
}

/// A process number that is neither "any" (0, -1) nor the first process.
fn raw(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid)
        .ok()
        .filter(|pid| *pid > 1)
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no process of ours has this number"))
}
