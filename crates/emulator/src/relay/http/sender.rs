//! The sender of a relayed request, and its response. Shell.

use std::future::Future;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream;
use http::{Method, Request, Response, StatusCode};
use relay::command;
use tokio::sync::mpsc;
use transport::net::ConnectionInfo;
use transport::{Body, ReasonPhrase};

use crate::fault::Subject;
use crate::relay::entity::EntityView;
use crate::relay::handover::{InlineResponse, RelayedResponse, ResponseError};
use crate::relay::namespace::Namespace;
use crate::relay::tracking_id::{Tracking, host};
use crate::relay::visit::Visit;
use crate::relay::{held_back, relayed_head};

/// The sender of one request.
pub(super) struct HttpSender<'a> {
    pub(super) namespace: &'a Namespace,
    pub(super) request: &'a Request<()>,
    pub(super) visit: &'a Visit<'a>,
    pub(super) entity: &'a EntityView,
    /// The ordinal of the request, from which faults and delays are drawn.
    pub(super) number: u64,
}

impl HttpSender<'_> {
    pub(super) fn tracking(&self) -> &Tracking {
        self.visit.tracking
    }

    /// Returns the sender's response to one that arrived on a control channel.
    pub(super) async fn respond_inline(
        &self,
        InlineResponse { head, body }: InlineResponse,
    ) -> Result<Response<Body>, Response<Body>> {
        let body = match body {
            None => Bytes::new(),
            Some(body) => {
                let late = self.namespace.wait(self.namespace.limits.response_timeout);
                match select(body, std::pin::pin!(late)).await {
                    Either::Left((Ok(bytes), _)) => bytes,
                    Either::Left((Err(_), _)) => return Err(self.lost()),
                    Either::Right(_) => return Err(self.late()),
                }
            }
        };
        let response = self.respond(&head, Body::from(body.clone()))?;
        self.visit.set_response(response.headers(), &body);
        Ok(response)
    }

    /// Returns the sender's response to one that arrived on a rendezvous, or to its failure.
    pub(super) fn respond_streamed(
        &self,
        answer: Result<RelayedResponse, ResponseError>,
    ) -> Result<Response<Body>, Response<Body>> {
        let answer = answer.map_err(|error| {
            tracing::warn!(entity = self.entity.key, failed = %error, "ListenerReturningHttpResponseFailed");
            match error {
                ResponseError::Timeout => self.late(),
                ResponseError::Closed | ResponseError::Lost | ResponseError::Protocol(_) => self.lost(),
            }
        })?;
        let Some(pieces) = answer.body else {
            return self.respond(&answer.head, Body::empty());
        };
        let has_none = self.request.method() == Method::HEAD
            || matches!(answer.head.status_code, 204 | 205 | 304);
        if has_none {
            let ended = self.connection().map(ConnectionInfo::ended);
            self.namespace.tasks.spawn(drain(pieces, ended));
            return self.respond(&answer.head, Body::empty());
        }
        let tasks = self.namespace.tasks.clone();
        // A body that a reset cuts off must not look complete.
        let closing = Box::pin(async move { tasks.closing().await });
        let pieces = stream::unfold(Some((pieces, closing)), |state| async {
            let (mut pieces, mut closing) = state?;
            let piece = match select(&mut closing, std::pin::pin!(pieces.recv())).await {
                Either::Left(_) => Some(Err(ResponseError::Lost)),
                Either::Right((piece, _)) => piece,
            }?;
            if piece.is_err() {
                // An error ends the connection; everything before it must have been sent by then.
                tokio::task::yield_now().await;
                return Some((piece, None));
            }
            Some((piece, Some((pieces, closing))))
        });
        self.respond(&answer.head, Body::from_stream(pieces, None))
    }

    /// Converts the listener's response to the sender's.
    fn respond(
        &self,
        head: &command::Response,
        body: Body,
    ) -> Result<Response<Body>, Response<Body>> {
        let status = StatusCode::from_u16(head.status_code)
            .ok()
            .filter(|status| !status.is_informational());
        let Some(status) = status else {
            tracing::warn!(
                entity = self.entity.key,
                status = head.status_code,
                "ListenerReturningHttpResponseFailed: the status is not that of a final response"
            );
            return Err(self.tracking().refuse(
                StatusCode::BAD_GATEWAY,
                "BadGateway",
                "The listener returned a status that cannot be relayed.",
            ));
        };
        tracing::debug!(entity = self.entity.key, %status, "ListenerSentHttpResponse");
        let body = match status.as_u16() {
            204 | 205 | 304 => Body::empty(),
            _ => body,
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = relayed_head::of_response(&head.response_headers, self.host());
        if let Some(reason) = head
            .status_description
            .as_deref()
            .filter(|text| !text.is_empty())
        {
            response.extensions_mut().insert(ReasonPhrase::new(reason));
        }
        Ok(response)
    }

    /// Waits for the delay of a response, and applies a fault to it.
    pub(super) async fn wait_for_the_way_back(&self) -> Result<(), Response<Body>> {
        let subject = Subject {
            scope: &self.entity.key,
            number: self.number,
            ..Subject::default()
        };
        let limit = self.namespace.limits.response_timeout;
        if held_back(self.namespace, &subject, limit).await {
            return Err(self.late());
        }
        self.namespace.wait(self.namespace.delay(self.number)).await;
        Ok(())
    }

    /// Returns the host that the request was for, without its port.
    pub(super) fn host(&self) -> &str {
        let host = host(self.request.headers());
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        }
    }

    /// Returns the sender's connection, on which more requests may arrive.
    pub(super) fn connection(&self) -> Option<&ConnectionInfo> {
        self.request.extensions().get()
    }

    /// Returns the response for a listener that took too long.
    pub(super) fn late(&self) -> Response<Body> {
        self.tracking().refuse(
            StatusCode::GATEWAY_TIMEOUT,
            "GatewayTimeout",
            "The request was routed to the listener but the listener did not respond in the required time.",
        )
    }

    /// Returns the response for a listener that was lost.
    pub(super) fn lost(&self) -> Response<Body> {
        self.tracking().refuse(
            StatusCode::BAD_GATEWAY,
            "BadGateway",
            "The request was routed to the listener but the listener's connection ended before it responded.",
        )
    }
}

/// Discards a body, so that the listener can finish it, for as long as the
/// sender's connection lasts.
async fn drain(
    mut pieces: mpsc::Receiver<Result<Bytes, ResponseError>>,
    ended: Option<impl Future<Output = ()>>,
) {
    let reading = std::pin::pin!(async { while pieces.recv().await.is_some() {} });
    match ended {
        Some(ended) => {
            select(reading, std::pin::pin!(ended)).await;
        }
        None => reading.await,
    }
}
