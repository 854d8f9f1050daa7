use azwire_relay::{IncomingConnection, Listener};
use futures::AsyncWriteExt;

async fn run(mut listener: Listener) {
    while let Some(incoming) = listener.accept().await {
        tokio::spawn(async move {
            if let Err(error) = echo(incoming).await {
                eprintln!("a stream ended early: {error}");
            }
        });
    }
}

async fn echo(incoming: IncomingConnection) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut stream = incoming.accept().await?;
    while let Some(message) = stream.receive().await? {
        stream.send(message).await?;
    }
    stream.close().await?;
    Ok(())
}
