use azwire_relay::http::{Request, Response};
use azwire_relay::{Listener, handler_fn};

async fn run(connection_string: &str) -> azwire_relay::Result<()> {
    let mut listener = Listener::from_connection_string(connection_string)?
        .request_handler(handler_fn(|request: Request<_>| async move {
            Response::new(format!("you asked for {}", request.uri()).into())
        }))
        .open()
        .await?;
    listener.closed().await;
    Ok(())
}
