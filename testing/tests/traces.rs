//! With the feature `tracing`: spans on both sides of a call, joined by what travels with it; a child's log at its
//! parent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use kinfolk_child::{Me, Result};
use kinfolk_parent::{ChildEvent, ChildSpec, Parent};
use kinfolk_protocol::{Bincode, Call, LogLevel, Message, Protocol, ToChild, ToParent, Version};
use kinfolk_testing::in_process;
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

enum Traced {}
impl Protocol for Traced {
    const NAME: &'static str = "traced";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

macro_rules! calls {
    ($($to:ident $name:ident;)*) => {$(
        #[derive(Serialize, Deserialize)]
        struct $name(u64);
        impl Message for $name {
            type To = $to<Traced>;
            type Contract = Call<u64>;
            const NAME: &'static str = stringify!($name);
        }
    )*};
}

calls! {
    ToChild Ask;
    ToChild Sleep;
    ToParent Back;
}

type Fields = BTreeMap<String, String>;

/// All spans of this process, by id, and the fields they had at their end.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<BTreeMap<u64, (&'static str, Fields)>>>);

struct Collect<'a>(&'a mut Fields);
impl Visit for Collect<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Collect(&mut fields));
        self.0
            .lock()
            .expect("no test panics with the lock")
            .insert(id.into_u64(), (attributes.metadata().name(), fields));
    }
    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        if let Some((_, fields)) = self.0.lock().expect("no test panics with the lock").get_mut(&id.into_u64()) {
            values.record(&mut Collect(fields));
        }
    }
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {}
}

impl Spans {
    fn named(&self, name: &str, method: &str) -> Fields {
        let all = self.0.lock().expect("no test panics with the lock");
        let mut found = all.values().filter(|(known, fields)| *known == name && fields["rpc.method"] == method);
        found.next().unwrap_or_else(|| panic!("no {name} of {method} in {all:?}")).1.clone()
    }
}

async fn worker(me: Me<Traced>) -> Result {
    let logs = me.parent().logs();
    let shipping = tracing_subscriber::registry().with(logs);
    tracing::subscriber::with_default(shipping, || {
        let _span = tracing::info_span!("starting", stage = "init").entered();
        tracing::warn!(left = 3, "low on {}", "ink");
    });
    me.on_message(|cx, Ask(number)| async move { Ok(cx.parent().request(Back(number)).await?) })
        .on_message(|_, Sleep(seconds)| async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            Ok(0)
        })
        .run()
        .await
}

#[tokio::test]
async fn a_call_and_what_it_causes_are_one_trace_and_a_childs_log_reaches_its_parent() {
    let spans = Spans::default();
    let keeping = tracing_subscriber::registry().with(spans.clone());
    // For the child's thread too.
    tracing::subscriber::set_global_default(keeping).unwrap();
    let parent = Parent::new();
    let spec = ChildSpec::<Traced>::new("traced", in_process(worker));
    let child = parent.spawn(spec.on_message(|_, Back(number)| async move { Ok(number + 1) })).await.unwrap();
    assert_eq!(child.request(Ask(1)).await.unwrap(), 2);
    assert!(child.request(Sleep(600)).deadline(Duration::from_millis(10)).await.is_err());

    let (call, handle) = (spans.named("kinfolk.call", "Ask"), spans.named("kinfolk.handle", "Ask"));
    let (back, backed) = (spans.named("kinfolk.call", "Back"), spans.named("kinfolk.handle", "Back"));
    assert_eq!(call["peer"], "child `traced`");
    assert_eq!((call["otel.kind"].as_str(), handle["otel.kind"].as_str()), ("client", "server"));
    assert_eq!(call["outcome"], "ok");
    assert_eq!(spans.named("kinfolk.call", "Sleep")["outcome"], "deadline");
    assert_eq!(call["traceparent"], handle["traceparent"], "the two sides of a call are joined");
    assert_eq!(back["traceparent"], backed["traceparent"]);
    let trace = |fields: &Fields| fields["traceparent"].split('-').nth(1).unwrap().to_owned();
    assert_eq!(trace(&call), trace(&back), "an upcall belongs to the trace of its call");
    assert_ne!(call["traceparent"], back["traceparent"]);

    let mut events = child.events();
    let record = loop {
        match events.next().await.unwrap() {
            ChildEvent::Log(record) => break record,
            _ => continue,
        }
    };
    assert_eq!((record.level, record.message.as_str(), record.missed), (LogLevel::Warn, "low on ink", 0));
    let fields: Vec<(&str, &str)> = record.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fields, [("left", "3"), ("stage", "init")]);
    child.shutdown().await;
}
