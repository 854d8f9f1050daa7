use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::routing::{any, get};
use azwire_relay::{Listener, TowerHandler};

async fn run(connection_string: &str) -> azwire_relay::Result<()> {
    let router = Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route("/echo", any(|upgrade: WebSocketUpgrade| async { upgrade.on_upgrade(echo) }));
    let handler = TowerHandler::new(router).with_relative_paths(true);
    let mut listener = Listener::from_connection_string(connection_string)?
        .request_handler(handler.clone())
        .open()
        .await?;
    // For HTTP alone: `listener.closed().await`.
    handler.serve_websockets(&mut listener).await;
    Ok(())
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            break;
        }
    }
}
