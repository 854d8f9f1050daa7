//! Signing in with Entra ID: a credential of `azure_identity` for the clients of both services.
//!
//! With `AZURE_CLIENT_SECRET`, `AZURE_CLIENT_ID` and `AZURE_TENANT_ID` in the environment it is an
//! application's; without a secret it is the managed identity of the machine, the one of
//! `AZURE_CLIENT_ID` if that is set. `WEBPUBSUB_ENDPOINT` and `RELAY_CONNECTION_STRING`, of which
//! only the address is used, say where the services are. Offline, the emulator sets them all:
//!
//! ```text
//! azwire-emulator exec -- cargo run --example entra_sign_in
//! ```
//!
//! In Azure the identity needs the roles Web PubSub Service Owner and Azure Relay Owner.

#![expect(clippy::print_stdout, reason = "an example prints its results")]

mod azure_transport;

use std::env;
use std::error::Error;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, Transport};
use azure_identity::{
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId,
};
use azwire_auth::AzureCoreCredential;
use azwire_pubsub::{Client, Data, Event, Events, ServiceClient, ServiceCredential};
use azwire_relay::{ConnectionString, Credential, HybridConnection, Listener, Sender, handler_fn};
use azwire_transport::Body;
use azwire_transport::net::HyperClient;
use futures::StreamExt;
use http::{Request, Response};

use self::azure_transport::AzureTransport;

type AnyResult<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> AnyResult {
    let client = AzureTransport::new(HyperClient::default());
    let options = ClientOptions {
        transport: Some(Transport::new(Arc::new(client))),
        ..ClientOptions::default()
    };
    let identity = AzureCoreCredential::new(sign_in(options)?);

    let endpoint = env::var("WEBPUBSUB_ENDPOINT")?.parse()?;
    let credential = ServiceCredential::entra(identity.clone());
    let service = ServiceClient::builder(endpoint, "chat".parse()?, credential).build()?;
    web_pubsub(&service).await?;

    let relay: ConnectionString = env::var("RELAY_CONNECTION_STRING")?.parse()?;
    let place = relay.hybrid_connection_at("hc1")?;
    hybrid_connection(place, Credential::entra(identity)).await
}

/// Returns the credential that the environment describes.
fn sign_in(client_options: ClientOptions) -> AnyResult<Arc<dyn TokenCredential>> {
    let client_id = env::var("AZURE_CLIENT_ID");
    let Ok(secret) = env::var("AZURE_CLIENT_SECRET") else {
        let user_assigned_id = client_id.ok().map(UserAssignedId::ClientId);
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id,
            client_options,
        };
        return Ok(ManagedIdentityCredential::new(Some(options))?);
    };
    let tenant = env::var("AZURE_TENANT_ID")?;
    let options = Some(ClientSecretCredentialOptions { client_options });
    // It reads AZURE_AUTHORITY_HOST itself.
    let credential = ClientSecretCredential::new(&tenant, client_id?, secret.into(), options)?;
    Ok(credential)
}

/// Sends to all, one of whom is a client that connects with a token made by the service: nobody
/// here has its key.
async fn web_pubsub(service: &ServiceClient) -> AnyResult {
    let url = service.client_access_url(None).await?;
    let (client, mut events) = Client::builder(&url).build()?;
    client.start().await?;
    service.send_to_all("good morning", None).await?;
    let data = received(&mut events).await?;
    let text = String::from_utf8_lossy(data.as_bytes());
    println!("the client received {text:?}");
    client.stop().await;
    Ok(())
}

async fn received(events: &mut Events) -> AnyResult<Data> {
    while let Some(event) = events.next().await {
        if let Event::ServerMessage { data, .. } = event {
            return Ok(data);
        }
    }
    Err("the events ended".into())
}

/// Sends a request through a hybrid connection, and answers it at the other end. While it is
/// online, the listener renews its token.
async fn hybrid_connection(place: HybridConnection, credential: Credential) -> AnyResult {
    let answer = handler_fn(async |_: Request<Body>| Response::new("good evening".into()));
    let listener = Listener::builder(place.clone(), credential.clone());
    let listener = listener.request_handler(answer).open().await?;
    let sender = Sender::new(place, credential)?;
    let response = sender.send(Request::get("/").body(Body::empty())?).await?;
    let body = response.into_body().collect(1024).await?;
    println!("the sender received {:?}", String::from_utf8_lossy(&body));
    listener.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests;
