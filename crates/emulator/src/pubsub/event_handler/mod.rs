//! Calls to the application's event handlers: selection, requests and retries.
//! Shell around pure parts.
//!
//! Source: Web PubSub's CloudEvents reference; the retry schedule, the limits
//! and the numbering are those of Microsoft's emulator.

mod answer;
mod call;
mod cookie;
mod event_queue;
mod lists;
mod outcome;
mod recording;
mod request;
mod validation;

pub(super) use self::answer::{ConnectAnswer, HandlerAnswer};
pub(super) use self::event_queue::{EventQueue, Notice, Pending, UserEvent, UserEventKind};
pub(super) use self::request::ConnectDetails;

use std::sync::{Arc, Mutex, OnceLock};

use auth::_internal::HmacSha256;
use auth::AccessKey;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, Response, StatusCode, Uri};
use transport::_internal::lock;
use transport::{Body, SharedHttpClient, SharedRuntime};

use self::call::Call;
use self::lists::Lists;
use self::outcome::CallError;
use self::request::{Head, Kind};
use self::validation::Validations;
use super::FileHandlers;
use crate::clock::EmulatorClock;
use crate::config::{EventHandlerConfig, GroupPresenceEvent, SystemEvent};
use crate::journal::Journal;
use crate::{Error, Result};

/// The event handlers of all hubs.
#[derive(Debug)]
pub(super) struct EventHandlers {
    lists: Mutex<Lists>,
    file_handlers: FileHandlers,
    client: OnceLock<SharedHttpClient>,
    validations: Validations,
    signers: Vec<HmacSha256>,
    /// The host and port that the emulator identifies itself with.
    origin: Arc<OnceLock<String>>,
    runtime: SharedRuntime,
    clock: EmulatorClock,
    journal: Journal,
}

impl EventHandlers {
    pub(super) fn new(
        handlers: &[EventHandlerConfig],
        file_handlers: FileHandlers,
        keys: &[AccessKey],
        origin: Arc<OnceLock<String>>,
        runtime: SharedRuntime,
        clock: EmulatorClock,
        journal: Journal,
    ) -> Self {
        let mut lists = Lists {
            of_settings: handlers.to_vec(),
            of_files: file_handlers.current(),
            ..Lists::default()
        };
        lists.sort();
        Self {
            lists: Mutex::new(lists),
            file_handlers,
            client: OnceLock::new(),
            validations: Validations::default(),
            signers: keys.iter().map(HmacSha256::of).collect(),
            origin,
            runtime,
            clock,
            journal,
        }
    }

    /// Adds a handler after those that its hub has; open connections keep the
    /// handlers that existed when they opened.
    pub(super) fn add_handler(&self, handler: EventHandlerConfig) -> Result<()> {
        let mut lists = lock(&self.lists);
        if lists.added.len() >= MAX_ADDED {
            let text = format!("{MAX_ADDED} event handlers have been added since the last reset");
            return Err(Error::message(text));
        }
        lists.added.push(handler);
        lists.sort();
        Ok(())
    }

    /// Returns the handlers of a hub, given in lower case.
    pub(super) fn handlers(&self, hub: &str) -> Option<Arc<[EventHandlerConfig]>> {
        let of_files = self.file_handlers.current();
        let mut lists = lock(&self.lists);
        if !Arc::ptr_eq(&lists.of_files, &of_files) {
            lists.of_files = of_files;
            lists.sort();
        }
        lists.by_hub.get(hub).cloned()
    }

    /// Asks the `connect` handler about a client, if the hub has one.
    ///
    /// # Errors
    ///
    /// The response to the client, whose connection is refused.
    pub(super) async fn connect(
        &self,
        handlers: &[EventHandlerConfig],
        id: &str,
        user_id: Option<&str>,
        details: &ConnectDetails<'_>,
    ) -> Result<ConnectAnswer, Response<Body>> {
        let Some(handler) = system_handler(handlers, SystemEvent::Connect) else {
            return Ok(ConnectAnswer::default());
        };
        let head = Head {
            hub: &handler.hub,
            connection_id: id,
            user_id,
            subprotocol: None,
            event_id: 0,
            state: None,
            cookies: None,
        };
        let body = details.to_json();
        let shown = self.journal.is_on().then(|| details.shown(body.len()));
        let kind = Kind::System("connect");
        let failed = |text: &str| {
            let mut response = Response::new(Body::from(text.to_owned()));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        };
        let uri = target(handler, kind).map_err(failed)?;
        let request_id = details.headers.get(REQUEST_ID).cloned();
        let extra = request_id.map(|id| (HeaderName::from_static(REQUEST_ID), id));
        let extra = HeaderMap::from_iter(extra);
        let (status, headers, body) = self
            .call(Call {
                handler,
                uri: &uri,
                head: &head,
                kind,
                content_type: request::JSON,
                extra: &extra,
                body,
                shown,
            })
            .await
            .map_err(|error| {
                tracing::warn!(hub = handler.hub, %error, "the connect handler failed");
                failed(&format!("The client is not accepted, since {error}."))
            })?;
        if !status.is_success() {
            // A status that is not an error, such as a redirect, is not forwarded to the client.
            if !status.is_client_error() && !status.is_server_error() {
                tracing::warn!(hub = handler.hub, %status, "the connect handler failed");
                return Err(failed("The event handler's status is not valid."));
            }
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            let content_type = headers.get(CONTENT_TYPE).cloned();
            let content_type = content_type.map(|it| (CONTENT_TYPE, it));
            response.headers_mut().extend(content_type);
            return Err(response);
        }
        let mut answer = ConnectAnswer::read(&headers, &body).map_err(|error| {
            tracing::warn!(
                hub = handler.hub,
                error,
                "the connect handler's response is invalid"
            );
            failed("The event handler's answer is not valid.")
        })?;
        answer.keep_cookies(&headers, &uri, self.clock.wall());
        Ok(answer)
    }

    /// Notifies a handler of a system event, if the hub has one for it. The response is ignored.
    pub(super) async fn notify(&self, line: &EventQueue, event: SystemEvent, body: String) {
        if let Some(handler) = system_handler(line.handlers(), event) {
            let kind = Kind::System(event.as_str());
            self.tell(line, handler, kind, body).await;
        }
    }

    /// Notifies a handler of a change of a group's members, if one is configured
    /// for it. The response is ignored.
    pub(super) async fn notify_presence(
        &self,
        line: &EventQueue,
        event: GroupPresenceEvent,
        group: &str,
    ) {
        let mut handlers = line.handlers().iter();
        if let Some(handler) = handlers.find(|handler| handler.takes_presence(event, group)) {
            let kind = Kind::Presence(event.as_str());
            let body = serde_json::json!({ "group": group }).to_string();
            self.tell(line, handler, kind, body).await;
        }
    }

    async fn tell(
        &self,
        line: &EventQueue,
        handler: &EventHandlerConfig,
        kind: Kind<'_>,
        body: String,
    ) {
        let called = async {
            let uri = target(handler, kind)?;
            let state = line.next_head(&uri, self.clock.wall());
            let head = state.head(line, &handler.hub);
            let none = HeaderMap::new();
            let body = body.into();
            let (status, headers, _) = self
                .call(Call {
                    handler,
                    uri: &uri,
                    head: &head,
                    kind,
                    content_type: request::JSON,
                    extra: &none,
                    body,
                    shown: None,
                })
                .await?;
            if status.is_success() {
                line.remember_cookies(&headers, &uri, self.clock.wall());
            }
            Ok::<_, CallError>(status)
        };
        let (hub, event) = (&handler.hub, kind.name());
        match called.await {
            Ok(status) if status.is_success() => {}
            Ok(status) => tracing::warn!(hub, event, %status, "the event handler refused"),
            Err(error) => tracing::warn!(hub, event, %error, "the event handler failed"),
        }
    }

    /// Sends a user event and returns the outcome.
    pub(super) async fn send(&self, line: &EventQueue, event: &UserEvent) -> HandlerAnswer {
        let mut handlers = line.handlers().iter();
        let Some(handler) = handlers.find(|handler| handler.takes_user_event(&event.name)) else {
            return HandlerAnswer::NoHandler;
        };
        let kind = Kind::User(&event.name);
        let called = async {
            let uri = target(handler, kind)?;
            let state = line.next_head(&uri, self.clock.wall());
            let head = state.head(line, &handler.hub);
            let (content_type, body) = request::content(event.data.as_ref(), event.is_frame());
            let metadata = request::metadata_headers(&event.metadata);
            let (status, headers, body) = self
                .call(Call {
                    handler,
                    uri: &uri,
                    head: &head,
                    kind,
                    content_type,
                    extra: &metadata,
                    body,
                    shown: None,
                })
                .await?;
            if status.is_success() {
                line.remember_state(&headers);
                line.remember_cookies(&headers, &uri, self.clock.wall());
            }
            Ok::<_, CallError>(HandlerAnswer::read(status, &headers, body))
        };
        called.await.unwrap_or_else(|error| {
            tracing::warn!(
                hub = handler.hub,
                event = event.name,
                %error,
                "the event handler failed"
            );
            HandlerAnswer::Failed(StatusCode::INTERNAL_SERVER_ERROR)
        })
    }
}

/// Returns the URL of a handler for an event.
fn target(handler: &EventHandlerConfig, kind: Kind<'_>) -> Result<Uri, &'static str> {
    let url = handler.url_for(&handler.hub, kind.name());
    url.parse()
        .map_err(|_| "the URL of the event handler is invalid")
}

/// Returns whether a `connect` handler is asked about a client.
pub(super) fn asks_before_connecting(handlers: &[EventHandlerConfig]) -> bool {
    system_handler(handlers, SystemEvent::Connect).is_some()
}

fn system_handler(
    handlers: &[EventHandlerConfig],
    event: SystemEvent,
) -> Option<&EventHandlerConfig> {
    let mut handlers = handlers.iter();
    handlers.find(|handler| handler.system_events.contains(&event))
}

/// Forwarded to the `connect` handler if the client sends it.
const REQUEST_ID: &str = "x-ms-client-request-id";
/// How many handlers can be added until a reset.
const MAX_ADDED: usize = 1_000;
