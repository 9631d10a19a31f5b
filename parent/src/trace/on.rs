//! With the feature `tracing` a child's log goes into this program's own.

use kinfolk_protocol::{ChildName, LogLevel, LogRecord};
use tracing::{debug, error, info, trace, warn};

/// Says once more what a child said. Its target and fields cannot become ours, which are fixed when we are compiled:
/// they
/// are fields of this event.
pub(crate) fn child_logged(child: &ChildName, record: &LogRecord) {
    let LogRecord { level, target: from, message, fields, missed, .. } = record;
    let fields: String = fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    macro_rules! say {
        ($level:ident) => {
            $level!(target: "kinfolk::child", %child, from = from.as_str(), missed, "{message}{fields}")
        };
    }
    match level {
        LogLevel::Error => say!(error),
        LogLevel::Warn => say!(warn),
        LogLevel::Info => say!(info),
        LogLevel::Debug => say!(debug),
        _ => say!(trace),
    }
}
