use azwire_relay::{IncomingConnection, Listener};
use futures::{AsyncWriteExt, StreamExt};

/// Echoes the messages of every sender, for as long as the listener lives.
async fn run(connection_string: &str) -> azwire_relay::Result<()> {
    let listener = Listener::from_connection_string(connection_string)?.open().await?;
    // Up to 1000 at once: a slow sender, or one that disappears, does not block the others.
    let serving = listener.for_each_concurrent(1000, async |incoming| {
        if let Err(error) = echo(incoming).await {
            eprintln!("a stream ended early: {error}");
        }
    });
    serving.await;
    Ok(())
}

async fn echo(incoming: IncomingConnection) -> Result<(), Box<dyn std::error::Error>> {
    let mut stream = incoming.accept().await?;
    while let Some(message) = stream.receive().await? {
        stream.send(message).await?;
    }
    stream.close().await?;
    Ok(())
}
