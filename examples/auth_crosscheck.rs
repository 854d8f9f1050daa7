//! Our side of `tests/crosscheck/tokens.py`, which compares our tokens with Python's.
//!
//! `auth_crosscheck mint` prints newly signed tokens, one JSON object per line.
//! `auth_crosscheck verify` reads such lines and prints whether it accepts them.
//! It is an example of the pure half of the crate, without providers or a cache.

#![expect(clippy::print_stdout, reason = "the lines are for the script")]

use std::error::Error;
use std::io::stdin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azwire_auth::{
    AccessKey, Audience, Claims, Clock, JwtSigner, JwtVerifier, SasRule, SasSigner, SasVerifier,
    SharedAccessKey, SystemClock,
};
use serde_json::{Value, json};

const KEYS: [&str; 3] = [
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH",
    "a2V5LXRleHQtdXNlZC1hcy1pdC1pcw==",
    "pä$$wörd",
];

const TEXTS: [&str; 6] = [
    "user1",
    "",
    "a b+c%2F",
    "\"quoted\"\\\u{1f}\n",
    "用户 é \u{1f600}",
    "<script>&amp;",
];

fn main() -> Result<(), Box<dyn Error>> {
    let now = SystemClock.now();
    match std::env::args().nth(1).as_deref() {
        Some("mint") => mint(now),
        Some("verify") => verify(now)?,
        _ => return Err("usage: auth_crosscheck mint | verify".into()),
    }
    Ok(())
}

fn mint(now: SystemTime) {
    let expires_on = now + Duration::from_secs(3600);
    for key in KEYS {
        let access_key = AccessKey::new(key);
        for text in TEXTS {
            let audience = format!("https://contoso.webpubsub.azure.com/client/hubs/chat?{text}");
            let claims = [
                Claims::new(&audience, expires_on),
                Claims::new(&audience, expires_on)
                    .with_issued_at(now)
                    .with_subject(text)
                    .with_roles(["webpubsub.joinLeaveGroup"])
                    .with_groups([text, "room1"]),
                Claims::new("https://elsewhere.example", expires_on)
                    .with_audience(&audience)
                    .with_not_before(now)
                    .with_issuer(text)
                    .with_roles([text]),
            ];
            for claims in claims {
                let token = JwtSigner::new(&access_key).sign(&claims);
                println!(
                    "{}",
                    json!({ "kind": "jwt", "key": key, "token": token.expose(), "audience": audience, "claims": {
                        "aud": claims.audiences, "exp": end(claims.expires_on), "iat": seconds(claims.issued_at),
                        "nbf": seconds(claims.not_before), "sub": claims.subject, "iss": claims.issuer,
                        "role": claims.roles, "webpubsub.group": claims.groups,
                    } })
                );
            }

            let uri = format!("sb://Contoso.servicebus.windows.net:443/team/{text}");
            let signer = SasSigner::new(&SharedAccessKey::new(text, key));
            for audience in [Audience::normalized(&uri), Audience::verbatim(&uri)] {
                let token = signer.sign(&audience, expires_on);
                println!(
                    "{}",
                    json!({ "kind": "sas", "key": key, "token": token.expose(), "audience": audience.as_str(),
                        "rule": text, "expiry": end(Some(expires_on)) })
                );
            }
        }
    }
}

fn verify(now: SystemTime) -> Result<(), Box<dyn Error>> {
    for line in stdin().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        let field = |name: &str| {
            case[name]
                .as_str()
                .ok_or_else(|| format!("a line has no string `{name}`"))
        };
        let (key, token) = (field("key")?, field("token")?);
        let verdict = match field("kind")? {
            "jwt" => JwtVerifier::new([AccessKey::new(key)])
                .verify(token, &[field("audience")?], now)
                .map(|claims| json!({ "sub": claims.subject, "role": claims.roles }))
                .map_err(|error| format!("{error:?}")),
            _ => SasVerifier::new([SasRule::new(field("rule")?, key)])
                .verify(token, now)
                .map(|verified| json!({ "audience": verified.audience().as_str() }))
                .map_err(|error| format!("{error:?}")),
        };
        println!(
            "{}",
            match verdict {
                Ok(said) => json!({ "accepted": true, "said": said }),
                Err(error) => json!({ "accepted": false, "error": error }),
            }
        );
    }
    Ok(())
}

/// Rounds up to whole seconds, so that no token expires early.
fn end(time: Option<SystemTime>) -> Option<u64> {
    let elapsed = time?.duration_since(UNIX_EPOCH).ok()?;
    Some(elapsed.as_secs() + u64::from(elapsed.subsec_nanos() > 0))
}

fn seconds(time: Option<SystemTime>) -> Option<u64> {
    let elapsed = time?.duration_since(UNIX_EPOCH).ok()?;
    Some(elapsed.as_secs())
}
