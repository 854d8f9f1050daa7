//! The WebSocket client without its driver: a plain loop that performs what the
//! session decides. It uses the socket of the transport and the clock of the runtime, but any
//! others would work. It joins a group on the embedded emulator, sends itself three
//! messages, deliberately loses its network in between, and stops.
//!
//! The loop takes every event and waits for each message to be written, so that it always has room. A
//! loop with queues of its own says when they are full: `session.hold` for events, `session.stall` for
//! the socket; it then reads the socket only while `session.wants_message()`, and accepts commands only
//! while `session.is_ready()` or, so that they fail at once, `session.is_behind()`.

#![expect(clippy::print_stdout, reason = "an example prints to the terminal")]

use std::error::Error;

use azwire_emulator::{Emulator, Fault, FaultPlan, FaultRule};
use azwire_pubsub::session::{Action, DialTarget, Session, SocketId};
use azwire_pubsub::{
    ClientAccessOptions, DialError, Event, GroupName, Role, SendToGroupOptions, ServiceClient,
    SessionOptions, Subprotocol,
};
use azwire_transport::net::HyperWebSocketConnector;
use azwire_transport::{HandshakeRequest, Runtime, TokioRuntime, WebSocket, WebSocketConnector};
use futures::future::{Either, select};
use futures::{SinkExt, StreamExt};

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> AnyResult {
    let emulator = Emulator::builder().start().await?;
    let connection_string = emulator.pubsub().connection_string();
    let service = ServiceClient::from_connection_string(connection_string.expose(), "chat")?;
    let access = ClientAccessOptions::default()
        .with_role(Role::JoinLeaveAnyGroup)
        .with_role(Role::SendToAnyGroup);
    let access = service.client_access_url(access).await?;
    let url = access.url().expose();

    let clock = TokioRuntime::new();
    let group = GroupName::new("g")?;
    let mut session = Session::new(SessionOptions::default(), 7);
    let mut socket: Option<(SocketId, Box<dyn WebSocket>)> = None;
    let mut received = 0;
    session.start(clock.now());
    session.join_group(clock.now(), &group)?;
    loop {
        // First the actions,
        while let Some(action) = session.poll_action() {
            match action {
                Action::Dial { socket: id, target } => match open(url, target).await {
                    Ok(opened) => {
                        socket = Some((id, opened));
                        session.handle_open(clock.now(), id);
                    }
                    Err(error) => {
                        println!("failed to connect: {error}");
                        session.handle_dial_failed(clock.now(), id, DialError::Transport);
                    }
                },
                Action::Transmit(message) => {
                    if let Some((_, socket)) = &mut socket {
                        // A failure shows up when reading.
                        let _ = socket.send(message).await;
                    }
                }
                _ => socket = None,
            }
        }
        // then the replies to commands,
        while let Some(reply) = session.poll_reply() {
            println!("{reply:?}");
        }
        // then the events for the application,
        while let Some(event) = session.poll_event() {
            println!("{event:?}");
            let next = match event {
                Event::Connected { .. } => "one",
                Event::GroupMessage { .. } if received == 0 => "two",
                Event::GroupMessage { .. } if received == 1 => {
                    let drop = FaultPlan::new(1).with(FaultRule::now(Fault::Drop));
                    emulator.pubsub().arm(drop)?;
                    "three"
                }
                Event::GroupMessage { .. } => {
                    session.stop(clock.now());
                    continue;
                }
                _ => continue,
            };
            received += usize::from(next != "one");
            let options = SendToGroupOptions::default();
            session.send_to_group(clock.now(), &group, next.into(), options)?;
        }
        if session.is_stopped() {
            return Ok(());
        }
        // and finally wait for a message or the deadline.
        let deadline = session.poll_timeout().ok_or("nothing is due")?;
        let mut sleep = clock.sleep_until(deadline);
        let Some((id, stream)) = &mut socket else {
            sleep.await;
            session.handle_timeout(clock.now());
            continue;
        };
        let id = *id;
        match select(stream.next(), sleep.as_mut()).await {
            Either::Left((Some(Ok(message)), _)) => {
                let _ = session.handle_message(clock.now(), id, message);
            }
            Either::Left(_) => {
                socket = None;
                session.handle_closed(clock.now(), id);
            }
            Either::Right(_) => session.handle_timeout(clock.now()),
        }
    }
}

async fn open(url: &str, target: DialTarget) -> AnyResult<Box<dyn WebSocket>> {
    let mut url = url.to_owned();
    if let DialTarget::Recover {
        connection_id,
        reconnection_token,
    } = target
    {
        url += &format!("&awps_connection_id={connection_id}");
        url += &format!("&awps_reconnection_token={}", reconnection_token.expose());
    }
    let subprotocol = Subprotocol::default().as_str();
    let request = HandshakeRequest::new(url.parse()?).with_subprotocol(subprotocol);
    Ok(HyperWebSocketConnector::default()
        .connect(request)
        .await?
        .socket)
}
