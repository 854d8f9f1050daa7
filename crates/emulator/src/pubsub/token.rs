//! Tokens: those of REST requests and of clients are checked, those for clients
//! and for recovery are issued. Pure, except for one setting.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{AccessKey, Claims, JwtError, JwtSigner, JwtVerifier, Secret};
use http::{Request, header};
use serde::{Deserialize, Deserializer};
use transport::_internal::lock;
use transport::Body;

use super::audience;
use crate::front::Names;
use crate::identity::{Authority, Caller, Resource, SKEW};

/// The checker and issuer of tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    signer: JwtSigner,
    /// Signs client tokens, in which the service names its key.
    client_signer: JwtSigner,
    verifier: JwtVerifier,
    /// Without allowance for clock skew: these tokens are our own.
    recovery: JwtVerifier,
    allow_unvalidated_entra: bool,
    /// Judges Entra tokens.
    authority: Option<Arc<Authority>>,
    /// Tokens that were issued before are refused.
    made_after: Mutex<Option<SystemTime>>,
    names: Arc<Names>,
}

impl Tokens {
    /// `keys` are the primary key and optionally a secondary one; `key_id` is
    /// the key id of client tokens.
    pub(super) fn new(keys: &[AccessKey], key_id: &str, allow_unvalidated_entra: bool) -> Self {
        let signer = JwtSigner::new(keys.first().expect("there is a primary key"));
        Self {
            client_signer: signer.clone().with_key_id(key_id),
            signer,
            verifier: JwtVerifier::new(keys),
            recovery: JwtVerifier::new(keys).with_skew(Duration::ZERO),
            allow_unvalidated_entra,
            authority: None,
            made_after: Mutex::new(None),
            names: Arc::default(),
        }
    }

    /// Sets the emulator's names, which audiences may have.
    pub(super) fn with_names(mut self, names: Arc<Names>) -> Self {
        self.names = names;
        self
    }

    /// Takes the Entra tokens of an authority.
    pub(super) fn with_authority(mut self, authority: Option<Arc<Authority>>) -> Self {
        self.authority = authority;
        self
    }

    /// Refuses from now on tokens that were issued up to `now`.
    pub(super) fn expire_all(&self, now: SystemTime) {
        *lock(&self.made_after) = Some(now);
    }

    /// Checks the token of a REST request; returns whom it is from.
    pub(super) fn check_request(
        &self,
        request: &Request<Body>,
        now: SystemTime,
    ) -> Result<Sender, Refusal> {
        let token = bearer(request).ok_or("there is no bearer token")?;
        if let Some(authority) = &self.authority
            && authority.is_concerned(token, self.allow_unvalidated_entra)
        {
            let judged = authority.verify(token, Resource::WebPubSub, SKEW, now);
            let caller = judged.map_err(|error| Refusal {
                reason: error.advice(),
                cause: None,
                description: Some(error.description()),
            })?;
            self.check_age(caller.issued_at)?;
            return Ok(Sender::Entra(caller));
        }
        let claims = match self.verifier.verify_any_audience(token, now) {
            // Regardless of the signer: such a token is recognised by its audience.
            Ok(claims) if is_for_entra(&claims) => self.entra(claims, now)?,
            Ok(claims) => {
                let mut audiences = claims.audiences.iter();
                if !audiences
                    .any(|audience| audience::covers_request(audience, request, &self.names))
                {
                    return Err("the token is for another request".into());
                }
                claims
            }
            Err(error) => match Claims::decode_unverified(token) {
                Ok(claims) if is_for_entra(&claims) => self.entra(claims, now)?,
                _ => {
                    tracing::debug!(%error, "token refused");
                    return Err(Refusal {
                        cause: Some(error),
                        ..Refusal::from("the token is not valid")
                    });
                }
            },
        };
        self.check_age(claims.issued_at)?;
        Ok(Sender::Key)
    }

    /// Whether a sender may do `action` on a hub. The key allows everything.
    pub(super) fn may(&self, sender: &Sender, action: &str, hub: &str) -> bool {
        match (sender, &self.authority) {
            (Sender::Key, _) => true,
            (Sender::Entra(caller), Some(authority)) => authority.may(caller, action, Some(hub)),
            (Sender::Entra(_), None) => false,
        }
    }

    /// Checks a client's token for a hub.
    pub(super) fn check_client(
        &self,
        token: &str,
        request: &Request<Body>,
        hub: &str,
        now: SystemTime,
    ) -> Result<Claims, ClientTokenError> {
        let verified = self.verifier.verify_any_audience(token, now);
        let claims = verified.map_err(ClientTokenError::Invalid)?;
        let mut audiences = claims.audiences.iter();
        if !audiences.any(|audience| audience::is_of_hub(audience, request, hub, &self.names)) {
            return Err(ClientTokenError::Audience);
        }
        self.check_age(claims.issued_at)
            .map_err(ClientTokenError::Age)?;
        if claims
            .claim::<bool>(MAY_NOT_CONNECT)
            .ok()
            .flatten()
            .is_some()
        {
            return Err(ClientTokenError::MayNotConnect);
        }
        Ok(claims)
    }

    /// Issues a client token with `claims`, like the service's own except for
    /// the key. `path` is that of the kind of client, before `hubs`.
    pub(super) fn client(
        &self,
        request: &Request<Body>,
        path: &str,
        hub: &str,
        mut claims: Claims,
        lifetime: Duration,
        now: SystemTime,
    ) -> Secret {
        // All its times are whole seconds, so that its lifetime is, too.
        let now = UNIX_EPOCH + Duration::from_secs(seconds(now));
        claims.audiences = vec![audience::of_hub(request, path, hub)];
        claims.expires_on = Some(now.checked_add(lifetime).unwrap_or(now));
        claims.issued_at = Some(now);
        claims.not_before = Some(now);
        claims.issuer = Some(ISSUER.to_owned());
        self.client_signer.sign(&claims)
    }

    /// Issues the token that recovers a connection.
    pub(super) fn reconnection(&self, connection_id: &str, id: &str, now: SystemTime) -> Secret {
        let claims = Claims::new(connection_id, now + RECONNECTION_LIFETIME).with_issuer(ISSUER);
        // The id makes each token unique; there is no field for this claim.
        let claims = claims.clone().with_claim("jti", &id).unwrap_or(claims);
        self.signer.sign(&claims)
    }

    /// Checks the token that recovers a connection.
    pub(super) fn check_reconnection(
        &self,
        token: &str,
        connection_id: &str,
        now: SystemTime,
    ) -> bool {
        match self.recovery.verify_any_audience(token, now) {
            // Compared with case, as connection ids are.
            Ok(claims) => {
                claims.issuer.as_deref() == Some(ISSUER)
                    && claims
                        .audiences
                        .iter()
                        .any(|audience| audience == connection_id)
            }
            Err(_) => false,
        }
    }

    /// Checks an Entra token by its times alone.
    fn entra(&self, claims: Claims, now: SystemTime) -> Result<Claims, &'static str> {
        if !self.allow_unvalidated_entra {
            return Err("Entra tokens are not taken");
        }
        let skew = JwtVerifier::DEFAULT_SKEW;
        let expires = claims.expires_on.ok_or("the token does not expire")?;
        if now.duration_since(expires).is_ok_and(|late| late >= skew) {
            return Err("the token has expired");
        }
        let early = claims
            .not_before
            .and_then(|from| from.duration_since(now).ok());
        if early.is_some_and(|early| early > skew) {
            return Err("the token is not valid yet");
        }
        Ok(claims)
    }

    fn check_age(&self, issued_at: Option<SystemTime>) -> Result<(), &'static str> {
        let made_after = *lock(&self.made_after);
        match (made_after, issued_at) {
            // Tokens hold whole seconds.
            (Some(limit), Some(made)) if seconds(made) <= seconds(limit) => {
                Err("the token is expired on purpose")
            }
            _ => Ok(()),
        }
    }
}

/// Whom a request is from.
#[derive(Clone, Debug)]
pub(super) enum Sender {
    /// Somebody with the access key, or with an Entra token that nobody checks.
    Key,
    Entra(Caller),
}

/// Why a client's token is refused. The client is not told.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ClientTokenError {
    #[error("there is no token")]
    Missing,
    #[error(transparent)]
    Invalid(JwtError),
    #[error("the token is for another hub or another host")]
    Audience,
    #[error("{0}")]
    Age(&'static str),
    #[error("whoever had the token generated lacks the data action clientConnection/write")]
    MayNotConnect,
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: &'static str,
    /// The error of the token, if it has one of the access keys' form.
    pub(super) cause: Option<JwtError>,
    /// The description of an Entra token's error, for the challenge; it may be empty.
    pub(super) description: Option<Cow<'static, str>>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => cause.fmt(f),
            None => f.write_str(self.reason),
        }
    }
}

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Self {
        Self {
            reason,
            cause: None,
            description: None,
        }
    }
}

/// Marks the claims of a client token whose holder is refused, as the service refuses it: whoever
/// had it generated may generate tokens, but not open connections.
pub(super) fn mark_as_unable_to_connect(claims: Claims) -> Claims {
    let marked = claims.clone().with_claim(MAY_NOT_CONNECT, &true);
    marked.unwrap_or(claims)
}

/// Returns the user of a client token: `sub`, or one of the names that .NET has for it.
pub(super) fn user_of(claims: &Claims) -> Option<String> {
    let named = |name| claims.claim::<Name>(name).ok().flatten().map(|name| name.0);
    claims
        .subject
        .clone()
        .or_else(|| named("nameid"))
        .or_else(|| named("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"))
        // A user's id has at least one character.
        .filter(|user| !user.is_empty())
}

/// A string, or a whole number as a string.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Value {
            Text(String),
            Number(i64),
        }
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::Text(text) => text,
            Value::Number(number) => number.to_string(),
        }))
    }
}

/// Returns the token of `Authorization: Bearer …`.
pub(super) fn bearer(request: &Request<Body>) -> Option<&str> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

/// Whether a token claims, by its audience, to be one that Entra issued for the service.
fn is_for_entra(claims: &Claims) -> bool {
    let mut audiences = claims.audiences.iter();
    audiences.any(|audience| audience.trim_end_matches('/').eq_ignore_ascii_case(ISSUER))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// A claim of ours.
const MAY_NOT_CONNECT: &str = "azwire.may-not-connect";
/// The issuer of the service's own tokens, and the audience of Entra's.
const ISSUER: &str = "https://webpubsub.azure.com";
const RECONNECTION_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
    const OTHER_KEY: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567";
    const NOW: u64 = 1_700_000_000;

    fn time(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn tokens() -> Tokens {
        Tokens::new(&[KEY, OTHER_KEY].map(AccessKey::new), "s-1", false)
    }

    fn request(target: &str, token: &str) -> Request<Body> {
        Request::post(target)
            .header("host", "contoso.webpubsub.azure.com")
            .header("authorization", format!("bearer {token}"))
            .body(Body::empty())
            .unwrap()
    }

    fn sign(key: &str, claims: &Claims) -> String {
        JwtSigner::new(&AccessKey::new(key))
            .sign(claims)
            .expose()
            .to_owned()
    }

    #[test]
    fn a_request_is_signed_with_or_without_its_query_and_with_either_key() {
        let url =
            "https://contoso.webpubsub.azure.com/api/hubs/chat/:send?filter=userId%20eq%20%27a%27";
        let bare = "https://contoso.webpubsub.azure.com/api/hubs/chat/:send/";
        let check = |key, audience: &str, target: &str, now| {
            let token = sign(key, &Claims::new(audience, time(NOW + 60)));
            tokens()
                .check_request(&request(target, &token), time(now))
                .is_ok()
        };
        let target = "/api/hubs/chat/:send?filter=userId+eq+'a'";
        for (key, audience) in [(KEY, url), (OTHER_KEY, url), (KEY, bare)] {
            assert!(check(key, audience, target, NOW));
            assert!(check(key, &audience.replace("https", "HTTP"), target, NOW));
        }
        assert!(check(KEY, url, target, NOW + 60 + 299));
        assert!(!check(KEY, url, target, NOW + 60 + 301));
        // The query does not matter.
        assert!(check(KEY, url, "/api/hubs/chat/:send?filter=true", NOW));
        assert!(!check(KEY, url, "/api/hubs/other/:send", NOW));
        assert!(!check("a third key", url, target, NOW));
    }

    #[test]
    fn entra_tokens_are_taken_when_that_is_asked_for() {
        use base64::Engine as _;
        use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

        let token = |payload: &str| {
            let header = BASE64.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
            format!("{header}.{}.c2ln", BASE64.encode(payload))
        };
        let tolerant = Tokens::new(&[AccessKey::new(KEY)], "s-1", true);
        let check = |tokens: &Tokens, payload: &str| {
            tokens
                .check_request(&request("/api/x", &token(payload)), time(NOW))
                .is_ok()
        };
        let good = r#"{"aud":"https://webpubsub.azure.com","exp":1700000001}"#;
        assert!(check(&tolerant, good));
        assert!(!check(&tokens(), good));
        for bad in [
            r#"{"aud":"https://webpubsub.azure.com","exp":1600000000}"#,
            r#"{"aud":"https://vault.azure.net","exp":1700000001}"#,
            r#"{"aud":"https://webpubsub.azure.com"}"#,
        ] {
            assert!(!check(&tolerant, bad), "{bad}");
        }
        // Regardless of the signer, even with a key of ours.
        let now = time(NOW);
        for (audience, expires, is_good) in [
            ("https://webpubsub.azure.com", NOW + 60, true),
            ("HTTPS://webpubsub.azure.com/", NOW + 60, true),
            ("https://webpubsub.azure.com", NOW - 301, false),
            ("https://contoso.webpubsub.azure.com/api/x", NOW + 60, true),
            ("https://contoso.webpubsub.azure.com/api/y", NOW + 60, false),
        ] {
            let claims = Claims::new(audience, time(expires));
            let token = sign(KEY, &claims);
            let request = request("/api/x", &token);
            assert_eq!(
                tolerant.check_request(&request, now).is_ok(),
                is_good,
                "{audience}"
            );
            let is_own = is_good && audience.contains("/api/");
            assert_eq!(
                tokens().check_request(&request, now).is_ok(),
                is_own,
                "{audience}"
            );
        }
        let later = Claims::new("https://webpubsub.azure.com", time(NOW + 900))
            .with_not_before(time(NOW + 301));
        let early = request("/api/x", &sign(KEY, &later));
        assert!(tolerant.check_request(&early, now).is_err());
    }

    #[test]
    fn a_reconnection_token_is_for_one_connection_and_a_week() {
        let tokens = tokens();
        let token = tokens.reconnection("c1", "x", time(NOW));
        let check = |id, now| tokens.check_reconnection(token.expose(), id, time(now));
        assert!(check("c1", NOW + 7 * 86_400 - 1));
        assert!(!check("c1", NOW + 7 * 86_400));
        assert!(!check("C1", NOW) && !check("c2", NOW));
        assert_ne!(tokens.reconnection("c1", "y", time(NOW)), token);
        let foreign = sign(KEY, &Claims::new("c1", time(NOW + 60)));
        assert!(!tokens.check_reconnection(&foreign, "c1", time(NOW)));
    }

    #[test]
    fn the_user_is_the_subject_or_what_dotnet_calls_it() {
        let claims = Claims::new("a", time(NOW));
        assert_eq!(user_of(&claims), None);
        let named = claims.clone().with_claim("nameid", &"u").unwrap();
        assert_eq!(user_of(&named).as_deref(), Some("u"));
        let numbered = claims.clone().with_claim("nameid", &42).unwrap();
        assert_eq!(user_of(&numbered).as_deref(), Some("42"));
        assert_eq!(user_of(&named.with_subject("s")).as_deref(), Some("s"));
        assert_eq!(user_of(&claims.with_subject("")), None);
    }

    #[test]
    fn tokens_of_before_can_be_made_to_expire() {
        let tokens = tokens();
        let check = |made| {
            let audience = "http://contoso.webpubsub.azure.com/client/hubs/chat";
            let claims = Claims::new(audience, time(NOW + 60)).with_issued_at(time(made));
            let token = sign(KEY, &claims);
            tokens
                .check_client(&token, &request("/client/hubs/chat", ""), "chat", time(NOW))
                .is_ok()
        };
        assert!(check(NOW - 10));
        tokens.expire_all(time(NOW));
        assert!(!check(NOW - 10));
        assert!(check(NOW + 1));
    }
}
