//! The HTTP client of reqwest below the service client.
//!
//! Goal: use the connections, proxies and TLS settings that an application has already.
//! For Azure, enable reqwest's feature `rustls` or `native-tls`; the emulator needs none.

#![expect(clippy::print_stdout, reason = "examples print their results")]

use azwire_emulator::Emulator;
use azwire_pubsub::ServiceClientBuilder;
use azwire_transport::{Body, Error, ErrorKind, HttpClient, Result, SharedHttpClient, async_trait};
use http::{Request, Response};
use http_body_util::BodyExt;

#[derive(Debug)]
struct Reqwest(reqwest::Client);

impl Reqwest {
    /// A client that leaves redirects and retries to the layers above it.
    fn new() -> Result<Self> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never());
        client.build().map(Self).map_err(failed)
    }
}

#[async_trait]
impl HttpClient for Reqwest {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        let request = request
            .map(reqwest::Body::wrap)
            .try_into()
            .map_err(failed)?;
        let response: Response<_> = self.0.execute(request).await.map_err(failed)?.into();
        Ok(response.map(|body: reqwest::Body| Body::from_http_body(body.map_err(failed))))
    }
}

fn failed(error: reqwest::Error) -> Error {
    let kind = match () {
        // A retry then knows that nothing was sent.
        () if error.is_connect() => ErrorKind::Connect,
        () if error.is_builder() => ErrorKind::InvalidInput,
        () if error.is_timeout() => ErrorKind::Timeout,
        () => ErrorKind::Closed,
    };
    // A URL may hold a token.
    Error::new(kind, error.without_url())
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let emulator = Emulator::builder().start().await?;
    let connection_string = emulator.pubsub().connection_string();
    let service = ServiceClientBuilder::from_connection_string(connection_string.expose(), "hub")?
        .http_client(SharedHttpClient::new(Reqwest::new()?))
        .build()?;
    service.send_to_all("hello", None).await?;
    println!("is ann there? {}", service.user_exists("ann").await?);
    Ok(())
}

#[tokio::test]
async fn it_keeps_the_contract() -> Result<()> {
    azwire_transport::testing::check_http(&Reqwest::new()?).await
}
