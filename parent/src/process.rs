//! One process: started in a group of its own, signalled by group, reaped once.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kinfolk_link::{LINK_VARIABLE, Pidfd, ROLE_VARIABLE, Reaped, Signal, kill_group, lock, reap};

use crate::launch::Launch;
use crate::proc::{self, Vitals};
use crate::program::Hosted;
use crate::stdio::Lines;

/// A process, alive or not.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    /// Gone once the process has been reaped, so that a handle that is kept holds no descriptor.
    pidfd: Mutex<Option<Arc<Pidfd>>>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Ours, not reaped: its number is its own, and so is its group's.
    Ours,
    /// Somebody else's child, attached to us.
    Foreign,
    /// No process of its own.
    Hosted(Arc<dyn Hosted>),
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
            if launch.argv0.is_none() {
                // In place of `/proc/self/exe`, by which it is run.
                command.arg0(std::env::args_os().next().unwrap_or_else(|| program.into()));
            }
        }
        let (out, stdout) = launch.stdout.open()?;
        let (err, stderr) = launch.stderr.open()?;
        command.stdout(out).stderr(err);
        #[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
        let child = command.spawn()?;
        let pid = child.id();
        match Pidfd::open(pid) {
            Ok(pidfd) => {
                let process = Self { pid, pidfd: Mutex::new(Some(Arc::new(pidfd))), state: Mutex::new(State::Ours) };
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
        let pidfd = Mutex::new(Some(Arc::new(Pidfd::open(pid)?)));
        Ok(Self { pid, pidfd, state: Mutex::new(State::Foreign) })
    }

    /// A child within this process.
    pub(crate) fn hosted(child: Arc<dyn Hosted>) -> Self {
        Self { pid: std::process::id(), pidfd: Mutex::new(None), state: Mutex::new(State::Hosted(child)) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until the process has ended; it is not reaped by that.
    pub(crate) async fn ended(&self) {
        let hosted = match &*lock(&self.state) {
            State::Hosted(child) => Some(Arc::clone(child)),
            _ => None,
        };
        if let Some(child) = hosted {
            child.ended().await;
        }
        if let Some(pidfd) = self.pidfd() {
            // A descriptor that cannot be watched any more has nothing to wait for.
            let _ = pidfd.ended().await;
        }
    }

    fn pidfd(&self) -> Option<Arc<Pidfd>> {
        lock(&self.pidfd).clone()
    }

    fn signal_alone(&self, signal: Signal) {
        if let Some(pidfd) = self.pidfd() {
            // An error means that the process is gone.
            let _ = pidfd.signal(signal);
        }
    }

    /// Sends a signal to the group, or to an attached process alone. Under the lock, so that the process is not reaped
    /// meanwhile and its number given to another one.
    pub(crate) fn signal(&self, signal: Signal) {
        // An error means that the process or its group is gone already, which is what a signal is for.
        match &*lock(&self.state) {
            State::Ours => {
                let missed = kill_group(self.pid, signal).is_err();
                // The child may have left its group, and a group without it may be there all the same.
                if missed || signal == Signal::KILL {
                    self.signal_alone(signal);
                }
            }
            State::Foreign => self.signal_alone(signal),
            State::Hosted(child) => child.end(),
            State::Reaped(_) | State::Lost => {}
        }
    }

    /// What it is doing. `None` if that is not to be had, or it is no process of its own.
    pub(crate) fn vitals(&self) -> Option<Vitals> {
        self.observe(Vitals::of)
    }

    /// The memory it has resident, in bytes. `None` as above.
    pub(crate) fn resident(&self) -> Option<u64> {
        self.observe(proc::resident)
    }

    /// Under the lock, so that the process is not reaped meanwhile and its number given to another one. That of a
    /// foreign process may be, in the moment before its end is seen.
    fn observe<T>(&self, look: impl FnOnce(u32) -> Option<T>) -> Option<T> {
        match &*lock(&self.state) {
            State::Ours | State::Foreign => look(self.pid),
            State::Hosted(_) | State::Reaped(_) | State::Lost => None,
        }
    }

    /// Takes the status of a process that has ended. `None` if there is none to be had. Called at the very end: of a
    /// foreign process nothing is known any more.
    pub(crate) fn reap(&self) -> Option<Reaped> {
        let mut state = lock(&self.state);
        if let State::Ours = *state {
            match reap(self.pid) {
                Ok(Some(reaped)) => *state = State::Reaped(reaped),
                Ok(None) => {}
                Err(_) => *state = State::Lost,
            }
        }
        if !matches!(*state, State::Ours) {
            lock(&self.pidfd).take();
        }
        match &*state {
            State::Reaped(reaped) => Some(*reaped),
            State::Hosted(child) => child.status().map(Reaped::without_usage),
            _ => None,
        }
    }

    /// Waits for the end without a runtime, for at most `limit`, and reaps. A process that takes longer is left to a
    /// thread, or it would stay a zombie.
    pub(crate) fn reap_within(self: &Arc<Self>, limit: Duration) {
        let Some(pidfd) = self.pidfd() else { return };
        if !matches!(*lock(&self.state), State::Ours) {
            return;
        }
        if pidfd.ended_within(limit) {
            self.reap();
            return;
        }
        let process = Arc::clone(self);
        let wait = move || {
            pidfd.ended_within(Duration::MAX);
            process.reap();
        };
        // Without a thread it stays a zombie until we end.
        let _ = thread::Builder::new().name("kinfolk-reap".to_owned()).spawn(wait);
    }
}
