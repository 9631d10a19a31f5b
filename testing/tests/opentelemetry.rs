//! With the feature `opentelemetry`: the spans of both sides are one trace of the program's exporter.

use kinfolk_child::{Me, Result};
use kinfolk_parent::{ChildSpec, Parent};
use kinfolk_protocol::{Bincode, Call, Message, Protocol, ToChild, Version};
use kinfolk_testing::in_process;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use serde::{Deserialize, Serialize};
use tracing_subscriber::layer::SubscriberExt;

enum Traced {}
impl Protocol for Traced {
    const NAME: &'static str = "traced";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

#[derive(Serialize, Deserialize)]
struct Ask(u64);
impl Message for Ask {
    type To = ToChild<Traced>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Ask";
}

async fn worker(me: Me<Traced>) -> Result {
    me.on_message(|_, Ask(number)| async move { Ok(number) }).run().await
}

#[tokio::test]
async fn the_handlers_span_is_a_child_of_the_callers() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let exporting = tracing_opentelemetry::layer().with_tracer(provider.tracer("kinfolk"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(exporting)).unwrap();

    let parent = Parent::new();
    let child = parent.spawn(ChildSpec::<Traced>::new("traced", in_process(worker))).await.unwrap();
    assert_eq!(child.request(Ask(7)).await.unwrap(), 7);
    child.shutdown().await;

    let spans = exporter.get_finished_spans().unwrap();
    let of = |kind: &str| spans.iter().find(|span| format!("{:?}", span.span_kind) == kind).unwrap();
    let (client, server) = (of("Client"), of("Server"));
    assert_eq!((client.name.as_ref(), server.name.as_ref()), ("Ask", "Ask"));
    assert_eq!(client.span_context.trace_id(), server.span_context.trace_id());
    assert_eq!(server.parent_span_id, client.span_context.span_id());
}
