//! Serves an axum `Router` through the relay: a web application behind a
//! firewall, without an open port. The paths begin with the hybrid connection's own.
//!
//! `relay_http_listener --config config.json [--ca FILE]`

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
    let routes = Router::new()
        .route("/hello/{name}", get(hello))
        .route("/count", post(count));
    let base = format!("/{}", settings.hybrid_connection.path());
    let app = Router::new().nest(&base, routes);

    let mut listener = Listener::builder(settings.hybrid_connection, settings.credential)
        .network(settings.network)
        .request_handler(TowerHandler::new(app))
        .open()
        .await?;
    eprintln!("serving {base}/hello/{{name}} and {base}/count");
    tokio::select! {
        () = listener.closed() => return Err("the listener has ended".into()),
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    listener.shutdown().await;
    Ok(())
}

async fn hello(Path(name): Path<String>) -> String {
    format!("hello {name}\n")
}

async fn count(body: axum::body::Bytes) -> String {
    format!("{} bytes\n", body.len())
}
