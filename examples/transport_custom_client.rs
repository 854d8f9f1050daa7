//! A custom HTTP client, which answers from memory.
//!
//! Goal: implement `HttpClient`, which is one function, and use it below the
//! usual policies. Every azwire client accepts such a client, over any library or,
//! as here, without a network. Simplification: it knows only two addresses.

#![expect(clippy::print_stdout, reason = "examples print their results")]

use std::collections::HashMap;
use std::error::Error;

use azwire_transport::pipeline::Pipeline;
use azwire_transport::{Body, HttpClient, Result, SharedHttpClient, SharedRuntime, async_trait};
use bytes::Bytes;
use http::{Request, Response, StatusCode};

/// The recorded responses of a server, by the path of the request.
#[derive(Debug)]
struct Recording(HashMap<&'static str, Bytes>);

#[async_trait]
impl HttpClient for Recording {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        // A status is not an error: errors are for requests that got no response, and
        // `may_be_delivered` reports whether such a request may have arrived.
        let response = match self.0.get(request.uri().path()) {
            Some(body) => Response::new(Body::from(body.clone())),
            None => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        };
        Ok(response)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let recording = Recording(HashMap::from([
        ("/item/7", Bytes::from_static(b"blue")),
        ("/item/8", Bytes::from_static(b"green")),
    ]));
    let client = SharedHttpClient::new(recording);
    let pipeline = Pipeline::builder(client, SharedRuntime::default(), 7).build();
    for path in ["/item/7", "/item/8", "/item/9"] {
        let request = Request::get(format!("https://example.com{path}")).body(Body::empty())?;
        let response = pipeline.send(request).await?;
        let status = response.status();
        let body = response.into_body().collect(1024).await?;
        println!("{path}: {status} {:?}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
