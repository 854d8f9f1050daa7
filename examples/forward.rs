//! Forwards ports through the hybrid connection of `RELAY_CONNECTION_STRING`, in the words of azbridge.
//!
//! `forward -T hc1:ssh/localhost:22` listens and dials; `forward -L 2222/ssh:hc1` is the sender: then
//! `ssh -p 2222 localhost` reaches the other machine. Either end may be azbridge itself.

use azwire_forward::expression::{LocalForward, RemoteForward};
use azwire_forward::{LocalForwarder, RemoteForwarder};
use azwire_relay::{Listener, Sender};

type AnyResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult {
    let mut arguments = std::env::args().skip(1);
    let (flag, expression) = (arguments.next(), arguments.next().unwrap_or_default());
    let connection_string = std::env::var("RELAY_CONNECTION_STRING")?;
    match flag.as_deref() {
        Some("-T") => Err(listen(&connection_string, &expression.parse()?)
            .await?
            .closed()
            .await)?,
        Some("-L") => {
            let local = connect(&connection_string, &expression.parse()?).await?;
            eprintln!("listening on {:?}", local.local_addrs());
            tokio::signal::ctrl_c().await?;
            // The pairs that are open get half a minute.
            local.shutdown(std::time::Duration::from_secs(30)).await;
            Ok(())
        }
        _ => Err("forward -T RELAY:TARGET | -L PORT:RELAY")?,
    }
}

async fn listen(connection_string: &str, forward: &RemoteForward) -> AnyResult<RemoteForwarder> {
    let listener = Listener::from_connection_string(connection_string)?;
    let forwarder = RemoteForwarder::builder(listener).targets(forward.bindings());
    Ok(forwarder.open().await?)
}

async fn connect(connection_string: &str, forward: &LocalForward) -> AnyResult<LocalForwarder> {
    let sender = Sender::from_connection_string(connection_string)?;
    let forwarder = LocalForwarder::builder(sender).bind_all(forward.bindings());
    Ok(forwarder.open().await?)
}

#[cfg(all(test, feature = "emulator"))]
#[tokio::test]
async fn an_answer_arrives_after_the_question_has_ended() -> AnyResult {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    let emulator = azwire_emulator::Emulator::builder().start().await?;
    let place = emulator.relay().plain_connection_string("hc1");
    let server = TcpListener::bind("127.0.0.1:0").await?;
    let target = server.local_addr()?;
    let _remote = listen(place.expose(), &format!("hc1:port/{target}").parse()?).await?;
    let local = connect(place.expose(), &"127.0.0.1:0/port:hc1".parse()?).await?;
    let mut near = TcpStream::connect(local.local_addrs()[0]).await?;
    let (question, mut asked, mut answer) = (vec![7; 5_000_000], Vec::new(), String::new());
    let (mut far, _) = server.accept().await?;
    let asking = async { near.write_all(&question).await.and(near.shutdown().await) };
    tokio::try_join!(asking, far.read_to_end(&mut asked))?;
    far.write_all(b"an answer").await?;
    drop(far);
    near.read_to_string(&mut answer).await?;
    assert!(asked == question && answer == "an answer");
    Ok(())
}
