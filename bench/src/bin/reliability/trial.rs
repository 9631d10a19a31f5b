//! What a section is given, and how it tells where it is.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use kinfolk_bench::Result;
use tokio::time::timeout;

use crate::check::Check;
use crate::random::Random;

/// Far beyond what a busy machine needs: it only keeps a hang from lasting.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// One run of a section.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) seed: u64,
    /// As many calls, kills and trials as the thresholds are said of.
    pub(crate) full: bool,
    /// Where histories go.
    pub(crate) out: PathBuf,
}

impl Trial {
    /// The whole size, or the small one.
    pub(crate) fn size<T>(&self, small: T, full: T) -> T {
        if self.full { full } else { small }
    }

    pub(crate) fn random(&self, purpose: u64) -> Random {
        Random::new(self.seed, purpose)
    }

    /// Tells the suite what is being waited for, so that a hang has a place.
    pub(crate) fn at(&self, place: &str) {
        tell("at", place);
    }
}

/// Tells the suite what was measured.
pub(crate) fn told(check: &Check) -> Result<()> {
    tell("check", &serde_json::to_string(check)?);
    Ok(())
}

/// Tells the suite that nothing more is to come.
pub(crate) fn done() {
    tell("done", "");
}

/// One line of a section's standard output. A suite that is gone needs no telling.
fn tell(what: &str, text: &str) {
    let _ = writeln!(io::stdout().lock(), "{what} {text}");
}

/// The output of a future, or an error that names the place where it hangs.
pub(crate) async fn within<T>(limit: Duration, place: &str, future: impl IntoFuture<Output = T>) -> Result<T> {
    match timeout(limit, future.into_future()).await {
        Ok(output) => Ok(output),
        Err(_) => Err(format!("hangs: {place}, after {limit:?}").into()),
    }
}

/// Waits until a condition holds. False if it does not within `limit`.
pub(crate) async fn eventually(limit: Duration, holds: impl Fn() -> bool + Send) -> bool {
    let poll = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(limit, poll).await.is_ok()
}
