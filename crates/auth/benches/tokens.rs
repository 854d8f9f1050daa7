//! Tokens per second, compared with bare ring HMAC over as many bytes as each token's
//! signature covers, and with jsonwebtoken.
//! Targets: `client_token/sign` at most 4 times its `bare_hmac` and less than
//! `jsonwebtoken`; `sas/sign` at most 2.5 times its `bare_hmac`.
#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azwire_auth::{
    AccessKey, Audience, Claims, JwtSigner, JwtVerifier, SasRule, SasSigner, SasVerifier,
    SharedAccessKey,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use serde::{Deserialize, Serialize};

const KEY: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH";
const AUDIENCE: &str = "https://contoso.webpubsub.azure.com/client/hubs/chat";
const ROLES: [&str; 2] = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup.room1"];
const GROUPS: [&str; 1] = ["room1"];
const NOW: u64 = 1_700_000_000;
const EXPIRY: u64 = NOW + 3600;

criterion_group!(benches, client_token, verify, sas);
criterion_main!(benches);

fn client_token(criterion: &mut Criterion) {
    let signer = JwtSigner::new(&AccessKey::new(KEY));
    let ready = claims();
    let token = signer.sign(&ready);
    let mut group = criterion.benchmark_group("client_token");
    group.throughput(Throughput::Elements(1));

    bare_hmac(&mut group, token.expose().rsplit_once('.').unwrap().0.len());
    group.bench_function("sign", |bencher| {
        bencher.iter(|| signer.sign(black_box(&ready)))
    });
    group.bench_function("claims_and_sign", |bencher| {
        bencher.iter(|| signer.sign(&black_box(claims())));
    });

    let key = EncodingKey::from_secret(KEY.as_bytes());
    let header = Header::new(Algorithm::HS256);
    let theirs = TheirClaims::ready();
    // Only the order of the header's members differs.
    let encoded = jsonwebtoken::encode(&header, &theirs, &key).unwrap();
    assert_eq!(encoded.split('.').nth(1), token.expose().split('.').nth(1));
    group.bench_function("jsonwebtoken", |bencher| {
        bencher.iter(|| jsonwebtoken::encode(&header, black_box(&theirs), &key).unwrap());
    });
    group.finish();
}

fn verify(criterion: &mut Criterion) {
    let key = AccessKey::new(KEY);
    let token = JwtSigner::new(&key).sign(&claims());
    let verifier = JwtVerifier::new([&key]);
    let now = at(NOW);
    let mut group = criterion.benchmark_group("verify");
    group.throughput(Throughput::Elements(1));

    bare_hmac(&mut group, token.expose().rsplit_once('.').unwrap().0.len());
    group.bench_function("jwt", |bencher| {
        bencher.iter(|| {
            verifier
                .verify(black_box(token.expose()), &[AUDIENCE], now)
                .unwrap()
        });
    });

    let key = DecodingKey::from_secret(KEY.as_bytes());
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[AUDIENCE]);
    // By the system clock, which jsonwebtoken uses, the token expired long ago.
    validation.validate_exp = false;
    group.bench_function("jsonwebtoken", |bencher| {
        bencher.iter(|| {
            let token = black_box(token.expose());
            jsonwebtoken::decode::<OwnedClaims>(token, &key, &validation).unwrap()
        });
    });
    group.finish();
}

fn sas(criterion: &mut Criterion) {
    let key = SharedAccessKey::new("RootManageSharedAccessKey", KEY);
    let signer = SasSigner::new(&key);
    let audience = Audience::normalized("sb://contoso.servicebus.windows.net/hc1");
    let token = signer.sign(&audience, at(EXPIRY));
    let mut group = criterion.benchmark_group("sas");
    group.throughput(Throughput::Elements(1));

    // The signature is over the resource, a line feed and ten digits.
    bare_hmac(&mut group, token.raw_resource().len() + 11);
    group.bench_function("sign", |bencher| {
        bencher.iter(|| signer.sign(black_box(&audience), at(EXPIRY)));
    });
    let verifier = SasVerifier::new([SasRule::from(&key)]);
    group.bench_function("verify", |bencher| {
        bencher.iter(|| verifier.verify(black_box(token.expose()), at(NOW)).unwrap());
    });
    group.finish();
}

fn bare_hmac(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    len: usize,
) {
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY.as_bytes());
    let message = vec![b'x'; len];
    group.bench_function("bare_hmac", |bencher| {
        bencher.iter(|| hmac::sign(&key, black_box(&message)));
    });
}

fn claims() -> Claims {
    Claims::new(AUDIENCE, at(EXPIRY))
        .with_issued_at(at(NOW))
        .with_subject("user1")
        .with_roles(ROLES)
        .with_groups(GROUPS)
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The same claims in the same order, as a user of jsonwebtoken would write them.
#[derive(Serialize)]
struct TheirClaims {
    aud: &'static str,
    iat: u64,
    exp: u64,
    sub: &'static str,
    role: [&'static str; 2],
    #[serde(rename = "webpubsub.group")]
    group: [&'static str; 1],
}

impl TheirClaims {
    fn ready() -> Self {
        Self {
            aud: AUDIENCE,
            iat: NOW,
            exp: EXPIRY,
            sub: "user1",
            role: ROLES,
            group: GROUPS,
        }
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "reading them is what is measured")]
struct OwnedClaims {
    aud: String,
    iat: u64,
    exp: u64,
    sub: String,
    role: Vec<String>,
    #[serde(rename = "webpubsub.group")]
    group: Vec<String>,
}
