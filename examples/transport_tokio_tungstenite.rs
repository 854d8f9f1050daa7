//! The WebSockets of tokio-tungstenite below a client.
//!
//! Goal: one WebSocket library, and one configuration of TLS, in an application that has this one.
//! The connector is in `tungstenite.rs`. For Azure, enable one of the library's features for TLS;
//! the emulator needs none.

#![expect(clippy::print_stdout, reason = "examples print their results")]

mod tungstenite;

use azwire_emulator::Emulator;
use azwire_pubsub::{Client, ClientAccessOptions, ServiceClient};
use azwire_transport::SharedWebSocketConnector;
use futures::StreamExt;

use tungstenite::Tungstenite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::builder().start().await?;
    let connection_string = emulator.pubsub().connection_string();
    let service = ServiceClient::from_connection_string(connection_string.expose(), "chat")?;
    let access = ClientAccessOptions::default().with_group("room")?;
    let url = service.client_access_url(access).await?;
    let (client, mut events) = Client::builder(&url)
        .websocket_connector(SharedWebSocketConnector::new(Tungstenite))
        .build()?;
    client.start().await?;
    service.send_to_group("room", "hello", None).await?;
    while let Some(event) = events.next().await {
        if let Some(data) = event.data() {
            println!("received {:?}", data.as_str());
            break;
        }
    }
    client.stop().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use azwire_relay::{ListenerBuilder, SenderBuilder};
    use azwire_transport::{Message, Result};

    use super::*;

    type Done = std::result::Result<(), Box<dyn std::error::Error>>;

    #[tokio::test]
    async fn it_keeps_the_contract() -> Result<()> {
        azwire_transport::testing::check_websocket(&Tungstenite).await
    }

    #[tokio::test]
    async fn the_relay_works_over_it() -> Done {
        let emulator = Emulator::builder().start().await?;
        let connection_string = emulator.relay().plain_connection_string("hc1");
        let connector = || SharedWebSocketConnector::new(Tungstenite);
        let mut listener = ListenerBuilder::from_connection_string(connection_string.expose())?
            .websocket_connector(connector())
            .open()
            .await?;
        let sender = SenderBuilder::from_connection_string(connection_string.expose())?
            .websocket_connector(connector())
            .build()?;
        let listening = async {
            let mut stream = listener.accept().await.ok_or("closed")?.accept().await?;
            let message = stream.receive().await?;
            stream.send(message.ok_or("no message")?).await?;
            stream.finish().await?;
            Done::Ok(())
        };
        let sending = async {
            let mut stream = sender.connect().await?;
            stream.send(Message::text("hello")).await?;
            assert_eq!(stream.receive().await?, Some(Message::text("hello")));
            stream.finish().await?;
            Ok(())
        };
        futures::future::try_join(listening, sending).await?;
        Ok(())
    }
}
