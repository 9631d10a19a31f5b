//! OpenTelemetry's own context, through the propagator the program has installed
//! (`opentelemetry::global::set_text_map_propagator`).

use std::collections::HashMap;

use kinfolk_protocol::Trace;
use opentelemetry::global::get_text_map_propagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// The context of a span, if a propagator and an exporting subscriber are installed.
pub(super) fn inject(span: &Span) -> Option<Trace> {
    let mut carrier = HashMap::new();
    let context = span.context();
    get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut carrier));
    let state = carrier.remove(STATE).unwrap_or_default();
    carrier.remove(PARENT).map(|parent| Trace { parent, state })
}

/// Makes the caller's span the parent of ours.
pub(super) fn adopt(span: &Span, trace: &Trace) {
    let carrier: HashMap<String, String> =
        [(PARENT, &trace.parent), (STATE, &trace.state)].map(|(name, text)| (name.to_owned(), text.clone())).into();
    let context = get_text_map_propagator(|propagator| propagator.extract(&carrier));
    // Without a subscriber for it there is nothing to be joined.
    let _ = span.set_parent(context);
}
