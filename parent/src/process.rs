//! One process: started in a group of its own, signalled by group, reaped once.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use kinfolk_link::{LINK_VARIABLE, Pidfd, ROLE_VARIABLE, Reaped, Signal, kill_group, lock, reap};

use crate::launch::Launch;
use crate::stdio::Lines;

/// A process, alive or not.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    pidfd: Pidfd,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Ours, not reaped: its number is its own, and so is its group's.
    Ours,
    /// Somebody else's child, attached to us.
    Foreign,
    Reaped(Reaped),
    /// Ours once, reaped by somebody else in this program.
    Lost,
}

/// A process that was just started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) process: Process,
    pub(crate) stdout: Option<Lines>,
    pub(crate) stderr: Option<Lines>,
}

impl Process {
    /// Starts `program` with `link` as its descriptor 0. Never with `pre_exec`: `std` would fork instead of using
    /// `posix_spawn`, which is slow in a large process.
    pub(crate) fn start(
        program: &Path,
        role: Option<&str>,
        launch: &Launch,
        link: OwnedFd,
        id: &str,
    ) -> io::Result<Started> {
        let mut command = Command::new(program);
        launch.apply(&mut command);
        command.env(LINK_VARIABLE, id).stdin(link).process_group(0);
        if let Some(role) = role {
            command.env(ROLE_VARIABLE, role);
        }
        let (out, stdout) = launch.stdout.open()?;
        let (err, stderr) = launch.stderr.open()?;
        command.stdout(out).stderr(err);
        #[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
        let child = command.spawn()?;
        let pid = child.id();
        match Pidfd::open(pid) {
            Ok(pidfd) => {
                let process = Self { pid, pidfd, state: Mutex::new(State::Ours) };
                Ok(Started { process, stdout, stderr })
            }
            Err(error) => {
                let mut child = child;
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// A process that was started by somebody else.
    pub(crate) fn attached(pid: u32) -> io::Result<Self> {
        Ok(Self { pid, pidfd: Pidfd::open(pid)?, state: Mutex::new(State::Foreign) })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the process has ended; it is not reaped by that.
    pub(crate) async fn ended(&self) {
        // A descriptor that cannot be watched any more has nothing to wait for.
        let _ = self.pidfd.ended().await;
    }

    /// Sends a signal to the group, or to an attached process alone. Under the lock, so that the process is not reaped
    /// meanwhile and its number given to another one.
    pub(crate) fn signal(&self, signal: Signal) {
        // An error means that the process or its group is gone already, which is what a signal is for.
        match &*lock(&self.state) {
            State::Ours => drop(kill_group(self.pid, signal)),
            State::Foreign => drop(self.pidfd.signal(signal)),
            State::Reaped(_) | State::Lost => {}
        }
    }

    /// Takes the status of a process that has ended. `None` if there is none to be had.
    pub(crate) fn reap(&self) -> Option<Reaped> {
        let mut state = lock(&self.state);
        if let State::Ours = *state {
            match reap(self.pid) {
                Ok(Some(reaped)) => *state = State::Reaped(reaped),
                Ok(None) => {}
                Err(_) => *state = State::Lost,
            }
        }
        match *state {
            State::Reaped(reaped) => Some(reaped),
            _ => None,
        }
    }

    /// Waits for the end without a runtime, for at most `limit`, and reaps.
    pub(crate) fn reap_within(&self, limit: Duration) {
        if matches!(*lock(&self.state), State::Ours) && self.pidfd.ended_within(limit) {
            self.reap();
        }
    }
}
