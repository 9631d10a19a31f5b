//! The child's log, shipped to its parent.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use kinfolk_link::Conn;
use kinfolk_protocol::{LogLevel, LogRecord};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// A `tracing` layer that ships events to the parent, where they are
/// [`ChildEvent::Log`](https://docs.rs/kinfolk/latest/kinfolk/parent/enum.ChildEvent.html), and events of the target
/// `kinfolk::child` if the parent has the feature `tracing` too. Made by
/// [`ParentHandle::logs`](crate::ParentHandle::logs); what it gets is decided by the filters of the subscriber it is
/// given to.
///
/// It never waits: events beyond what the link has room for are left out and counted, and the next one tells how many
/// ([`LogRecord::missed`]).
pub struct ShipLogs {
    /// Not held: a subscriber lives as long as its program, and the link need not.
    conn: Weak<Conn>,
    missed: AtomicU64,
}

impl fmt::Debug for ShipLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShipLogs").field("missed", &self.missed).finish_non_exhaustive()
    }
}

impl ShipLogs {
    pub(crate) fn new(conn: &Arc<Conn>) -> Self {
        Self { conn: Arc::downgrade(conn), missed: AtomicU64::new(0) }
    }
}

/// The fields of a span, kept for the events within it.
struct Kept(Vec<(String, String)>);

/// Collects fields as text.
#[derive(Default)]
struct Collect {
    message: String,
    fields: Vec<(String, String)>,
}

impl Visit for Collect {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.fields.push((name.to_owned(), value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for ShipLogs {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut collect = Collect::default();
        attributes.record(&mut collect);
        if let Some(span) = context.span(id) {
            // Another of these layers may have been here: each keeps the same.
            span.extensions_mut().replace(Kept(collect.fields));
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut collect = Collect::default();
        values.record(&mut collect);
        let Some(span) = context.span(id) else { return };
        if let Some(Kept(fields)) = span.extensions_mut().get_mut::<Kept>() {
            // Another of these layers may have been here.
            fields.retain(|(name, _)| collect.fields.iter().all(|(new, _)| new != name));
            fields.append(&mut collect.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(conn) = self.conn.upgrade() else { return };
        let metadata = event.metadata();
        let mut collect = Collect::default();
        event.record(&mut collect);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(Kept(fields)) = span.extensions().get::<Kept>() {
                collect.fields.extend(fields.iter().cloned());
            }
        }
        let mut record = LogRecord::new(level(*metadata.level()), metadata.target(), collect.message);
        record.fields = collect.fields;
        record.missed = self.missed.swap(0, Ordering::Relaxed);
        if !conn.log(&record) {
            self.missed.fetch_add(record.missed + 1, Ordering::Relaxed);
        }
    }
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}
