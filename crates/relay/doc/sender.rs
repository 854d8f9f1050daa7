use azwire_relay::Sender;
use azwire_relay::http::Request;
use futures::AsyncWriteExt;

async fn run(connection_string: &str) -> Result<(), Box<dyn std::error::Error>> {
    let sender = Sender::from_connection_string(connection_string)?;
    let mut stream = sender.connect().await?;
    stream.write_all(b"hello").await?;
    stream.close().await?;

    let request = Request::post("/orders?id=5").body("an order".into())?;
    let response = sender.send(request).await?;
    println!("{}", response.status());
    Ok(())
}
