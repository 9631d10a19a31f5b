//! Programs that cannot be run, one for each fault: there is no process yet that could have any.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use kinfolk::parent::{ChildSpec, Program, Stdio};

use crate::fault::Fault;
use crate::pools::Spec;
use crate::toil::{Begin, Toil};

/// A folder of them.
#[derive(Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    pub(crate) fn write(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder.join("a-folder"))?;
        let runnable = |name: &str, content: &[u8]| {
            let path = folder.join(name);
            fs::write(&path, content)?;
            fs::set_permissions(path, Permissions::from_mode(0o755))
        };
        runnable("no-format", b"neither an executable nor a script\n")?;
        runnable("no-interpreter", b"#!/no/such/interpreter\n")?;
        runnable("cut-off", b"\x7fELF")?;
        runnable("empty", b"")?;
        fs::write(folder.join("no-run-bit"), b"#!/bin/sh\n")?;
        symlink(folder.join("nothing"), folder.join("dangling"))?;
        Ok(Self(folder.to_owned()))
    }

    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.0)
    }

    /// What stands in for a fault.
    pub(crate) fn of(&self, fault: Fault) -> Spec {
        let (name, folder, argument) = match fault {
            Fault::Kill => ("nothing", None, None),
            Fault::Segv => ("cut-off", None, None),
            Fault::Abort => ("no-interpreter", None, None),
            Fault::ExitZero => ("empty", None, None),
            Fault::ExitOne => ("no-run-bit", None, None),
            Fault::Panic => ("no-format", None, None),
            Fault::Close => ("dangling", None, None),
            Fault::Garbage => ("a-folder", None, None),
            // What can be run, in a folder that is not there.
            Fault::Stop => ("/bin/true", Some("/no/such/folder"), None),
            // And with more arguments than the kernel takes.
            Fault::OutOfMemory => ("/bin/true", None, Some("x".repeat(4 << 20))),
        };
        let spec = ChildSpec::<Toil>::new("cell", Program::path(self.0.join(name))).init(Begin::default());
        let spec = folder.into_iter().fold(spec, |spec, folder| spec.current_dir(folder));
        argument.into_iter().fold(spec, |spec, argument| spec.arg(argument)).stdout(Stdio::null())
    }
}
