//! What an application answers a client that asks for its URL.

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::ClientAccessUrl;

/// The answer of an application's endpoint, by custom `/negotiate`, to a client that asks for its
/// URL, in the form that the official SDKs return: JSON with `baseUrl`, `token` and `url`.
///
/// Serializing it exposes the token, which is its purpose: serialize it to the client that it
/// was made for, over `https://` and without caching, and nowhere else. `Debug` hides the token.
///
/// ```no_run
/// use azwire_pubsub::{ClientAccessOptions, ClientTokenResponse, Result, Role, ServiceClient};
///
/// // With axum: `([(CACHE_CONTROL, "no-store")], Json(negotiate(&chat, "ann").await?))`.
/// async fn negotiate(chat: &ServiceClient, user: &str) -> Result<ClientTokenResponse> {
///     let access = ClientAccessOptions::default()
///         .with_user_id(user)?
///         .with_role(Role::JoinLeaveAnyGroup);
///     Ok(chat.client_access_url(access).await?.into_token_response())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct ClientTokenResponse(pub(super) ClientAccessUrl);

impl ClientTokenResponse {
    /// Returns what it was made from.
    pub fn access_url(&self) -> &ClientAccessUrl {
        &self.0
    }
}

impl Serialize for ClientTokenResponse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ClientTokenResponse", 3)?;
        fields.serialize_field("baseUrl", self.0.base_url())?;
        fields.serialize_field("token", self.0.token().expose())?;
        fields.serialize_field("url", self.0.url().expose())?;
        fields.end()
    }
}
