//! What a handler's own calls inherit without being told: they are made within the time its caller left it.

use std::time::Instant;

use kinfolk_protocol::Trace;

/// The surroundings of the task that polls a handler.
#[derive(Debug, Clone, Default)]
pub struct Ambient {
    /// When the caller of the handler stops waiting.
    pub deadline: Option<Instant>,
    /// The trace the handler belongs to.
    pub trace: Option<Trace>,
}

tokio::task_local! {
    static AMBIENT: Ambient;
}

impl Ambient {
    /// That of the current task: empty outside a handler, and in a task a handler has spawned.
    #[must_use]
    pub fn current() -> Self {
        AMBIENT.try_with(Self::clone).unwrap_or_default()
    }

    /// Runs a handler within it.
    pub async fn around<F: Future>(self, handler: F) -> F::Output {
        if self.deadline.is_none() && self.trace.is_none() {
            return handler.await;
        }
        AMBIENT.scope(self, handler).await
    }
}
