//! Round trips from writers to readers, for thousands of seeded inputs. No
//! input makes a reader panic.
#![cfg(feature = "_hmac")]
#![expect(clippy::unwrap_used, reason = "what is drawn here is in range")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azwire_auth::{
    AccessKey, Audience, Claims, ConnectionString, JwtSigner, JwtVerifier, SasError, SasRule,
    SasSigner, SasToken, SasVerifier, SharedAccessKey,
};

const ROUNDS: u64 = 2000;

/// SplitMix64: small, seeded, and good enough to draw test inputs.
struct Draw(u64);

impl Draw {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(limit).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Draws text with many characters that are special in tokens and URIs.
    fn text(&mut self, longest: usize) -> String {
        const PIECES: &[&str] = &[
            "a", "Z", "7", "-", "_", ".", "~", "/", ":", "?", "#", "@", "&", "=", "+", "%", "%2F",
            "%zz", " ", "'", "\"", "\\", "\n", "\u{0}", "\u{1f}", "\u{7f}", "é", "İ", "连", "😀",
            "$hc", "://", "[", "]", ";", ",", "!", "*", "(", ")", "{", "}",
        ];
        let count = self.below(longest + 1);
        (0..count).map(|_| *self.pick(PIECES)).collect()
    }

    fn list(&mut self, longest: usize) -> Vec<String> {
        let count = self.below(longest + 1);
        (0..count).map(|_| self.text(8)).collect()
    }

    fn time(&mut self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.number() % 10_000_000_000)
    }

    /// `text` with one character replaced, dropped or doubled.
    fn spoil(&mut self, text: &str) -> String {
        let mut chars: Vec<_> = text.chars().collect();
        let at = self.below(chars.len());
        match self.below(3) {
            0 => chars[at] = *self.pick(&['A', 'b', '0', '=', '+', '.', '&', '%', ' ', 'é']),
            1 => drop(chars.remove(at)),
            _ => chars.insert(at, chars[at]),
        }
        chars.into_iter().collect()
    }
}

#[test]
fn sas_tokens_come_back_as_they_were_signed() {
    let mut draw = Draw(1);
    for round in 0..ROUNDS {
        let key = SharedAccessKey::new(draw.text(8), draw.text(40));
        let audience = Audience::verbatim(draw.text(30));
        let expires_on = draw.time();
        let token = SasSigner::new(&key).sign(&audience, expires_on);
        assert_eq!(token.audience(), audience.as_str(), "round {round}");
        assert_eq!(token.rule(), key.name(), "round {round}");
        assert_eq!(token.expires_on(), expires_on);
        assert_eq!(SasToken::parse(token.expose()).unwrap(), token);

        let verifier = SasVerifier::new([SasRule::new("decoy", "decoy"), SasRule::from(&key)]);
        let verified = verifier.verify(token.expose(), expires_on - Duration::from_secs(1));
        assert_eq!(verified.unwrap().audience(), &audience, "round {round}");
    }
}

#[test]
fn spoilt_sas_tokens_are_refused_or_say_the_same() {
    let mut draw = Draw(2);
    let key = SharedAccessKey::new("listen", "key");
    let audience = Audience::normalized("sb://contoso.servicebus.windows.net/hc1");
    let token = SasSigner::new(&key).sign(&audience, draw.time());
    let verifier = SasVerifier::new([SasRule::from(&key)]);
    let mut refused = 0;
    for round in 0..ROUNDS {
        let spoilt = draw.spoil(token.expose());
        match verifier.verify(&spoilt, UNIX_EPOCH) {
            Ok(verified) => {
                assert_eq!(verified.audience(), &audience, "round {round}: {spoilt}");
                assert_eq!(verified.expires_on(), token.expires_on());
            }
            Err(error) => {
                assert!(!matches!(error, SasError::Expired { .. }), "round {round}");
                refused += 1;
            }
        }
    }
    // The rest replaced a character with an equal one, or changed the case
    // of the scheme, a name or an escape.
    assert!(refused > ROUNDS * 9 / 10, "{refused}");
}

#[test]
fn claims_come_back_as_they_were_signed() {
    let mut draw = Draw(3);
    for round in 0..ROUNDS {
        let key = AccessKey::new(draw.text(60));
        let expires_on = draw.time();
        let mut claims = Claims::new(draw.text(20), expires_on)
            .with_roles(draw.list(3))
            .with_groups(draw.list(3));
        for audience in draw.list(2) {
            claims = claims.with_audience(audience);
        }
        if draw.below(2) == 0 {
            claims = claims
                .with_subject(draw.text(8))
                .with_issued_at(draw.time());
        }
        if draw.below(2) == 0 {
            claims = claims.with_issuer(draw.text(8)).with_not_before(UNIX_EPOCH);
        }
        for name in draw.list(3) {
            let value = (draw.text(8), draw.number(), draw.list(2));
            claims = claims.with_claim(format!("x{name}"), &value).unwrap();
        }

        let token = JwtSigner::new(&key).sign(&claims);
        let verifier = JwtVerifier::new([AccessKey::new("decoy"), key]);
        let audience = claims.audiences.last().unwrap();
        let verified = verifier.verify(token.expose(), &[audience], expires_on);
        assert_eq!(verified.as_ref(), Ok(&claims), "round {round}");
        assert_eq!(Claims::decode_unverified(token.expose()), Ok(claims));

        let spoilt = draw.spoil(token.expose());
        if spoilt != token.expose() {
            let verified = verifier.verify_any_audience(&spoilt, expires_on);
            assert!(verified.is_err(), "round {round}: {spoilt}");
        }
    }
}

#[test]
fn connection_strings_come_back_as_they_were_joined() {
    let mut draw = Draw(4);
    for round in 0..ROUNDS {
        let count = draw.below(5) + 1;
        let pairs: Vec<_> = (0..count)
            .map(|index| {
                let value = draw.text(20).replace(';', "");
                (format!("Key{index}"), value.trim().to_owned())
            })
            .collect();
        let parts: Vec<_> = pairs
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let parsed = ConnectionString::parse(&parts.join(";")).unwrap();
        let read = parsed
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(read.collect::<Vec<_>>(), pairs, "round {round}");
        assert_eq!(parsed.get("KEY0"), Some(pairs[0].1.as_str()));
    }
}

#[test]
fn normalizing_twice_changes_nothing() {
    let mut draw = Draw(5);
    for round in 0..ROUNDS {
        let uri = format!("sb://contoso.example/{}", draw.text(20).trim());
        let once = Audience::normalized(&uri);
        assert_eq!(Audience::normalized(&once), once, "round {round}: {uri}");
        assert!(once.as_str().starts_with("http://contoso.example/"));
        assert!(once.as_str().is_ascii() && once.as_str().ends_with('/'));
        assert!(
            once.covers("contoso.example", &uri["sb://contoso.example".len()..]),
            "{uri}"
        );
    }
}

#[test]
fn a_text_at_random_is_never_accepted_and_makes_no_reader_panic() {
    let mut draw = Draw(6);
    let key = AccessKey::new("key");
    let jwts = JwtVerifier::new([key.clone()]);
    let sas = SasVerifier::new([SasRule::new("listen", "key")]);
    let signer = JwtSigner::new(&key);
    for _ in 0..ROUNDS {
        let text = draw.text(40);
        let unsigned = jwts.verify_any_audience(&text, UNIX_EPOCH);
        assert!(unsigned.is_err(), "{text}");
        let signed = jwts.verify_any_audience(signer.sign_payload(&text).expose(), UNIX_EPOCH);
        assert!(signed.is_err(), "no claims: {text}");
        let verified = sas.verify(&format!("SharedAccessSignature {text}"), UNIX_EPOCH);
        assert!(verified.is_err(), "{text}");
        let fields = format!(
            "sr={}&sig={}&se=1&skn={}",
            draw.text(9),
            draw.text(9),
            draw.text(9)
        );
        let verified = sas.verify(&format!("SharedAccessSignature {fields}"), UNIX_EPOCH);
        assert!(verified.is_err(), "{fields}");
        let _ = ConnectionString::parse(&text);
        let _ = Audience::verbatim(&text).covers(&draw.text(9), &draw.text(9));
        let _ = Audience::normalized(&text);
    }
}
