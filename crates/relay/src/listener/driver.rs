//! The only task of a listener: it performs what the control channel decides. Shell.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use auth::{Clock, Secret};
use futures::channel::{mpsc, oneshot};
use futures::future::BoxFuture;
use futures::{FutureExt, Sink, Stream};
use http::Uri;
use transport::{
    ConnectRequest, Message, Opened, SharedRuntime, SharedWebSocketConnector, Sleep, WebSocket,
    WebSocketConnector,
};

use super::IncomingConnection;
use crate::control::{Action, ControlChannel, ControlOptions, Event, TokenUnavailable};
use crate::header::SERVICE_BUS_AUTHORIZATION;
use crate::sign_in::token_header;
use crate::{Credential, Error, ErrorKind, HybridConnection, Result};

#[derive(Debug)]
pub(super) enum Command {
    Stop(oneshot::Sender<()>),
}

/// What does not change during a listener's life.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) uri: Uri,
    pub(super) hybrid_connection: HybridConnection,
    pub(super) credential: Credential,
    pub(super) connector: SharedWebSocketConnector,
    pub(super) clock: auth::SharedClock,
    pub(super) runtime: SharedRuntime,
}

type Token = Result<Option<(Secret, Duration)>>;

pub(super) struct Driver {
    parts: Parts,
    channel: ControlChannel,
    incoming: mpsc::Sender<IncomingConnection>,
    /// `None` once the listener is dropped.
    commands: Option<mpsc::Receiver<Command>>,
    fetching: Option<BoxFuture<'static, Token>>,
    dialing: Option<BoxFuture<'static, Result<Opened>>>,
    socket: Option<Box<dyn WebSocket>>,
    /// A message that the socket had no room for yet.
    outgoing: Option<Message>,
    needs_flush: bool,
    /// Told once: that the channel is online, or why it never was.
    opened: Option<oneshot::Sender<Result<()>>>,
    last_error: Option<Error>,
    stopping: Vec<oneshot::Sender<()>>,
    sleep: Option<(Instant, Pin<Box<dyn Sleep>>)>,
}

impl Driver {
    pub(super) fn new(
        parts: Parts,
        options: ControlOptions,
        incoming: mpsc::Sender<IncomingConnection>,
        commands: mpsc::Receiver<Command>,
        opened: oneshot::Sender<Result<()>>,
    ) -> Self {
        let mut channel = ControlChannel::new(options);
        channel.start(parts.runtime.now());
        Self {
            parts,
            channel,
            incoming,
            commands: Some(commands),
            fetching: None,
            dialing: None,
            socket: None,
            outgoing: None,
            needs_flush: false,
            opened: Some(opened),
            last_error: None,
            stopping: Vec::new(),
            sleep: None,
        }
    }

    fn drive_futures(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        if let Some(fetching) = &mut self.fetching
            && let Poll::Ready(token) = fetching.poll_unpin(cx)
        {
            self.fetching = None;
            let token = token.map_err(|error| {
                tracing::warn!(error = &error as &dyn std::error::Error, "no token");
                self.last_error = Some(error);
                TokenUnavailable
            });
            self.channel.handle_token(self.parts.runtime.now(), token);
            progress = true;
        }
        if let Some(dialing) = &mut self.dialing
            && let Poll::Ready(opened) = dialing.poll_unpin(cx)
        {
            self.dialing = None;
            let now = self.parts.runtime.now();
            match opened {
                Ok(opened) => {
                    self.socket = Some(opened.socket);
                    self.channel.handle_open(now);
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "not opened");
                    self.last_error = Some(error);
                    self.channel.handle_closed(now);
                }
            }
            progress = true;
        }
        progress
    }

    fn drive_writes(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        loop {
            let message = match self.outgoing.take() {
                Some(message) => message,
                None => match self.channel.poll_action() {
                    Some(Action::Transmit(message)) => message,
                    Some(action) => {
                        self.perform(action);
                        progress = true;
                        continue;
                    }
                    None => break,
                },
            };
            let Some(socket) = &mut self.socket else {
                continue;
            };
            match Pin::new(&mut *socket).poll_ready(cx) {
                Poll::Ready(Ok(())) => {
                    if let Err(error) = Pin::new(socket).start_send(message) {
                        self.lose(error);
                        return true;
                    }
                    self.needs_flush = true;
                    progress = true;
                }
                Poll::Ready(Err(error)) => {
                    self.lose(error);
                    return true;
                }
                Poll::Pending => {
                    self.outgoing = Some(message);
                    return progress;
                }
            }
        }
        if self.needs_flush
            && let Some(socket) = &mut self.socket
        {
            match Pin::new(socket).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.needs_flush = false,
                Poll::Ready(Err(error)) => {
                    self.lose(error);
                    return true;
                }
                Poll::Pending => {}
            }
        }
        progress
    }

    fn perform(&mut self, action: Action) {
        match action {
            Action::Abort => {
                self.dialing = None;
                self.fetching = None;
                self.drop_socket();
            }
            Action::Dial(token) => self.dialing = Some(dial(self.parts.clone(), token).boxed()),
            Action::FetchToken => self.fetching = Some(fetch(self.parts.clone()).boxed()),
            Action::Transmit(_) => {}
        }
    }

    fn drive_events(&mut self) -> bool {
        let mut progress = false;
        while let Some(event) = self.channel.poll_event() {
            progress = true;
            match event {
                Event::Incoming(accept) => {
                    let own = &self.parts.hybrid_connection;
                    let connector = self.parts.connector.clone();
                    match IncomingConnection::new(own, accept, connector) {
                        Ok(incoming) => {
                            // The control channel never waits for the application.
                            if self.incoming.try_send(incoming).is_err() {
                                tracing::warn!(
                                    "too many senders wait, one more is left to its time-out"
                                );
                            }
                        }
                        Err(error) => tracing::warn!(%error, "rendezvous not followed"),
                    }
                }
                Event::Online => {
                    tracing::debug!(hybrid_connection = %self.parts.hybrid_connection, "online");
                    if let Some(opened) = self.opened.take() {
                        let _ = opened.send(Ok(()));
                    }
                }
                Event::Connecting => {
                    tracing::warn!(hybrid_connection = %self.parts.hybrid_connection, "lost, connecting again");
                }
                Event::Offline => {
                    if let Some(opened) = self.opened.take() {
                        let error = self.last_error.take().unwrap_or_else(|| {
                            Error::message(ErrorKind::Closed, "the listener was ended")
                        });
                        let _ = opened.send(Err(error));
                    }
                }
            }
        }
        progress
    }

    fn drive_reads(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(socket) = &mut self.socket else {
            return false;
        };
        match Pin::new(socket).poll_next(cx) {
            Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                tracing::debug!(?frame, "the relay closes the control channel");
                true
            }
            Poll::Ready(Some(Ok(message))) => {
                let now = self.parts.runtime.now();
                if let Err(error) = self.channel.handle_message(now, message) {
                    tracing::warn!(%error, "message passed over");
                }
                true
            }
            Poll::Ready(Some(Err(error))) => {
                self.lose(error);
                true
            }
            Poll::Ready(None) => {
                self.drop_socket();
                self.channel.handle_closed(self.parts.runtime.now());
                true
            }
            Poll::Pending => false,
        }
    }

    fn drive_commands(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(commands) = &mut self.commands else {
            return false;
        };
        match Pin::new(commands).poll_next(cx) {
            Poll::Ready(Some(Command::Stop(reply))) => self.stopping.push(reply),
            Poll::Ready(None) => self.commands = None,
            Poll::Pending => return false,
        }
        self.channel.stop(self.parts.runtime.now());
        true
    }

    fn drive_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.channel.poll_timeout() else {
            self.sleep = None;
            return false;
        };
        let sleep = match &mut self.sleep {
            Some((set, sleep)) => {
                if *set != deadline {
                    *set = deadline;
                    sleep.as_mut().reset(deadline);
                }
                sleep
            }
            none => {
                let sleep = self.parts.runtime.sleep_until(deadline);
                &mut none.insert((deadline, sleep)).1
            }
        };
        if sleep.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.sleep = None;
        self.channel.handle_timeout(self.parts.runtime.now());
        true
    }

    fn lose(&mut self, error: transport::Error) {
        tracing::debug!(error = &error as &dyn std::error::Error, "connection lost");
        self.drop_socket();
        self.last_error = Some(error.into());
        self.channel.handle_closed(self.parts.runtime.now());
    }

    fn drop_socket(&mut self) {
        self.socket = None;
        self.outgoing = None;
        self.needs_flush = false;
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..ROUNDS_BEFORE_YIELD {
            let mut progress = this.drive_futures(cx);
            progress |= this.drive_writes(cx);
            progress |= this.drive_events();
            progress |= this.drive_reads(cx);
            progress |= this.drive_commands(cx);
            progress |= this.drive_timer(cx);
            if this.channel.is_offline() {
                this.drive_events();
                for reply in this.stopping.drain(..) {
                    // Whoever asked may have stopped waiting.
                    let _ = reply.send(());
                }
                return Poll::Ready(());
            }
            if !progress {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

async fn fetch(parts: Parts) -> Token {
    let audience = parts.hybrid_connection.audience();
    let token = parts.credential.token(&audience).await?;
    Ok(token.map(|token| {
        let remaining = token
            .expires_on()
            .duration_since(parts.clock.now())
            .unwrap_or_default();
        (token.token().clone(), remaining)
    }))
}

async fn dial(parts: Parts, token: Option<Secret>) -> Result<Opened> {
    let mut request = ConnectRequest::new(parts.uri);
    if let Some(token) = token {
        request = request.with_header(SERVICE_BUS_AUTHORIZATION, token_header(&token)?);
    }
    Ok(parts.connector.connect(request).await?)
}

/// How often a driver goes round before it lets other tasks run.
const ROUNDS_BEFORE_YIELD: usize = 256;
