//! A call through the pipeline: a custom policy, and retries.
//!
//! Goal: show what runs once per call and what runs once per attempt. A local server is
//! busy twice before it answers, and says when to come back; only therefore is a `POST`
//! retried. Simplification: the time to come back is immediately.

#![expect(clippy::print_stdout, reason = "examples print their results")]

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};

use azwire_transport::net::{Handler, HyperClient, Server};
use azwire_transport::pipeline::{Pipeline, RetryOptions, TryNumber, UserAgentPolicy, policy_fn};
use azwire_transport::{Body, SharedHttpClient, SharedRuntime, async_trait};
use http::{HeaderValue, Request, Response, StatusCode, header};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::builder(Busy::default())
        .bind(([127, 0, 0, 1], 0).into())
        .start()?;
    let address = server.local_addrs()[0];

    let client = SharedHttpClient::new(HyperClient::default());
    // The seed determines the jitter of the delays and the request ids.
    let pipeline = Pipeline::builder(client, SharedRuntime::default(), 7)
        .user_agent(UserAgentPolicy::azsdk("example", "1.0.0", None)?)
        .retry(RetryOptions::default().with_max_retries(2))
        .per_call(policy_fn("language", |mut request, next| {
            println!("once per call");
            let language = HeaderValue::from_static("en");
            request
                .headers_mut()
                .insert(header::ACCEPT_LANGUAGE, language);
            Box::pin(next.send(request))
        }))
        .per_try(policy_fn("count", |request, next| {
            let number = request.extensions().get::<TryNumber>();
            println!("attempt {}", number.map_or(1, |number| number.as_u32()));
            Box::pin(next.send(request))
        }))
        .build();

    let request = Request::post(format!("http://{address}/orders")).body(Body::from("an order"))?;
    let response = pipeline.send(request).await?;
    println!("{}", response.status());
    let body = response.into_body().collect(64 * 1024).await?;
    println!("{}", String::from_utf8_lossy(&body));
    Ok(())
}

/// Answers every third request.
#[derive(Debug, Default)]
struct Busy {
    requests: AtomicU32,
}

#[async_trait]
impl Handler for Busy {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let Ok(body) = body.collect(64 * 1024).await else {
            return status(StatusCode::BAD_REQUEST);
        };
        if self.requests.fetch_add(1, Ordering::Relaxed) % 3 < 2 {
            let mut response = status(StatusCode::SERVICE_UNAVAILABLE);
            let at_once = HeaderValue::from_static("0");
            response.headers_mut().insert(header::RETRY_AFTER, at_once);
            return response;
        }
        let agent = head.headers.get(header::USER_AGENT);
        let answer = format!("{} bytes from {agent:?}", body.len());
        Response::new(answer.into())
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
