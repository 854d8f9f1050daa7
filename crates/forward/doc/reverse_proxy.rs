use azwire_forward::ReverseProxy;
use azwire_relay::Listener;

async fn run(connection_string: &str) -> Result<(), Box<dyn std::error::Error>> {
    let proxy = ReverseProxy::new(&"http://localhost:8080/app".parse()?)?;
    let mut listener = Listener::from_connection_string(connection_string)?
        .request_handler(proxy.clone())
        .open()
        .await?;
    // For HTTP alone: `listener.closed().await`.
    proxy.serve_websockets(&mut listener).await;
    Ok(())
}
