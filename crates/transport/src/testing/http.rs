//! A scripted HTTP client.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use crate::lock::lock;
use crate::{Body, Error, ErrorKind, HttpClient, Result};

/// An [`HttpClient`] that returns prepared answers in order and records the
/// requests. Clones share script and record.
///
/// A request's body is read to its end before the answer, except before an
/// error that says that nothing was delivered.
///
/// ```
/// use azwire_transport::testing::ScriptedHttp;
/// use azwire_transport::{Body, HttpClient};
/// use http::{Request, Response, StatusCode};
///
/// # run(async {
/// let http = ScriptedHttp::new();
/// http.respond(Response::builder().status(202).body("done").unwrap());
///
/// let request = Request::post("https://hub.example/api").body(Body::from("hello")).unwrap();
/// let response = http.send(request).await.unwrap();
///
/// assert_eq!(response.status(), StatusCode::ACCEPTED);
/// assert_eq!(http.requests()[0].body(), "hello");
/// # });
/// # fn run(future: impl Future<Output = ()>) {
/// #     let runtime = azwire_transport::testing::ManualRuntime::new();
/// #     assert!(runtime.poll(&mut Box::pin(future)).is_ready());
/// # }
/// ```
#[derive(Clone, Default)]
pub struct ScriptedHttp(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    script: VecDeque<Answer>,
    requests: Vec<Request<Bytes>>,
}

type AnswerFn = Box<dyn FnOnce(&Request<Bytes>) -> Result<Response<Body>> + Send>;

enum Answer {
    Respond(Response<Body>),
    Fail(Error),
    Compute(AnswerFn),
    Hang,
}

impl ScriptedHttp {
    /// Creates a client with an empty script.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a response to the script.
    pub fn respond(&self, response: Response<impl Into<Body>>) -> &Self {
        self.push(Answer::Respond(response.map(Into::into)))
    }

    /// Adds an error to the script.
    pub fn fail(&self, error: Error) -> &Self {
        self.push(Answer::Fail(error))
    }

    /// Adds an answer that depends on the request.
    pub fn respond_with(
        &self,
        answer: impl FnOnce(&Request<Bytes>) -> Result<Response<Body>> + Send + 'static,
    ) -> &Self {
        self.push(Answer::Compute(Box::new(answer)))
    }

    /// Adds silence to the script: the request is read and never answered.
    pub fn hang(&self) -> &Self {
        self.push(Answer::Hang)
    }

    /// Returns the requests so far. If a request's body was not read, the recorded body is empty.
    pub fn requests(&self) -> Vec<Request<Bytes>> {
        self.state().requests.clone()
    }

    /// Returns the number of answers left in the script.
    pub fn remaining(&self) -> usize {
        self.state().script.len()
    }

    fn push(&self, answer: Answer) -> &Self {
        self.state().script.push_back(answer);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

#[async_trait]
impl HttpClient for ScriptedHttp {
    /// Fails with kind [`Other`](ErrorKind::Other) when the script has ended.
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        let answer = self.state().script.pop_front();
        let (parts, body) = request.into_parts();
        let unread = matches!(&answer, Some(Answer::Fail(error)) if !error.may_be_delivered());
        let body = if unread {
            Bytes::new()
        } else {
            body.collect(usize::MAX).await?
        };
        let request = Request::from_parts(parts, body);
        self.state().requests.push(request.clone());
        match answer {
            Some(Answer::Respond(response)) => Ok(response),
            Some(Answer::Fail(error)) => Err(error),
            Some(Answer::Compute(answer)) => answer(&request),
            Some(Answer::Hang) => std::future::pending().await,
            None => Err(Error::message(
                ErrorKind::Other,
                "the script has no answer left",
            )),
        }
    }
}

impl fmt::Debug for ScriptedHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("ScriptedHttp")
            .field("remaining", &state.script.len())
            .field("requests", &state.requests.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::stream;

    use super::*;

    fn streamed() -> Request<Body> {
        let chunks = stream::iter([Ok::<_, Error>(Bytes::from("a")), Ok(Bytes::from("b"))]);
        Request::new(Body::from_stream(chunks, None))
    }

    #[test]
    fn gives_its_answers_in_order_and_records_what_was_sent() {
        let http = ScriptedHttp::new();
        http.respond(Response::new("one"))
            .respond_with(|request| Ok(Response::new(Body::from(request.body().clone()))))
            .fail(Error::message(ErrorKind::Closed, "cut"))
            .fail(Error::message(ErrorKind::Connect, "refused"))
            .hang();
        let send = || http.send(streamed()).now_or_never();
        assert_eq!(
            send().unwrap().unwrap().body().as_bytes(),
            Some(&b"one"[..])
        );
        assert_eq!(send().unwrap().unwrap().body().as_bytes(), Some(&b"ab"[..]));
        assert_eq!(send().unwrap().unwrap_err().to_string(), "cut");
        assert_eq!(send().unwrap().unwrap_err().to_string(), "refused");
        assert_eq!(http.remaining(), 1);
        assert!(send().is_none());
        assert_eq!(send().unwrap().unwrap_err().kind(), ErrorKind::Other);
        let bodies: Vec<_> = http
            .requests()
            .into_iter()
            .map(Request::into_body)
            .collect();
        // The one that was never sent was not read.
        assert_eq!(bodies, ["ab", "ab", "ab", "", "ab", "ab"]);
    }
}
