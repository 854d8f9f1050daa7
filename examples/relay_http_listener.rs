//! Serves an axum `Router` through the relay: a web application behind a
//! firewall, without an open port. The paths begin with the hybrid connection's own path.
//!
//! `relay_http_listener [--config config.json] [--ca FILE]`

#[path = "relay_settings.rs"]
mod relay_settings;

use std::error::Error;

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use azwire_relay::{Listener, TowerHandler};
use relay_settings::Settings;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (settings, _) = Settings::from_args(&[])?;
    let base = format!("/{}", settings.hybrid_connection.path());
    let mut listener = open(settings, &base).await?;
    eprintln!("serving {base}/hello/{{name}} and {base}/count");
    tokio::select! {
        () = listener.closed() => return Err("the listener has ended".into()),
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    listener.shutdown().await;
    Ok(())
}

async fn open(settings: Settings, base: &str) -> azwire_relay::Result<Listener> {
    let routes = Router::new()
        .route("/hello/{name}", get(hello))
        .route("/count", post(count));
    let app = Router::new().nest(base, routes);
    Listener::builder(settings.hybrid_connection, settings.credential)
        .connector(settings.network)
        .request_handler(TowerHandler::new(app))
        .open()
        .await
}

async fn hello(Path(name): Path<String>) -> String {
    format!("hello {name}\n")
}

async fn count(body: axum::body::Bytes) -> String {
    format!("{} bytes\n", body.len())
}

#[cfg(all(test, feature = "emulator"))]
mod tests {
    use azwire_emulator::Emulator;
    use azwire_relay::Sender;
    use azwire_transport::Body;
    use http::Request;

    use super::*;

    #[tokio::test]
    async fn the_routes_answer() {
        let emulator = Emulator::builder().start().await.unwrap();
        let text = emulator.relay().plain_connection_string("hc1");
        let settings = Settings::from_connection_string(text.expose()).unwrap();
        let listener = open(settings, "/hc1").await.unwrap();
        let sender = Sender::from_connection_string(text.expose()).unwrap();
        // The last one is too large for the control channel.
        for (path, len, answer) in [
            ("/hello/ann", None, "hello ann\n"),
            ("/count", Some(5), "5 bytes\n"),
            ("/count", Some(200_000), "200000 bytes\n"),
        ] {
            let request = match len {
                None => Request::get(path).body(Body::empty()),
                Some(len) => Request::post(path).body(vec![7; len].into()),
            };
            let response = sender.send(request.unwrap()).await.unwrap();
            let body = response.into_body().collect(1024).await.unwrap();
            assert_eq!(body, answer);
        }
        listener.shutdown().await;
    }
}
