//! How a program is started: everything of a spec that has no types.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use kinfolk_link::{CONNECT_VARIABLE, LINK_VARIABLE, ROLE_VARIABLE, Signal};
use kinfolk_protocol::ChildName;

use crate::error::StartError;
use crate::stdio::Stdio;

/// Arguments, environment, working directory and output of a program.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) args: Vec<OsString>,
    pub(crate) argv0: Option<OsString>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) env: Env,
    pub(crate) stdout: Stdio,
    pub(crate) stderr: Stdio,
    /// What asks the program to end before SIGKILL does.
    pub(crate) terminate: Signal,
}

/// The environment of a program.
#[derive(Debug, Default)]
pub(crate) struct Env {
    /// Only what is kept by name, instead of all of the parent's.
    pub(crate) cleared: bool,
    pub(crate) kept: Vec<OsString>,
    /// Set, or removed.
    pub(crate) changes: BTreeMap<OsString, Option<OsString>>,
}

impl Default for Launch {
    fn default() -> Self {
        Self {
            args: Vec::new(),
            argv0: None,
            cwd: None,
            env: Env::default(),
            stdout: Stdio::inherit(),
            stderr: Stdio::inherit(),
            terminate: Signal::TERM,
        }
    }
}

impl Launch {
    /// Why an output file cannot be written, before anything is started.
    pub(crate) fn unwritable(&self, child: &ChildName) -> Option<StartError> {
        [&self.stdout, &self.stderr].into_iter().find_map(|stdio| {
            let path = stdio.path()?.clone();
            let source = stdio.open().err()?;
            Some(StartError::Output { child: child.clone(), path, source })
        })
    }

    pub(crate) fn apply(&self, command: &mut Command) {
        command.args(&self.args);
        if let Some(argv0) = &self.argv0 {
            command.arg0(argv0);
        }
        if let Some(cwd) = &self.cwd {
            command.current_dir(cwd);
        }
        if self.env.cleared {
            command.env_clear();
            let kept = self.env.kept.iter().filter_map(|name| std::env::var_os(name).map(|value| (name, value)));
            command.envs(kept);
        }
        // What was meant for this process, if it is a child itself, is not meant for its children.
        for name in [LINK_VARIABLE, ROLE_VARIABLE, CONNECT_VARIABLE] {
            command.env_remove(name);
        }
        for (name, value) in &self.env.changes {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }
}
