use azwire_relay::RelayStream;
use futures::{AsyncReadExt, AsyncWriteExt};

async fn ask(mut stream: RelayStream) -> std::io::Result<Vec<u8>> {
    stream.write_all(b"a question").await?;
    // Writing waits only for room; flushing sends what remains.
    stream.flush().await?;
    let mut answer = vec![0; 9];
    stream.read_exact(&mut answer).await?;
    // Ends this direction; the peer's remaining data still arrives.
    stream.close().await?;
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}
