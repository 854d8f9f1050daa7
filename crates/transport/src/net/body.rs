//! Conversion between our [`Body`] and hyper's, and of responses. Shell.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::TryStreamExt;
use http::Response;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use super::failure::{self, SharedError};
use crate::body::DataFrames;
use crate::{Body, Error, ErrorKind, ReasonPhrase, Result};

/// A request body in the form that hyper accepts, checked against its announced length.
pub(super) struct Outgoing {
    body: Body,
    left: Option<u64>,
}

impl Outgoing {
    /// `announced` is the length that the caller announced for a body of unknown length.
    pub(super) fn new(body: Body, announced: Option<u64>) -> Self {
        Self {
            left: body.content_length().or(announced),
            body,
        }
    }
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = SharedError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SharedError>>> {
        let wrong = |reason| Some(Err(Error::message(ErrorKind::Body, reason).into()));
        Pin::new(&mut self.body)
            .poll_next(cx)
            .map(|next| match next {
                Some(Ok(chunk)) => {
                    if let Some(left) = &mut self.left {
                        let Some(rest) = left.checked_sub(chunk.len() as u64) else {
                            return wrong("the request body is longer than announced");
                        };
                        *left = rest;
                    }
                    Some(Ok(Frame::data(chunk)))
                }
                Some(Err(error)) => Some(Err(error.into())),
                None if self.left.is_some_and(|left| left > 0) => {
                    wrong("the request body is shorter than announced")
                }
                None => None,
            })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Converts a response into the form that callers get.
pub(super) fn answer(mut response: Response<Incoming>) -> Response<Body> {
    let reason = response
        .extensions_mut()
        .remove::<hyper::ext::ReasonPhrase>();
    if let Some(reason) = reason {
        let reason = ReasonPhrase::new(&String::from_utf8_lossy(reason.as_bytes()));
        response.extensions_mut().insert(reason);
    }
    response.map(incoming)
}

/// Converts a response body, which is read from the connection on demand.
fn incoming(body: Incoming) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    let length = body.size_hint().exact();
    Body::from_stream(DataFrames(body).map_err(failure::response_body), length)
}
