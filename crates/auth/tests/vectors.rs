//! The vectors of both services' tokens, in both directions: our signing
//! reproduces them, and our verification accepts or rejects them as expected.
#![cfg(feature = "_hmac")]
#![expect(clippy::unwrap_used, reason = "the loaders of a test may fail it")]

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azwire_auth::{
    AccessKey, Audience, Claims, ConnectionString, JwtError, JwtSigner, JwtVerifier, KeySlot,
    SasError, SasRule, SasSigner, SasToken, SasVerifier, SharedAccessKey, StaticTokenProvider,
};
use serde_json::Value;

fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    let list = value[name].as_array().unwrap();
    assert!(!list.is_empty());
    list
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("`{name}` of {value} is not text"))
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn time(value: &Value, name: &str) -> SystemTime {
    at(value[name].as_u64().unwrap())
}

fn sas_key(file: &Value, case: &Value) -> SharedAccessKey {
    let key = case["key"].as_str().unwrap_or_else(|| text(file, "key"));
    SharedAccessKey::new(text(case, "rule"), key)
}

fn sas_verifier(file: &Value) -> SasVerifier {
    let rules = [
        "RootManageSharedAccessKey",
        "listen",
        "send-rule",
        "my rule&1",
    ];
    SasVerifier::new(rules.map(|rule| SasRule::new(rule, text(file, "key"))))
}

#[test]
fn sas_tokens_are_signed_as_by_others() {
    let file = load("sas.json");
    let mut signed = 0;
    for case in list(&file, "tokens") {
        let audience = Audience::verbatim(text(case, "audience"));
        let token = SasSigner::new(&sas_key(&file, case)).sign(&audience, time(case, "expiry"));
        if case["spelt_as_ours"] == true {
            assert_eq!(token.expose(), text(case, "token"));
            signed += 1;
        } else {
            assert_ne!(token.expose(), text(case, "token"));
        }
        // A token knows its parts alike, whether it was signed or read.
        assert_eq!(SasToken::parse(token.expose()).unwrap(), token);
    }
    assert_eq!(signed, 12);
}

#[test]
fn sas_tokens_of_others_are_verified() {
    let file = load("sas.json");
    for case in list(&file, "tokens") {
        let token = SasToken::parse(text(case, "token")).unwrap();
        assert_eq!(token.raw_resource(), text(case, "resource"));
        assert_eq!(token.audience(), text(case, "audience"));
        assert_eq!(token.rule(), text(case, "rule"));
        assert_eq!(token.expires_on(), time(case, "expiry"));

        let key = sas_key(&file, case);
        let expiry = time(case, "expiry");
        let verifier = SasVerifier::new([SasRule::from(&key)]);
        let verify = |now| verifier.verify(text(case, "token"), now);
        // The smallest step of the clock on Windows.
        let verified = verify(expiry - Duration::from_nanos(100)).unwrap();
        assert_eq!(verified.rule(), key.name());
        assert_eq!(verified.key(), KeySlot::Primary);
        assert_eq!(verified.audience().as_str(), text(case, "audience"));
        assert_eq!(verified.expires_on(), expiry);
        assert_eq!(
            verify(expiry),
            Err(SasError::Expired { expired_on: expiry })
        );

        let secondary =
            SasRule::new(key.name().to_uppercase(), "other").with_secondary(key.key().clone());
        let verified = SasVerifier::new([secondary])
            .verify(text(case, "token"), at(0))
            .unwrap();
        assert_eq!(verified.key(), KeySlot::Secondary);

        let grace = Duration::from_secs(300);
        let lenient = verifier.clone().with_grace(grace);
        assert!(
            lenient
                .verify(
                    text(case, "token"),
                    expiry + grace - Duration::from_nanos(100)
                )
                .is_ok()
        );
        assert_eq!(
            lenient.verify(text(case, "token"), expiry + grace),
            Err(SasError::Expired { expired_on: expiry })
        );
        StaticTokenProvider::from_sas(text(case, "token")).unwrap();
    }
    for case in list(&file, "accepted") {
        let verified = sas_verifier(&file).verify(text(case, "token"), at(1_700_000_000));
        assert!(verified.is_ok(), "{}: {verified:?}", case["name"]);
    }
}

#[test]
fn a_verified_token_names_its_rule_by_place() {
    let names = ["send", "manage", "listen", "send"];
    let verifier = SasVerifier::new(names.map(|name| SasRule::new(name, format!("{name}'s key"))));
    for (index, name) in names[..3].iter().enumerate() {
        let key = SharedAccessKey::new(*name, format!("{name}'s key"));
        let token = SasSigner::new(&key).sign(&Audience::verbatim("a"), at(1));
        let verified = verifier.verify(token.expose(), at(0)).unwrap();
        assert_eq!((verified.rule_index(), verified.rule()), (index, *name));
    }
}

#[test]
fn sas_tokens_that_are_wrong_are_refused() {
    let file = load("sas.json");
    for case in list(&file, "refused") {
        let error = match text(case, "error") {
            "Malformed" => SasError::Malformed,
            "Signature" => SasError::Signature,
            "UnknownRule" => SasError::UnknownRule,
            other => panic!("unknown error {other}"),
        };
        let verified = sas_verifier(&file).verify(text(case, "token"), at(1_700_000_000));
        assert_eq!(verified, Err(error), "{}", case["name"]);
    }
    let no_rules = SasVerifier::new([]).verify(text(&file["tokens"][0], "token"), at(0));
    assert_eq!(no_rules, Err(SasError::UnknownRule));
}

#[test]
fn sas_audiences_cover_what_the_service_lets_them() {
    let file = load("sas.json");
    let host = text(&file, "host");
    for case in list(&file, "covers") {
        let tokens = list(&file, "tokens");
        let token = tokens
            .iter()
            .find(|token| token["name"] == case["name"])
            .unwrap();
        let verified = sas_verifier(&file)
            .verify(text(token, "token"), at(0))
            .unwrap();
        assert_eq!(
            verified.covers(host, text(case, "path")),
            case["covers"],
            "{case}"
        );
        assert!(!verified.covers("fabrikam.servicebus.windows.net", text(case, "path")));
    }

    let file = load("audience.json");
    for case in list(&file, "signed_by_official_clients") {
        let audience = Audience::verbatim(text(case, "audience"));
        assert_eq!(audience.covers(host, "/$hc/hc1"), case["covers"], "{case}");
    }
    for case in list(&file, "normalized") {
        let audience = Audience::normalized(text(case, "uri"));
        assert_eq!(audience.as_str(), text(case, "audience"));
        assert_eq!(Audience::normalized(&audience), audience);
    }
}

#[test]
fn sas_tokens_survive_a_query_string() {
    let file = load("sas.json");
    let query = percent_encoding::percent_decode_str(text(&file["query_form"], "text"));
    assert_eq!(
        query.decode_utf8().unwrap(),
        text(&file["tokens"][0], "token")
    );
}

#[test]
fn connection_strings_are_read_by_the_grammar() {
    let file = load("connection_string.json");
    for case in list(&file, "cases") {
        let known: Vec<_> = list(&file, &format!("{}_keys", text(case, "keys")))
            .iter()
            .map(|key| key.as_str().unwrap())
            .collect();
        let parsed = ConnectionString::parse(text(case, "text"))
            .and_then(|parsed| parsed.deny_unknown(&known).map(|()| parsed));
        match case["error"].as_str() {
            Some(error) => assert_eq!(parsed.unwrap_err().to_string(), error),
            None => {
                let parsed = parsed.unwrap();
                for (key, value) in case["values"].as_object().unwrap() {
                    assert_eq!(parsed.get(key), value.as_str(), "{key} of {}", case["text"]);
                }
            }
        }
    }
}

#[test]
fn jwts_are_signed_as_by_others() {
    let mut signed = 0;
    for file in ["rest_jwt.json", "client_jwt.json"].map(load) {
        let signer = JwtSigner::new(&AccessKey::new(text(&file, "key")));
        for case in list(&file, "tokens") {
            let payload = signer.sign_payload(text(case, "claims"));
            assert_eq!(payload.expose(), text(case, "token"), "{}", case["name"]);

            let claims = Claims::decode_unverified(text(case, "token")).unwrap();
            let token = signer.sign(&claims);
            if case["claims_as_ours"] == true {
                assert_eq!(token.expose(), text(case, "token"), "{}", case["name"]);
                signed += 1;
            } else {
                assert_ne!(token.expose(), text(case, "token"), "{}", case["name"]);
                let again = Claims::decode_unverified(token.expose());
                assert_eq!(again.as_ref(), Ok(&claims), "{}", case["name"]);
            }
        }
    }
    assert_eq!(signed, 6);
}

/// Compares claims with the vector data.
fn assert_claims(claims: &Claims, expected: &Value) {
    let strings = |name: &str| -> Option<Vec<String>> {
        match expected.get(name)? {
            Value::String(one) => Some(vec![one.clone()]),
            several => Some(serde_json::from_value(several.clone()).unwrap()),
        }
    };
    let time = |name: &str| expected.get(name).map(|value| at(value.as_u64().unwrap()));
    assert_eq!(claims.audiences, strings("aud").unwrap_or_default());
    assert_eq!(claims.roles, strings("role").unwrap_or_default());
    assert_eq!(
        claims.groups,
        strings("webpubsub.group").unwrap_or_default()
    );
    assert_eq!(claims.subject.as_deref(), expected["sub"].as_str());
    assert_eq!(claims.issuer.as_deref(), expected["iss"].as_str());
    assert_eq!(claims.expires_on, time("exp"));
    assert_eq!(claims.issued_at, time("iat"));
    assert_eq!(claims.not_before, time("nbf"));
}

fn jwt_error(name: &str, claims: Option<&Claims>) -> JwtError {
    match name {
        "Algorithm" => JwtError::Algorithm,
        "Audience" => JwtError::Audience,
        "Expired" => JwtError::Expired {
            expired_on: claims.unwrap().expires_on.unwrap(),
        },
        "Malformed" => JwtError::Malformed,
        "MissingExpiry" => JwtError::MissingExpiry,
        "NotYetValid" => JwtError::NotYetValid {
            not_before: claims.unwrap().not_before.unwrap(),
        },
        "Signature" => JwtError::Signature,
        other => panic!("unknown error {other}"),
    }
}

fn jwt_verifier(file: &Value) -> JwtVerifier {
    JwtVerifier::new(["key", "secondary_key"].map(|name| AccessKey::new(text(file, name))))
}

#[test]
fn jwts_of_others_are_verified() {
    for file in ["rest_jwt.json", "client_jwt.json"].map(load) {
        let verifier = jwt_verifier(&file);
        for case in list(&file, "tokens") {
            let expected: Value = serde_json::from_str(text(case, "claims")).unwrap();
            let token = text(case, "token");
            let audience = text(&expected, "aud").to_uppercase();
            let claims = verifier
                .verify(token, &["x", &audience], time(&file, "now"))
                .unwrap();
            assert_claims(&claims, &expected);
            assert_eq!(
                verifier.verify(token, &[], time(&file, "now")),
                Err(JwtError::Audience)
            );
            StaticTokenProvider::from_jwt(token).unwrap();
        }
    }
}

#[test]
fn claims_are_read_in_every_form() {
    let file = load("client_jwt.json");
    let verifier = jwt_verifier(&file);
    for case in list(&file, "read") {
        let verified = verifier.verify(
            text(case, "token"),
            &[text(&file, "audience")],
            time(&file, "now"),
        );
        let claims = verified.unwrap_or_else(|error| panic!("{}: {error:?}", case["name"]));
        for (name, value) in case["expected"].as_object().unwrap() {
            let strings = || -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
            let time = || Some(at(value.as_u64().unwrap()));
            match name.as_str() {
                "audiences" => assert_eq!(claims.audiences, strings()),
                "roles" => assert_eq!(claims.roles, strings()),
                "groups" => assert_eq!(claims.groups, strings()),
                "subject" => assert_eq!(claims.subject.as_deref(), value.as_str()),
                "issuer" => assert_eq!(claims.issuer.as_deref(), value.as_str()),
                "expires_on" => assert_eq!(claims.expires_on, time()),
                "issued_at" => assert_eq!(claims.issued_at, time()),
                "not_before" => assert_eq!(claims.not_before, time()),
                "custom" => {
                    let custom = claims
                        .custom()
                        .map(|(name, json)| (name.to_owned(), json.into()));
                    assert_eq!(Value::Object(custom.collect()), *value);
                }
                other => panic!("unknown claim {other}"),
            }
        }
        let again = JwtSigner::new(&AccessKey::new(text(&file, "key"))).sign(&claims);
        assert_eq!(
            Claims::decode_unverified(again.expose()),
            Ok(claims),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn jwts_that_are_wrong_are_refused() {
    let file = load("client_jwt.json");
    let verifier = jwt_verifier(&file);
    for case in list(&file, "refused") {
        let token = text(case, "token");
        let claims = Claims::decode_unverified(token).ok();
        let error = jwt_error(text(case, "error"), claims.as_ref());
        let verified = verifier.verify(token, &[text(&file, "audience")], time(&file, "now"));
        assert_eq!(verified, Err(error), "{}", case["name"]);
    }
    let keyless = JwtVerifier::new::<[AccessKey; 0]>([]);
    let token = text(&file["tokens"][0], "token");
    let refused = keyless.verify(token, &[text(&file, "audience")], time(&file, "now"));
    assert_eq!(refused, Err(JwtError::Signature));
}

#[test]
fn rest_tokens_fit_their_request() {
    let file = load("rest_jwt.json");
    let verifier = jwt_verifier(&file);
    for case in list(&file, "requests") {
        let token = text(case, "token");
        let urls = ["http://localhost:8080/", text(case, "url")];
        let verified = verifier.verify_request(token, &urls, time(case, "now"));
        let claims = Claims::decode_unverified(token).unwrap();
        match case["error"].as_str() {
            None => assert_eq!(verified, Ok(claims), "{}", case["name"]),
            Some(error) => {
                let error = jwt_error(error, Some(&claims));
                assert_eq!(verified, Err(error), "{}", case["name"]);
            }
        }
    }
}

#[cfg(feature = "_internal")]
#[test]
fn webhook_signatures_are_those_of_the_service() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    let file = load("webhook.json");
    let keys = ["key", "secondary_key"]
        .map(|name| azwire_auth::_internal::HmacSha256::new(text(&file, name).as_bytes()));
    for case in list(&file, "signatures") {
        let id = text(case, "connection_id").as_bytes();
        let header = text(case, "ce_signature");
        let entries = keys.each_ref().map(|key| {
            let hex: String = key
                .sign(id)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("sha256={hex}")
        });
        assert_eq!(entries.join(","), header);
        for (key, entry) in keys.iter().zip(header.split(',')) {
            let digits = entry.strip_prefix("sha256=").unwrap();
            let code: Vec<u8> = (0..digits.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
                .collect();
            assert!(key.verify(id, &code));
            assert!(!key.verify(b"another connection", &code));
        }
    }
    for case in list(&file, "connection_states") {
        assert_eq!(
            STANDARD.decode(text(case, "header")).unwrap(),
            text(case, "json").as_bytes()
        );
    }
}
