//! The authority as a whole: tokens right and wrong, keys, roles.

mod requests;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;
use transport::_internal::lock;

use super::authority::{Authority, Proof};
use super::keys::SigningKey;
use super::mint::EntraToken;
use super::now::Now;
use super::resource::Resource;
use super::token::Parts;
use super::verifier::{SKEW, TokenError};
use crate::config::{IdentityConfig, PrincipalConfig, Role};

const NOW: u64 = 1_795_950_000;
const WEB_PUBSUB: &str = "https://webpubsub.azure.com";
const WORKER: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn now() -> Now {
    Now {
        emulated: at(NOW),
        // Another one: the emulator's clock was moved.
        machine: at(NOW - 1000),
    }
}

fn authority() -> Authority {
    Authority::new(&IdentityConfig::default(), Some(7)).unwrap()
}

fn right(authority: &Authority) -> EntraToken {
    EntraToken::new(authority, authority.principals.first(), WEB_PUBSUB, now())
}

fn verify(authority: &Authority, token: &str) -> Result<(), TokenError> {
    verify_at(authority, token, NOW)
}

fn verify_at(authority: &Authority, token: &str, now: u64) -> Result<(), TokenError> {
    authority
        .verify(token, Resource::WebPubSub, SKEW, at(now))
        .map(|_| ())
}

/// Every wrong token, with what is wrong with it.
fn wrong(authority: &Authority) -> Vec<(&'static str, String, TokenError)> {
    let right = || right(authority);
    let text = |token: EntraToken| token.sign().expose().to_owned();
    let signed = text(right());
    let key = lock(&authority.keys).current();
    let public = key.pair.public();
    let modulus = public.modulus().to_vec();
    let encoded = URL_SAFE_NO_PAD.encode(&modulus);
    let payload = right().payload();
    let twice = |name: &str| {
        let claims: Value = serde_json::from_str(&payload).unwrap();
        payload.replacen('{', &format!(r#"{{"{name}":{},"#, claims[name]), 1)
    };
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let (header, body) = message.split_once('.').unwrap();
    let (start, last) = signature.split_at(signature.len() - 1);
    // All of these are canonical; one of them is the right one.
    let other_end = ["A", "Q", "g", "w"].into_iter().find(|end| *end != last);
    let tampered = payload.replace(IdentityConfig::OBJECT_ID, WORKER);
    let tampered = URL_SAFE_NO_PAD.encode(tampered);
    let stranger = SigningKey::of_a_stranger();
    let huge = "x".repeat(100 * 1024);
    vec![
        (
            "a stranger's key under our name",
            text(right().with_key_of_a_stranger()),
            TokenError::Signature,
        ),
        (
            "a stranger's key under its own name",
            text(
                right()
                    .with_key_of_a_stranger()
                    .with_header("kid", stranger.id.as_str()),
            ),
            TokenError::Key,
        ),
        (
            "no key id",
            text(right().with_header("kid", Value::Null)),
            TokenError::Key,
        ),
        (
            "the algorithm none",
            text(right().with_no_signature()),
            TokenError::Algorithm,
        ),
        (
            "the algorithm none with a signature",
            text(right().with_header("alg", "none")),
            TokenError::Algorithm,
        ),
        (
            "HS256 with the modulus",
            text(right().with_hmac(modulus.clone())),
            TokenError::Algorithm,
        ),
        (
            "HS256 with the encoded modulus",
            text(right().with_hmac(encoded)),
            TokenError::Algorithm,
        ),
        (
            "RS512",
            text(right().with_header("alg", "RS512")),
            TokenError::Algorithm,
        ),
        (
            "rs256 in lower case",
            text(right().with_header("alg", "rs256")),
            TokenError::Algorithm,
        ),
        (
            "an extension",
            text(right().with_header("crit", vec!["b64"])),
            TokenError::Algorithm,
        ),
        (
            "another issuer",
            text(right().with_claim("iss", "https://sts.windows.net/other/")),
            TokenError::Issuer,
        ),
        (
            "the issuer without its slash",
            text(right().with_claim("iss", authority.issuer.trim_end_matches('/'))),
            TokenError::Issuer,
        ),
        (
            "another tenant",
            text(right().with_claim("tid", WORKER)),
            TokenError::Tenant,
        ),
        (
            "the audience of the other service",
            text(right().with_claim("aud", "https://relay.azure.net/")),
            TokenError::Audience,
        ),
        (
            "an audience that begins like ours",
            text(right().with_claim("aud", "https://webpubsub.azure.com.example")),
            TokenError::Audience,
        ),
        (
            "two audiences",
            text(right().with_claim("aud", vec![WEB_PUBSUB, WEB_PUBSUB])),
            TokenError::Claims,
        ),
        (
            "expired",
            text(right().with_claim("exp", NOW - SKEW.as_secs())),
            TokenError::Expired(at(NOW - SKEW.as_secs())),
        ),
        (
            "not valid yet",
            text(right().with_claim("nbf", NOW + SKEW.as_secs() + 1)),
            TokenError::NotYetValid(at(NOW + SKEW.as_secs() + 1)),
        ),
        (
            "no expiry",
            text(right().without_claim("exp")),
            TokenError::Claims,
        ),
        (
            "an expiry that is text",
            text(right().with_claim("exp", "9999999999")),
            TokenError::Claims,
        ),
        (
            "an expiry beyond all time",
            text(right().with_claim("exp", u64::MAX)),
            TokenError::Claims,
        ),
        (
            "no audience",
            text(right().without_claim("aud")),
            TokenError::Claims,
        ),
        (
            "the audience twice",
            text(right().with_payload(twice("aud"))),
            TokenError::Claims,
        ),
        (
            "the object id twice",
            text(right().with_payload(twice("oid"))),
            TokenError::Claims,
        ),
        (
            "the expiry twice",
            text(right().with_payload(twice("exp"))),
            TokenError::Claims,
        ),
        (
            "no JSON",
            text(right().with_payload("{")),
            TokenError::Claims,
        ),
        (
            "an array",
            text(right().with_payload("[]")),
            TokenError::Claims,
        ),
        (
            "another object id than was signed",
            format!("{header}.{tampered}.{signature}"),
            TokenError::Signature,
        ),
        (
            "another end of the signature",
            format!("{message}.{start}{}", other_end.unwrap()),
            TokenError::Signature,
        ),
        (
            "a short signature",
            format!("{message}.{}", &signature[..signature.len() - 6]),
            TokenError::Signature,
        ),
        ("no signature", format!("{message}."), TokenError::Signature),
        (
            "padding",
            format!("{message}.{signature}="),
            TokenError::Malformed,
        ),
        (
            "base64 of the other alphabet",
            {
                let bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
                let padded = STANDARD.encode([&bytes[..], b"  "].concat());
                format!("{header}.{padded}+/.{signature}")
            },
            TokenError::Malformed,
        ),
        (
            "four parts",
            format!("{signed}.{signature}"),
            TokenError::Malformed,
        ),
        ("two parts", message.to_owned(), TokenError::Malformed),
        ("nothing", String::new(), TokenError::Malformed),
        ("dots", "..".to_owned(), TokenError::Malformed),
        (
            "a key id twice",
            {
                let twice = format!(r#"{{"alg":"RS256","kid":"{}","kid":"x"}}"#, key.id);
                format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(twice))
            },
            TokenError::Malformed,
        ),
        (
            "100 KiB of claims",
            text(right().with_claim("padding", huge.as_str())),
            TokenError::TooLarge,
        ),
        (
            "100 KiB of header",
            format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(&huge)),
            TokenError::TooLarge,
        ),
    ]
}

#[test]
fn a_right_token_names_its_principal() {
    let authority = authority();
    let token = right(&authority).sign();
    let caller = authority
        .verify(token.expose(), Resource::WebPubSub, SKEW, at(NOW))
        .unwrap();
    assert_eq!(caller.object_id.as_deref(), Some(IdentityConfig::OBJECT_ID));
    assert_eq!(caller.client_id.as_deref(), Some(IdentityConfig::CLIENT_ID));
    assert_eq!(caller.expires_on, at(NOW + 3600));
    assert_eq!(caller.issued_at, Some(at(NOW)));
    assert_eq!(
        authority.verify(token.expose(), Resource::Relay, SKEW, at(NOW)),
        Err(TokenError::Audience)
    );
    // With a slash, and in the form of version 2, where the client is `azp`.
    let other = right(&authority)
        .with_claim("aud", "https://webpubsub.azure.com/")
        .without_claim("appid")
        .without_claim("oid")
        .with_claim("azp", WORKER)
        .sign();
    let caller = authority
        .verify(other.expose(), Resource::WebPubSub, SKEW, at(NOW))
        .unwrap();
    assert_eq!(
        (caller.object_id, caller.client_id.as_deref()),
        (None, Some(WORKER))
    );
}

#[test]
fn every_wrong_token_is_refused_for_its_reason() {
    let authority = authority();
    for (what, token, expected) in wrong(&authority) {
        assert_eq!(verify(&authority, &token), Err(expected), "{what}");
    }
}

#[test]
fn times_have_five_minutes_of_grace_to_the_second() {
    let authority = authority();
    let token = right(&authority).with_claim("nbf", NOW).sign();
    let token = token.expose();
    let (begin, end) = (NOW, NOW + 3600);
    for (now, is_good) in [
        (begin - 301, false),
        (begin - 300, true),
        (end + 299, true),
        (end + 300, false),
    ] {
        assert_eq!(verify_at(&authority, token, now).is_ok(), is_good, "{now}");
    }
    let without_grace = |now| authority.verify(token, Resource::WebPubSub, Duration::ZERO, at(now));
    assert!(without_grace(end - 1).is_ok());
    assert!(without_grace(end).is_err());
}

#[test]
fn a_refusal_takes_as_long_as_an_acceptance() {
    let authority = authority();
    let right = right(&authority).sign().expose().to_owned();
    let wrong = wrong(&authority);
    // Measured in turn, so that whatever else the machine does slows all of them; the least of
    // many counts. Without a check of a signature a refusal takes a small part of that; a debug build
    // reads a right token for about as long as it checks it.
    let mut least = vec![Duration::MAX; wrong.len() + 1];
    for _ in 0..60 {
        let tokens = wrong.iter().map(|(_, token, _)| token.as_str());
        for (token, least) in tokens.chain([right.as_str()]).zip(&mut least) {
            let begin = measured();
            let _ = std::hint::black_box(verify(&authority, token));
            *least = (*least).min(measured() - begin);
        }
    }
    let of_right = least.pop().unwrap();
    for ((what, ..), took) in wrong.iter().zip(least) {
        let bounds = of_right / 4..=of_right * 4;
        assert!(
            bounds.contains(&took),
            "{what}: {took:?}, a right one {of_right:?}"
        );
    }
}

/// The time of the processor, which only this measurement needs.
#[expect(clippy::disallowed_methods, reason = "it measures the code itself")]
fn measured() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

#[test]
fn a_token_of_another_authority_is_left_to_others_if_they_are_taken() {
    let authority = authority();
    let token = |make: fn(EntraToken) -> EntraToken| make(right(&authority)).sign();
    for (what, token, alone, with_others) in [
        ("ours", token(|token| token), true, true),
        (
            "our name",
            token(EntraToken::with_key_of_a_stranger),
            true,
            true,
        ),
        (
            "our name, none",
            token(EntraToken::with_no_signature),
            true,
            true,
        ),
        (
            "another name",
            token(|token| token.with_header("kid", "x")),
            true,
            false,
        ),
        (
            "another algorithm",
            token(|token| token.with_header("kid", "x").with_hmac("key")),
            false,
            false,
        ),
    ] {
        let token = token.expose();
        assert_eq!(authority.is_concerned(token, false), alone, "{what}");
        assert_eq!(authority.is_concerned(token, true), with_others, "{what}");
    }
    assert!(!authority.is_concerned("", false));
    assert!(!authority.is_concerned("a.b.c", false));
}

#[test]
fn rotated_keys_are_taken_until_they_are_forgotten() {
    let authority = authority();
    let before = right(&authority).with_claim("exp", NOW + 3 * 86_400).sign();
    assert!(authority.rotate_keys(now()));
    let after = right(&authority).sign();
    let key_of = |token: &str| Parts::read(token).unwrap().header.kid;
    assert_ne!(key_of(before.expose()), key_of(after.expose()));
    for token in [&before, &after] {
        assert_eq!(verify(&authority, token.expose()), Ok(()));
    }
    assert_eq!(
        verify_at(&authority, before.expose(), NOW + 86_400),
        Err(TokenError::Key)
    );
}

#[test]
fn the_longest_lifetime_is_a_date() {
    let config = IdentityConfig::default().with_token_lifetime(Duration::MAX);
    let authority = Authority::new(&config, Some(7)).unwrap();
    let token = authority.issue(
        authority.principals.first(),
        Resource::Relay.uri(),
        Proof::Secret,
        now(),
    );
    let token = token.unwrap();
    assert!(
        authority
            .verify(token.expose(), Resource::Relay, SKEW, now().emulated)
            .is_ok()
    );
}

#[test]
fn a_seeded_authority_repeats_its_tokens() {
    let [first, second] = [(); 2].map(|()| {
        let authority = authority();
        [right(&authority).sign(), right(&authority).sign()]
    });
    assert_eq!(first, second);
    assert_ne!(first[0], first[1]);
    let random = Authority::new(&IdentityConfig::default(), None).unwrap();
    assert_ne!(right(&random).sign(), right(&random).sign());
}

#[test]
fn tenants_are_checked() {
    for (tenant, is_good) in [
        ("contoso.onmicrosoft.com", true),
        (IdentityConfig::TENANT_ID, true),
        ("", false),
        ("a/b", false),
        ("a b", false),
    ] {
        let config = IdentityConfig {
            tenant_id: tenant.to_owned(),
            ..IdentityConfig::default()
        };
        assert_eq!(Authority::new(&config, None).is_ok(), is_good, "{tenant:?}");
    }
}

#[test]
fn roles_decide_what_a_principal_may_do() {
    let config = IdentityConfig::default().with_principal(
        PrincipalConfig::new(WORKER)
            .with_role(Role::WebPubSubServiceReader)
            .with_role_at(Role::RelayListener, "hc1"),
    );
    let authority = Authority::new(&config, Some(7)).unwrap();
    let token = right(&authority).sign();
    let caller = authority.verify(token.expose(), Resource::WebPubSub, SKEW, at(NOW));
    let caller = caller.unwrap();
    let may = |action, scope| authority.may(&caller, action, scope);
    assert!(may(
        "Microsoft.SignalRService/WebPubSub/user/read",
        Some("chat")
    ));
    assert!(!may(
        "Microsoft.SignalRService/WebPubSub/hub/send/action",
        Some("chat")
    ));
    let listen = "Microsoft.Relay/namespaces/hybridConnections/listen/action";
    assert!(may(listen, Some("hc1")) && !may(listen, Some("hc2")));
}

#[test]
fn debug_output_has_no_secret() {
    let config = IdentityConfig::default()
        .with_principal(PrincipalConfig::new(WORKER).with_secret("hunter2"));
    let authority = Authority::new(&config, None).unwrap();
    let token = right(&authority);
    let shown = format!("{config:?} {authority:?} {token:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(
        !shown.contains("eyJ") && !shown.contains("PRIVATE"),
        "{shown}"
    );
}
