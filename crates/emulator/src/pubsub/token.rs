//! Tokens: those of REST requests and of clients are checked, those for
//! clients and for recovery are made. Pure but for one setting.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{AccessKey, Claims, JwtSigner, JwtVerifier, Secret};
use http::{Request, header};
use percent_encoding::percent_decode_str;
use transport::Body;
use transport::net::ConnectionInfo;

/// Checks and makes tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    signer: JwtSigner,
    verifier: JwtVerifier,
    /// Without allowance for clocks that differ: these tokens are our own.
    recovery: JwtVerifier,
    allow_unvalidated_entra: bool,
    /// Tokens that were made before are refused.
    made_after: Mutex<Option<SystemTime>>,
}

impl Tokens {
    /// `keys` are the primary key and perhaps a secondary one.
    pub(super) fn new(keys: &[AccessKey], allow_unvalidated_entra: bool) -> Self {
        Self {
            signer: JwtSigner::new(keys.first().expect("there is a primary key")),
            verifier: JwtVerifier::new(keys),
            recovery: JwtVerifier::new(keys).with_skew(Duration::ZERO),
            allow_unvalidated_entra,
            made_after: Mutex::new(None),
        }
    }

    /// Refuses from now on what was made up to `now`.
    pub(super) fn expire_all(&self, now: SystemTime) {
        *self
            .made_after
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Checks the token of a REST request.
    pub(super) fn check_request(
        &self,
        request: &Request<Body>,
        now: SystemTime,
    ) -> Result<(), &'static str> {
        let token = bearer(request).ok_or("there is no bearer token")?;
        let claims = match self.verifier.verify_any_audience(token, now) {
            Ok(claims) => {
                let urls = addresses(request);
                let mut audiences = claims.audiences.iter();
                if !audiences.any(|audience| urls.contains(&comparable(audience))) {
                    return Err("the token is for another request");
                }
                claims
            }
            Err(_) if self.allow_unvalidated_entra => entra(token, now)?,
            Err(error) => {
                tracing::debug!(%error, "token refused");
                return Err("the token is not valid");
            }
        };
        self.check_age(&claims)
    }

    /// Checks a client's token for a hub.
    pub(super) fn check_client(
        &self,
        token: &str,
        request: &Request<Body>,
        hub: &str,
        now: SystemTime,
    ) -> Result<Claims, &'static str> {
        let audiences: Vec<String> = origins(request)
            .iter()
            .map(|origin| format!("{origin}/client/hubs/{hub}"))
            .collect();
        let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
        let claims = self
            .verifier
            .verify(token, &audiences, now)
            .map_err(|error| {
                tracing::info!(%error, "client token refused");
                "the token is not valid"
            })?;
        self.check_age(&claims)?;
        Ok(claims)
    }

    /// Makes a client's token that says `claims`, as the service's own are but
    /// for the key. `path` is that of the kind of client, before `hubs`.
    pub(super) fn client(
        &self,
        request: &Request<Body>,
        path: &str,
        hub: &str,
        mut claims: Claims,
        lifetime: Duration,
        now: SystemTime,
    ) -> Secret {
        let origin = origins(request).into_iter().next().unwrap_or_default();
        claims.audiences = vec![format!("{origin}/{path}/hubs/{hub}")];
        claims.expires_on = Some(now.checked_add(lifetime).unwrap_or(now));
        claims.issued_at = Some(now);
        claims.not_before = Some(now);
        claims.issuer = Some(ISSUER.to_owned());
        self.signer.sign(&claims)
    }

    /// Makes the token with which a connection is recovered.
    pub(super) fn reconnection(&self, connection_id: &str, id: &str, now: SystemTime) -> Secret {
        let claims = Claims::new(connection_id, now + RECONNECTION_LIFETIME).with_issuer(ISSUER);
        // The id makes each token another; a claim of that name has no field.
        let claims = claims.clone().with_claim("jti", &id).unwrap_or(claims);
        self.signer.sign(&claims)
    }

    /// Checks the token with which a connection is to be recovered.
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

    fn check_age(&self, claims: &Claims) -> Result<(), &'static str> {
        let made_after = *self
            .made_after
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match (made_after, claims.issued_at) {
            // Tokens tell whole seconds.
            (Some(limit), Some(made)) if seconds(made) <= seconds(limit) => {
                Err("the token is expired on purpose")
            }
            _ => Ok(()),
        }
    }
}

/// The user of a client's token: `sub`, or one of the names that .NET has for it.
pub(super) fn user_of(claims: &Claims) -> Option<String> {
    let named = |name| claims.claim::<String>(name).ok().flatten();
    claims
        .subject
        .clone()
        .or_else(|| named("nameid"))
        .or_else(|| named("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier"))
        // A user's id has at least one character.
        .filter(|user| !user.is_empty())
}

/// The token of `Authorization: Bearer …`.
pub(super) fn bearer(request: &Request<Body>) -> Option<&str> {
    let value = request
        .headers()
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim_start())
}

/// An Entra token by its audience and expiry alone.
fn entra(token: &str, now: SystemTime) -> Result<Claims, &'static str> {
    let claims = Claims::decode_unverified(token).map_err(|_| "the token is not one")?;
    let mut audiences = claims.audiences.iter();
    if !audiences.any(|audience| audience.trim_end_matches('/').eq_ignore_ascii_case(ISSUER)) {
        return Err("the token is for another audience");
    }
    let expires = claims.expires_on.ok_or("the token does not expire")?;
    if expires + JwtVerifier::DEFAULT_SKEW <= now {
        return Err("the token has expired");
    }
    Ok(claims)
}

/// The URL of a request under each name that the emulator has, with its query
/// and without, to be compared.
fn addresses(request: &Request<Body>) -> Vec<String> {
    let uri = request.uri();
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    origins(request)
        .into_iter()
        .flat_map(|origin| [target, uri.path()].map(|target| format!("{origin}{target}")))
        .map(|url| comparable(&url))
        .collect()
}

/// A URL without the ways in which clients may write the same one: the
/// asynchronous Python client signs `%27` and sends `'`.
fn comparable(url: &str) -> String {
    let url = url.strip_suffix('/').unwrap_or(url).replace('+', " ");
    let mut url = percent_decode_str(&url).decode_utf8_lossy().into_owned();
    url.make_ascii_lowercase();
    url
}

/// Scheme, host and port of the emulator as the client knows it, in each form
/// that a token's audience may have.
fn origins(request: &Request<Body>) -> Vec<String> {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    // Behind a proxy the host is the proxy's, and the audience is still ours.
    let own = request
        .extensions()
        .get::<ConnectionInfo>()
        .map(|info| info.local);
    let mut hosts = vec![host.to_owned()];
    hosts.extend(own.map(|own| own.to_string()));
    hosts.extend(own.map(|own| format!("localhost:{}", own.port())));
    hosts
        .iter()
        .flat_map(|host| {
            ["http", "https", "ws", "wss"]
                .iter()
                .map(move |scheme| format!("{scheme}://{host}"))
        })
        .collect()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

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
        Tokens::new(&[KEY, OTHER_KEY].map(AccessKey::new), false)
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
        assert!(!check(KEY, url, "/api/hubs/chat/:send?filter=true", NOW));
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
        let tolerant = Tokens::new(&[AccessKey::new(KEY)], true);
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
