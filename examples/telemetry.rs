//! Logs of a client, a listener and a sender as OpenTelemetry, on the embedded emulator.
//!
//! The crates write spans and events of `tracing`; the layer of `tracing-opentelemetry` in the
//! application's subscriber makes traces of them. An application has an exporter such as
//! `opentelemetry-otlp`; this one prints each span when it ends, with its fields and events.

#![expect(clippy::print_stdout, reason = "the spans are for the reader's eyes")]

use std::error::Error;

use azwire_emulator::Emulator;
use azwire_pubsub::{Client, ClientAccessOptions};
use azwire_relay::{Listener, Sender, handler_fn};
use azwire_transport::Body;
use futures::StreamExt;
use futures::channel::mpsc;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult {
    let (exporter, mut spans) = mpsc::unbounded();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(Exporter(exporter))
        .build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("example"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    // At info there are the connections; single calls and requests are at debug.
    let filter = "azwire_pubsub=info,azwire_relay=debug".parse::<Targets>()?;
    let subscriber = tracing_subscriber::registry().with(layer).with(filter);
    subscriber.init();

    run().await?;
    // The two that last as long as their owners end last.
    let mut lasting = 2;
    while lasting > 0
        && let Some(span) = spans.next().await
    {
        print!("{}", text(&span));
        let names_it =
            |field: &KeyValue| ["connection_id", "listener_id"].contains(&field.key.as_str());
        lasting -= usize::from(span.attributes.iter().any(names_it));
    }
    provider.shutdown()?;
    Ok(())
}

/// The application.
async fn run() -> AnyResult {
    let emulator = Emulator::builder().start().await?;
    let pubsub = emulator.pubsub().connection_string();
    let access = ClientAccessOptions::default().with_user_id("ann")?;
    let builder = Client::from_connection_string(pubsub.expose(), "chat", access)?;
    let (client, _events) = builder.build()?;
    client.start().await?;
    client.stop().await;

    let relay = emulator.relay().plain_connection_string("hc1");
    let handler = handler_fn(|_| async { Response::new(Body::from("hello")) });
    let listener = Listener::from_connection_string(relay.expose())?
        .request_handler(handler)
        .open()
        .await?;
    let sender = Sender::from_connection_string(relay.expose())?;
    sender.send(Request::get("/").body(Body::empty())?).await?;
    listener.shutdown().await;
    Ok(())
}

/// Hands each span that has ended to a queue.
#[derive(Debug)]
struct Exporter(mpsc::UnboundedSender<SpanData>);

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            // An error means that nobody reads the spans any more.
            let _ = self.0.unbounded_send(span);
        }
        Ok(())
    }
}

fn text(span: &SpanData) -> String {
    let mut text = format!("{}\n", span.name);
    for field in &span.attributes {
        text.push_str(&format!("  {} = {}\n", field.key, field.value));
    }
    for event in span.events.iter() {
        text.push_str(&format!("  * {}\n", event.name));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_spans_of_both_services_arrive() {
        super::main().unwrap();
    }
}
