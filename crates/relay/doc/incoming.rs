use azwire_relay::IncomingConnection;
use azwire_relay::http::StatusCode;
use futures::AsyncWriteExt;

async fn serve(incoming: IncomingConnection) -> Result<(), Box<dyn std::error::Error>> {
    if incoming.path() != "/hc1/chat" {
        incoming.reject(StatusCode::NOT_FOUND, "there is only a chat").await?;
        return Ok(());
    }
    let mut stream = incoming.accept().await?;
    while let Some(message) = stream.receive().await? {
        stream.send(message).await?;
    }
    stream.close().await?;
    Ok(())
}
