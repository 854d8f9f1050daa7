//! Brings its own HTTP client: one that answers from memory.
//!
//! Goal: implement `HttpClient`, which is one function, and put it below the
//! usual policies. Every client of azwire takes such a one, over any library, or
//! without a network as here. Liberty: it knows two addresses.

#![expect(clippy::print_stdout, reason = "an example speaks to its reader")]

use std::collections::HashMap;
use std::error::Error;

use async_trait::async_trait;
use azwire_transport::{Body, HttpClient, Pipeline, Result, SharedHttpClient, SharedRuntime};
use bytes::Bytes;
use http::{Request, Response, StatusCode};

/// What was recorded of a server, by the path of the request.
#[derive(Debug)]
struct Recording(HashMap<&'static str, Bytes>);

#[async_trait]
impl HttpClient for Recording {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        // A status is not an error: errors are for what never got an answer, and tell
        // through `may_be_delivered` whether the request may have arrived.
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
