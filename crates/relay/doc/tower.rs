use axum::{Router, routing::get};
use azwire_relay::{Listener, TowerHandler};

async fn run(connection_string: &str) -> azwire_relay::Result<()> {
    let router = Router::new().route("/hc1/hello", get(|| async { "hello" }));
    let mut listener = Listener::from_connection_string(connection_string)?
        .request_handler(TowerHandler::new(router))
        .open()
        .await?;
    listener.closed().await;
    Ok(())
}
