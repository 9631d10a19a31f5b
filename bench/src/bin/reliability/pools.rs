//! Pools of the suite's own children.

use std::path::Path;

use kinfolk::parent::{ChildSpec, Parent, Program, Stdio, WithInit};
use kinfolk::pool::PoolBuilder;

use crate::toil::{Begin, Toil};

pub(crate) type Spec = ChildSpec<Toil, WithInit<Toil>>;

/// A child that behaves.
pub(crate) fn worker(name: &str) -> Spec {
    spec(name, "worker", Begin::default())
}

/// A child of this executable, in a role.
pub(crate) fn spec(name: &str, role: &str, begin: Begin) -> Spec {
    ChildSpec::<Toil>::new(name, Program::current_exe(role)).init(begin).stdout(Stdio::null())
}

/// A pool of children that behave, and write down what they have begun.
pub(crate) fn pool(parent: &Parent, history: Option<&Path>) -> PoolBuilder<Toil> {
    let history = history.map(|path| path.display().to_string());
    parent.pool(move |_| spec("worker", "worker", Begin { history: history.clone(), fault: None }))
}
