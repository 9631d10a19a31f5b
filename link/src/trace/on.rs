//! With the feature `tracing`: a span per call on both sides, joined by what travels with the call.
//!
//! The names are those of OpenTelemetry's conventions for RPC, so that a subscriber that exports them needs no
//! translation: <https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/>.

use std::hash::{BuildHasher, Hasher, RandomState};

use kinfolk_protocol::Trace;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use crate::conn::{Peer, Scope};

#[cfg_attr(feature = "opentelemetry", path = "otel.rs")]
#[cfg_attr(not(feature = "opentelemetry"), path = "no_otel.rs")]
mod otel;

/// A call of ours.
#[derive(Debug)]
pub(crate) struct CallSpan(Span);

impl CallSpan {
    /// Of a call that has not been made.
    pub(crate) fn none() -> Self {
        Self(Span::none())
    }

    pub(crate) fn new(message: &'static str, peer: &Peer) -> Self {
        Self(info_span!(
            "kinfolk.call",
            otel.name = message,
            otel.kind = "client",
            rpc.system = "kinfolk",
            rpc.method = message,
            peer = %peer,
            traceparent = Empty,
            outcome = Empty,
        ))
    }

    /// What travels with the call: OpenTelemetry's, where it is in use; otherwise an id of our own, in the same form,
    /// within the trace the surrounding handler belongs to.
    pub(crate) fn trace(&self, ambient: Option<Trace>) -> Option<Trace> {
        if self.0.is_disabled() {
            return ambient;
        }
        let trace = otel::inject(&self.0).unwrap_or_else(|| made_up(ambient));
        self.0.record("traceparent", trace.parent.as_str());
        Some(trace)
    }

    pub(crate) fn within<T>(&self, poll: impl FnOnce() -> T) -> T {
        self.0.in_scope(poll)
    }

    pub(crate) fn ended(&self, outcome: &'static str) {
        self.0.record("outcome", outcome);
    }
}

/// A handler at work.
pub(crate) async fn handling<F: Future>(message: &'static str, scope: &Scope, handler: F) -> F::Output {
    let trace = scope.ambient().trace;
    let span = info_span!(
        "kinfolk.handle",
        otel.name = message,
        otel.kind = "server",
        rpc.system = "kinfolk",
        rpc.method = message,
        peer = %scope.peer(),
        traceparent = trace.as_ref().map(|trace| trace.parent.as_str()),
    );
    if let Some(trace) = &trace {
        otel::adopt(&span, trace);
    }
    handler.instrument(span).await
}

/// `version-trace-parent-flags`, as <https://www.w3.org/TR/trace-context/#traceparent-header> has it.
fn made_up(ambient: Option<Trace>) -> Trace {
    let known = ambient.as_ref().and_then(|trace| trace.parent.split('-').nth(1));
    let trace = known.map_or_else(|| format!("{:016x}{:016x}", random(), random()), str::to_owned);
    let state = ambient.map(|trace| trace.state).unwrap_or_default();
    Trace { parent: format!("00-{trace}-{:016x}-01", random()), state }
}

/// Unlikely to come twice; not a secret, and never 0, which would be invalid.
fn random() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}
