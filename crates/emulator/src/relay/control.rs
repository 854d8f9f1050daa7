//! The listener edge: the control channel.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{Sink, Stream};
use http::{Request, Response, StatusCode, header};
use relay::command::Reply;
use tokio::sync::mpsc;
use transport::net::{AcceptOptions, ConnectionInfo, Upgrade};
use transport::{Body, CloseCode, CloseFrame, Message, WebSocket};
use uuid::Uuid;

use super::{Call, Listener, MAX_LISTENERS, Namespace, authorize};

/// Answers the opening of a control channel at `path`.
pub(super) fn listen(
    namespace: &Arc<Namespace>,
    mut request: Request<Body>,
    call: Call,
    path: &str,
) -> Response<Body> {
    match open(namespace, &mut request, &call, path) {
        Ok(response) | Err(response) => response,
    }
}

fn open(
    namespace: &Arc<Namespace>,
    request: &mut Request<Body>,
    call: &Call,
    path: &str,
) -> Result<Response<Body>, Response<Body>> {
    let upgrade = Upgrade::from_request(request).map_err(|_| {
        call.refuse(
            StatusCode::BAD_REQUEST,
            "This endpoint is only for web-socket requests.",
        )
    })?;
    let entity = namespace
        .entity_of(path)
        .ok_or_else(|| call.refuse(StatusCode::NOT_FOUND, "Endpoint does not exist."))?;
    authorize::check(namespace, request, call, path)?;
    let tls = request
        .extensions()
        .get::<ConnectionInfo>()
        .is_some_and(|info| info.tls);
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let key = Uuid::new_v4();
    let (commands, queue) = mpsc::channel(COMMAND_CAPACITY);
    let listener = Listener {
        key,
        // Rendezvous addresses name the host that the listener used, so that its certificate fits.
        origin: format!("{}://{host}", if tls { "wss" } else { "ws" }),
        commands,
    };
    if !namespace.add_listener(&entity, listener) {
        return Err(call.refuse(
            StatusCode::FORBIDDEN,
            &format!("The maximum number of {MAX_LISTENERS} listeners has been reached."),
        ));
    }
    let leave = Leave {
        namespace: Arc::clone(namespace),
        entity,
        key,
    };
    let (response, opened) = upgrade
        .accept(AcceptOptions::default())
        .map_err(|_| call.refuse(StatusCode::BAD_REQUEST, "The handshake is not valid."))?;
    let path = path.to_owned();
    let host = host.to_owned();
    namespace.tasks.spawn(async move {
        let Ok(socket) = opened.await else {
            return;
        };
        tracing::debug!(entity = leave.entity, "NewListenerRegistered");
        Channel {
            leave: &leave,
            host,
            path,
            socket,
            queue,
            closing: None,
            needs_flush: false,
        }
        .await;
        tracing::debug!(entity = leave.entity, "ListenerUnregistered");
    });
    Ok(response)
}

/// Takes the listener off its entity on drop, however the task ends.
struct Leave {
    namespace: Arc<Namespace>,
    entity: String,
    key: Uuid,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.namespace.remove_listener(&self.entity, self.key);
    }
}

/// One listener's socket, driven by one task.
struct Channel<'a> {
    leave: &'a Leave,
    host: String,
    path: String,
    socket: Box<dyn WebSocket>,
    queue: mpsc::Receiver<String>,
    closing: Option<CloseFrame>,
    needs_flush: bool,
}

impl Channel<'_> {
    fn handle(&mut self, message: Message) {
        let Message::Text(text) = message else {
            return;
        };
        match Reply::decode(&text) {
            Ok(Some(Reply::RenewToken(token))) => {
                let namespace = &self.leave.namespace;
                let good = namespace
                    .verifier
                    .verify(token.expose(), namespace.now())
                    .is_ok_and(|token| token.covers(&self.host, &self.path));
                if !good {
                    tracing::info!(entity = self.leave.entity, "InvalidSasToken");
                    self.closing = Some(CloseFrame::new(
                        CloseCode::POLICY_VIOLATION,
                        "The token is invalid.",
                    ));
                }
            }
            Ok(_) => {}
            Err(error) => tracing::info!(%error, "message passed over"),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<bool, transport::Error> {
        let mut progress = false;
        while let Poll::Ready(ready) = Pin::new(&mut self.socket).poll_ready(cx) {
            ready?;
            let message = match self.closing.take() {
                Some(frame) => Message::Close(Some(frame)),
                None => match self.queue.poll_recv(cx) {
                    Poll::Ready(Some(command)) => Message::text(command),
                    Poll::Ready(None) | Poll::Pending => break,
                },
            };
            Pin::new(&mut self.socket).start_send(message)?;
            self.needs_flush = true;
            progress = true;
        }
        if self.needs_flush
            && let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(cx)
        {
            flushed?;
            self.needs_flush = false;
        }
        Ok(progress)
    }
}

impl Future for Channel<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let Ok(mut progress) = this.poll_write(cx) else {
                return Poll::Ready(());
            };
            match Pin::new(&mut this.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    this.handle(message);
                    progress = true;
                }
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            if !progress {
                return Poll::Pending;
            }
        }
    }
}

/// How many senders may be announced to a listener that does not read.
const COMMAND_CAPACITY: usize = 256;
