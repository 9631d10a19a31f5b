//! Without the feature `tracing` a child's log is an event of the child alone.

use kinfolk_protocol::{ChildName, LogRecord};

pub(crate) fn child_logged(_child: &ChildName, _record: &LogRecord) {}
