//! Issuing client access tokens.

use std::time::Duration;

use auth::Secret;

use super::{ServiceClient, response};
use crate::access::Role;
use crate::generated::operations;
use crate::members;
use crate::{ClientAccessOptions, ClientAccessUrl, Error, ErrorKind, GroupName, Result, UserId};

impl ServiceClient {
    /// Returns the URL with which a client connects to the hub, with a token that is signed
    /// locally if this client has an access key, or else issued by the service.
    ///
    /// ```no_run
    /// use azwire_pubsub::{ClientAccessOptions, Role};
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let access = ClientAccessOptions::default()
    ///     .with_user_id("ann")?
    ///     .with_role(Role::JoinLeaveAnyGroup);
    /// let url = chat.client_access_url(access).await?;
    /// println!("connect at {}", url.base_url());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Without options, the client is anonymous, with no role, for an hour. To answer a request
    /// of a client for its URL, see [`ClientAccessUrl::into_token_response`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a lifetime out of
    /// range. Without an access key, the same as [all operations](Self#errors).
    #[doc(alias = "get_client_access_token")]
    pub async fn client_access_url(
        &self,
        options: impl Into<Option<ClientAccessOptions>>,
    ) -> Result<ClientAccessUrl> {
        let options = options.into().unwrap_or_default();
        #[cfg(feature = "_hmac")]
        if let Some(signer) = &self.shared.signer {
            let now = auth::Clock::now(&self.shared.clock);
            return ClientAccessUrl::sign_with(self.endpoint(), &self.hub, signer, &options, now);
        }
        let token = self.issue_client_token(&options).await?;
        let url = ClientAccessUrl::new(self.endpoint(), &self.hub, options.protocol, token);
        Ok(url)
    }

    /// Requests a token from the service with which a client connects.
    ///
    /// [`client_access_url`](Self::client_access_url) does so only without an access key.
    ///
    /// ```no_run
    /// use azwire_pubsub::ClientAccessOptions;
    ///
    /// # async fn run(chat: azwire_pubsub::ServiceClient) -> Result<(), azwire_pubsub::Error> {
    /// let access = ClientAccessOptions::default().with_user_id("ann")?;
    /// let token = chat.generate_client_token(access).await?;
    /// assert!(!token.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Same as [all operations](Self#errors); a lifetime of zero, or of more
    /// than 2,147,483,647 minutes, is [`InvalidInput`](ErrorKind::InvalidInput).
    pub async fn generate_client_token(
        &self,
        options: impl Into<Option<ClientAccessOptions>>,
    ) -> Result<Secret> {
        self.issue_client_token(&options.into().unwrap_or_default())
            .await
    }

    async fn issue_client_token(&self, options: &ClientAccessOptions) -> Result<Secret> {
        let minutes = minutes(options.lifetime)?;
        let roles: Vec<String> = options.roles.iter().map(Role::to_string).collect();
        let request = self
            .request(&operations::GENERATE_CLIENT_TOKEN, &[])?
            .query_each("userId", options.user_id.as_ref().map(UserId::as_str))
            .query_each("role", roles.iter().map(String::as_str))
            .query_each("group", options.groups.iter().map(GroupName::as_str))
            .query("minutesToExpire", &minutes.to_string())
            .query("clientType", options.protocol.client_type());
        let body = self.fetch(request).await?;
        let answer = response::read(&operations::GENERATE_CLIENT_TOKEN, &body)?;
        match answer.get("token").and_then(members::text) {
            Some(token) if !token.is_empty() => Ok(Secret::new(token)),
            _ => Err(
                Error::message(ErrorKind::Protocol, "the response contains no token")
                    .maybe_delivered(),
            ),
        }
    }
}

/// Converts the lifetime to what the service accepts: whole minutes, at least one, in 32 bits.
fn minutes(lifetime: Duration) -> Result<i32> {
    if lifetime.is_zero() {
        return Err(Error::invalid("lifetime", "must be more than zero"));
    }
    let seconds = lifetime
        .as_secs()
        .saturating_add(u64::from(lifetime.subsec_nanos() > 0));
    i32::try_from(seconds.div_ceil(60))
        .map_err(|_| Error::invalid("lifetime", "must not be over 2147483647 minutes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_counted_in_begun_minutes() {
        for (lifetime, expected) in [
            (Duration::from_nanos(1), 1),
            (Duration::from_secs(60), 1),
            (Duration::from_millis(60_001), 2),
            (ClientAccessOptions::DEFAULT_LIFETIME, 60),
            (Duration::from_secs(i32::MAX as u64 * 60), i32::MAX),
        ] {
            assert_eq!(minutes(lifetime).unwrap(), expected);
        }
        for lifetime in [
            Duration::ZERO,
            Duration::from_secs(i32::MAX as u64 * 60 + 1),
            Duration::MAX,
        ] {
            let error = minutes(lifetime).unwrap_err();
            assert!(error.to_string().starts_with("lifetime: "));
        }
    }
}
