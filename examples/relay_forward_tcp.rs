//! Forwards TCP through the hybrid connection of `RELAY_CONNECTION_STRING`, with half-close.
//!
//! `relay_forward_tcp listen HOST:PORT` connects each sender to HOST:PORT;
//! `relay_forward_tcp connect HOST:PORT` is a sender for each connection that it accepts there.

use azwire_relay::{IncomingConnection, Listener, RelayStream, Sender, http::StatusCode};
use futures::{StreamExt, stream};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

type AnyResult<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult {
    let mut arguments = std::env::args().skip(1);
    let (role, place) = (arguments.next(), arguments.next().unwrap_or_default());
    match role.as_deref() {
        Some("listen") => listen(Listener::from_env()?.open().await?, &place).await,
        Some("connect") => connect(TcpListener::bind(place).await?, Sender::from_env()?).await,
        _ => return Err("relay_forward_tcp listen|connect HOST:PORT".into()),
    }
    Ok(())
}

async fn listen(listener: Listener, target: &str) {
    let each = async |incoming| report(dial(incoming, target).await);
    listener.for_each_concurrent(1000, each).await;
}

async fn dial(incoming: IncomingConnection, target: &str) -> AnyResult {
    match TcpStream::connect(target).await {
        Ok(socket) => forward(socket, incoming.accept().await?).await,
        Err(error) => {
            let reason = "the target cannot be reached";
            incoming.reject(StatusCode::BAD_GATEWAY, reason).await?;
            Err(error.into())
        }
    }
}

async fn connect(local: TcpListener, sender: Sender) {
    let accepted = stream::repeat(()).then(async |()| local.accept().await);
    let each = async |accepted: std::io::Result<(TcpStream, _)>| {
        report(async { forward(accepted?.0, sender.connect().await?).await }.await);
    };
    accepted.for_each_concurrent(1000, each).await;
}

/// Returns once both directions have ended and everything has arrived.
async fn forward(mut socket: TcpStream, mut relayed: RelayStream) -> AnyResult {
    // The end of one direction is passed on, and leaves the other open.
    if let Err(error) = copy_bidirectional(&mut relayed, &mut socket).await {
        // A reset, so that the part that has arrived is not taken for the whole.
        socket.set_zero_linger()?;
        return Err(error.into());
    }
    Ok(relayed.finish().await?)
}

fn report(outcome: AnyResult) {
    if let Err(error) = outcome {
        eprintln!("a connection ended early: {error}");
    }
}

#[cfg(all(test, feature = "emulator"))]
#[tokio::test]
async fn an_answer_arrives_after_the_question_has_ended() -> AnyResult {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let emulator = azwire_emulator::Emulator::builder().start().await?;
    let place = emulator.relay().plain_connection_string("hc1");
    let place = place.expose();
    let listener = Listener::from_connection_string(place)?.open().await?;
    let sender = Sender::from_connection_string(place)?;
    let bind = || TcpListener::bind("127.0.0.1:0");
    let (server, local) = (bind().await?, bind().await?);
    let target = server.local_addr()?.to_string();
    let mut near = TcpStream::connect(local.local_addr()?).await?;
    let exchange = async {
        let (question, mut asked, mut answer) = (vec![7; 5_000_000], Vec::new(), String::new());
        let (mut far, _) = server.accept().await?;
        let asking = async { near.write_all(&question).await.and(near.shutdown().await) };
        tokio::try_join!(asking, far.read_to_end(&mut asked))?;
        far.write_all(b"an answer").await?;
        drop(far);
        near.read_to_string(&mut answer).await?;
        assert!(asked == question && answer == "an answer");
        let relay = emulator.relay();
        let ended = relay.wait_for(|state| state.hybrid_connection("hc1").senders.is_empty());
        ended.await?;
        Ok(())
    };
    tokio::select! {
        () = listen(listener, &target) => Err("the listener has ended".into()),
        () = connect(local, sender) => Err("nobody is a sender any more".into()),
        outcome = exchange => outcome,
    }
}
