//! Formats everything that contains a key or a token, and searches the output for it.
#![cfg(feature = "_hmac")]
#![expect(clippy::unwrap_used, reason = "the fixtures of a test may fail it")]

use std::error::Error as StdError;
use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azwire_auth::{
    AccessKey, AccessToken, Audience, CachedTokenProvider, Claims, ConnectionString,
    EntraTokenProvider, Error, ErrorKind, FixedClock, JwtSigner, JwtTokenProvider, JwtVerifier,
    SasRule, SasSigner, SasToken, SasTokenProvider, SasVerifier, Secret, SharedAccessKey,
    SharedTokenProvider, StaticTokenProvider, TokenCache, TokenCredential, TokenProvider, token_fn,
};
use futures::executor::block_on;

/// Part of every secret in this file, in the clear or as the end of a signature.
const NEEDLE: &str = "n33dle";

fn key() -> String {
    format!("{NEEDLE}-a2V5LXRleHQ=")
}

fn expiry() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_003_600)
}

/// Every form in which a secret could leak: the key, the query, and the
/// signatures of the two tokens, encoded or not.
fn needles() -> Vec<String> {
    let sas = sas_token();
    let code = sas
        .expose()
        .split("sig=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap();
    let jwt = jwt();
    let parts: Vec<_> = jwt.expose().split('.').collect();
    vec![
        NEEDLE.to_owned(),
        code[..20].to_owned(),
        parts[1][..20].to_owned(),
        parts[2][..20].to_owned(),
    ]
}

fn sas_token() -> SasToken {
    let audience = Audience::normalized("sb://contoso.servicebus.windows.net/hc1");
    SasSigner::new(&SharedAccessKey::new("listen", key())).sign(&audience, expiry())
}

fn jwt() -> Secret {
    let url = format!("https://contoso.webpubsub.azure.com/client/hubs/chat?secret={NEEDLE}");
    let claims = Claims::new(url, expiry())
        .with_claim("tenant", &NEEDLE)
        .unwrap();
    JwtSigner::new(&AccessKey::new(key())).sign(&claims)
}

#[track_caller]
fn assert_silent(value: &dyn Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert_holds_no_secret(&text);
    }
}

#[track_caller]
fn assert_silent_error(error: &(dyn StdError + 'static)) {
    assert_silent(&error);
    let mut next = Some(error);
    while let Some(error) = next {
        assert_holds_no_secret(&error.to_string());
        next = error.source();
    }
}

#[track_caller]
fn assert_holds_no_secret(text: &str) {
    for needle in needles() {
        assert!(!text.contains(&needle), "{needle} in {text}");
    }
}

#[derive(Debug)]
struct Refusing;

#[async_trait::async_trait]
impl TokenCredential for Refusing {
    async fn token(&self, scopes: &[&str]) -> azwire_auth::Result<AccessToken> {
        Err(Error::message(
            ErrorKind::Credential,
            format!("no token for {scopes:?}"),
        ))
    }
}

#[test]
fn what_holds_a_secret_is_shown_by_its_name() {
    let sas = sas_token();
    let audience = "http://contoso.servicebus.windows.net/hc1/";
    let access_key = AccessKey::new(key());
    let function = token_fn(|_| async { Err(Error::message(ErrorKind::Credential, "none")) });
    let shown = |value: &dyn Debug| format!("{value:?}");
    assert_eq!(shown(&Secret::new(key())), "Secret(..)");
    assert_eq!(shown(&function), "TokenFn(..)");
    assert_eq!(
        shown(&JwtSigner::new(&access_key)),
        "JwtSigner { hmac: HmacSha256(..), .. }"
    );
    let time = expiry();
    assert_eq!(
        shown(&sas),
        format!(
            r#"SasToken {{ audience: Audience("{audience}"), rule: "listen", expires_on: {time:?}, .. }}"#
        )
    );
    assert_eq!(
        shown(&Audience::verbatim("https://a/?token=1")),
        r#"Audience("https://a/", query: ..)"#
    );
    let claims = Claims::new("https://a/?x=1", time)
        .with_subject("user1")
        .with_claim("tenant", &NEEDLE)
        .unwrap();
    let shown_claims = shown(&claims);
    for part in [
        "Claims {",
        r#"audiences: [Audience("https://a/", query: ..)]"#,
        r#"subject: Some("user1")"#,
        r#"custom: ["tenant"]"#,
    ] {
        assert!(shown_claims.contains(part), "{shown_claims}");
    }
    let cached = shown(&CachedTokenProvider::new(function));
    assert!(cached.contains("flights: 0"), "{cached}");
}

#[test]
fn keys_and_what_signs_with_them_are_silent() {
    let access_key = AccessKey::new(key());
    let shared_key = SharedAccessKey::new("listen", key());
    assert_silent(&Secret::new(key()));
    assert_silent(&access_key);
    assert_silent(&shared_key);
    assert_silent(&SasSigner::new(&shared_key));
    assert_silent(&SasVerifier::new([
        SasRule::from(&shared_key).with_secondary(key())
    ]));
    assert_silent(&JwtSigner::new(&access_key));
    assert_silent(&JwtVerifier::new([access_key.clone()]));
    assert_silent(&SasTokenProvider::new(&shared_key));
    assert_silent(&JwtTokenProvider::new(&access_key));
}

#[test]
fn tokens_and_what_holds_them_are_silent() {
    let sas = sas_token();
    let jwt = jwt();
    let access_token = sas.clone().into_access_token();
    assert_silent(&sas);
    assert_silent(&jwt);
    assert_silent(&access_token);
    assert_silent(&StaticTokenProvider::from_sas(sas.expose()).unwrap());
    assert_silent(&StaticTokenProvider::from_jwt(jwt.expose()).unwrap());
    assert_silent(&Claims::decode_unverified(jwt.expose()).unwrap());
    assert_silent(
        &JwtVerifier::new([AccessKey::new(key())]).verify_any_audience(jwt.expose(), expiry()),
    );
    let verifier = SasVerifier::new([SasRule::new("listen", key())]);
    assert_silent(&verifier.verify(sas.expose(), UNIX_EPOCH));

    let mut cache = TokenCache::new(azwire_auth::CacheOptions::default());
    let audience = Audience::verbatim(format!("https://contoso.example/?token={NEEDLE}"));
    assert_silent(&audience);
    cache.insert(audience.clone(), access_token.clone(), UNIX_EPOCH);
    assert_silent(&cache.lookup(&audience, UNIX_EPOCH));
    assert_silent(&cache);

    let function = token_fn(move |_| {
        let token = access_token.clone();
        async move { Ok(token) }
    });
    let cached = CachedTokenProvider::new(function).with_clock(FixedClock::new(UNIX_EPOCH));
    block_on(cached.token(&audience)).unwrap();
    assert_silent(&cached);
    assert_silent(&SharedTokenProvider::new(cached));
}

#[test]
fn connection_strings_and_their_errors_are_silent() {
    let text = format!(
        "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey={}",
        key()
    );
    let parsed = ConnectionString::parse(&text).unwrap();
    assert_silent(&parsed);
    assert_silent_error(&parsed.deny_unknown(&["Endpoint"]).unwrap_err());
    assert_silent_error(&parsed.require("EntityPath").unwrap_err());
    for wrong in [
        format!("AccessKey={};AccessKey={}", key(), key()),
        format!("Endpoint=x;{NEEDLE}"),
        format!("Endpoint=x;={NEEDLE}"),
    ] {
        let error = ConnectionString::parse(&wrong).unwrap_err();
        assert_silent_error(&error);
        assert_silent_error(&Error::from(error));
    }
}

#[test]
fn errors_of_tokens_are_silent() {
    let sas = sas_token();
    let jwt = jwt();
    let other = SharedAccessKey::new("listen", "other");
    let sas_errors = [
        SasToken::parse(&sas.expose().replace("se=", "se=x")).unwrap_err(),
        SasVerifier::new([])
            .verify(sas.expose(), UNIX_EPOCH)
            .unwrap_err(),
        SasVerifier::new([SasRule::from(&other)])
            .verify(sas.expose(), UNIX_EPOCH)
            .unwrap_err(),
        SasVerifier::new([SasRule::new("listen", key())])
            .verify(sas.expose(), expiry())
            .unwrap_err(),
    ];
    for error in sas_errors {
        assert_silent_error(&error);
        assert_silent_error(&Error::from(error));
    }

    let verifier = JwtVerifier::new([AccessKey::new(key())]);
    let jwt_errors = [
        Claims::decode_unverified(&format!("{}.x", jwt.expose())).unwrap_err(),
        verifier.verify(jwt.expose(), &["x"], expiry()).unwrap_err(),
        verifier
            .verify(jwt.expose(), &[], expiry() + Duration::from_secs(3600))
            .unwrap_err(),
        JwtVerifier::new([AccessKey::new("other")])
            .verify(jwt.expose(), &[], expiry())
            .unwrap_err(),
    ];
    for error in jwt_errors {
        assert_silent_error(&error);
        assert_silent_error(&Error::from(error));
    }

    let claims = Claims::decode_unverified(jwt.expose()).unwrap();
    assert_silent_error(&claims.claim::<u32>("tenant").unwrap_err());
    assert_silent_error(&SharedAccessKey::parse("", key()).unwrap_err());
    assert_silent_error(&SharedAccessKey::parse("a", key().repeat(100)).unwrap_err());

    let late = StaticTokenProvider::new(sas.into_access_token());
    let late = late.with_clock(FixedClock::new(expiry()));
    let audience = Audience::verbatim(format!("x?{NEEDLE}"));
    assert_silent_error(&block_on(late.token(&audience)).unwrap_err());
    let refusing = EntraTokenProvider::new(Refusing, "https://relay.azure.net/.default");
    assert_silent(&refusing);
    assert_silent_error(&block_on(refusing.token(&audience)).unwrap_err());
}

/// A foreign error that shows more in `Debug` than in `Display`.
#[derive(Debug, thiserror::Error)]
#[error("the response is malformed")]
struct Malformed {
    response: String,
}

#[test]
fn errors_of_every_kind_show_of_their_source_its_text_alone() {
    for kind in [
        ErrorKind::Credential,
        ErrorKind::Expired,
        ErrorKind::InvalidConnectionString,
        ErrorKind::InvalidKey,
        ErrorKind::InvalidToken,
    ] {
        let response = format!("access_token={NEEDLE}");
        let source = Malformed { response };
        assert!(format!("{source:?}").contains(NEEDLE));
        let error = Error::new(kind, source);
        assert_silent_error(&error);
        assert!(!error.to_string().contains("malformed"));
        assert!(format!("{error:?}").contains("malformed"));
        assert_silent(&error.clone().with_context("while signing in"));
    }
}
