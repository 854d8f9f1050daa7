//! The keys that sign tokens, and their rotation. Pure, except that files are read once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use auth::_internal::{RsaKeyPair, sha256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{Error, Result};

/// A key with its id.
#[derive(Debug)]
pub(super) struct SigningKey {
    pub(super) pair: RsaKeyPair,
    /// Its thumbprint (RFC 7638).
    pub(super) id: String,
}

/// The keys of an authority. One signs; after a rotation the one before is still taken for a while.
#[derive(Debug)]
pub(super) struct Keys {
    all: Vec<Arc<SigningKey>>,
    current: usize,
    previous: Option<Previous>,
}

#[derive(Clone, Copy, Debug)]
struct Previous {
    index: usize,
    until: SystemTime,
}

impl SigningKey {
    /// Reads PEM of PKCS#8. `None` if it is not an RSA key of 2048 bits or more.
    fn from_pem(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(BEGIN)?;
        let (body, _) = rest.split_once(END)?;
        let body: String = body.split_whitespace().collect();
        let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(body).ok()?)?;
        let [n, e] = [pair.public().modulus(), pair.public().exponent()]
            .map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        // Its members in this order and without whitespace, RFC 7638 §3.
        let thumbprint = sha256(format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#).as_bytes());
        Some(Self {
            pair,
            id: URL_SAFE_NO_PAD.encode(thumbprint),
        })
    }

    /// Returns a key that no authority takes.
    pub(super) fn of_a_stranger() -> Self {
        Self::from_pem(STRANGER).expect("the published keys can be read")
    }

    /// Returns it as a JSON Web Key.
    fn to_jwk(&self, issuer: &str) -> Value {
        let public = self.pair.public();
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.id,
            "x5t": self.id,
            "n": URL_SAFE_NO_PAD.encode(public.modulus()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent()),
            "issuer": issuer,
        })
    }
}

impl Keys {
    /// Returns the published keys, or those in the files, if there are any.
    ///
    /// # Errors
    ///
    /// Fails with one line if a file cannot be read, or is no such key.
    pub(super) fn load(files: &[PathBuf]) -> Result<Self> {
        let all = if files.is_empty() {
            let published = PUBLISHED.into_iter().map(SigningKey::from_pem);
            published
                .map(|key| key.expect("the published keys can be read"))
                .map(Arc::new)
                .collect()
        } else {
            let files = files.iter();
            files
                .map(|file| read(file).map(Arc::new))
                .collect::<Result<_>>()?
        };
        Ok(Self {
            all,
            current: 0,
            previous: None,
        })
    }

    /// Returns the key that signs.
    pub(super) fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.all[self.current])
    }

    /// Returns the key with this id, if it is taken.
    pub(super) fn find(&self, id: &str, now: SystemTime) -> Option<Arc<SigningKey>> {
        self.taken(now).find(|key| key.id == id).cloned()
    }

    /// Whether this is the id of any of the keys.
    pub(super) fn is_own(&self, id: &str) -> bool {
        self.all.iter().any(|key| key.id == id)
    }

    /// Signs with the next key from now on; the one before is taken for a day more.
    /// Returns whether there is another key.
    pub(super) fn rotate(&mut self, now: SystemTime) -> bool {
        if self.all.len() < 2 {
            return false;
        }
        self.previous = Some(Previous {
            index: self.current,
            until: now.checked_add(GRACE).unwrap_or(now),
        });
        self.current = (self.current + 1) % self.all.len();
        true
    }

    /// Signs with the first key again, and takes no other.
    pub(super) fn reset(&mut self) {
        self.current = 0;
        self.previous = None;
    }

    /// Returns the document of the public keys that are taken.
    pub(super) fn to_jwks(&self, issuer: &str, now: SystemTime) -> Value {
        let keys: Vec<_> = self.taken(now).map(|key| key.to_jwk(issuer)).collect();
        json!({ "keys": keys })
    }

    fn taken(&self, now: SystemTime) -> impl Iterator<Item = &Arc<SigningKey>> {
        let previous = self.previous.filter(|previous| now < previous.until);
        let previous = previous.map(|previous| previous.index);
        let indexes = std::iter::once(self.current).chain(previous);
        indexes.map(|index| &self.all[index])
    }
}

fn read(file: &Path) -> Result<SigningKey> {
    let name = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::new(format!("cannot read {name}: {error}"), error))?;
    SigningKey::from_pem(&text).ok_or_else(|| {
        Error::message(format!(
            "{name} is not an RSA private key of 2048 bits or more in PEM of PKCS#8"
        ))
    })
}

/// Fixed and published, since they protect nothing: a start takes milliseconds, and a seeded
/// run has the same tokens.
const PUBLISHED: [&str; 2] = [
    include_str!("published-test-key-1.pem"),
    include_str!("published-test-key-2.pem"),
];
const STRANGER: &str = include_str!("published-test-key-of-a-stranger.pem");
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// As long as the longest token in the cloud.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_key_before_is_taken_for_a_day() {
        let mut keys = Keys::load(&[]).unwrap();
        let first = keys.current();
        let second = Arc::clone(&keys.all[1]);
        assert_ne!(first.id, second.id);
        assert!(keys.is_own(&second.id) && keys.find(&second.id, at(0)).is_none());
        assert!(!keys.is_own(&SigningKey::of_a_stranger().id));
        assert!(keys.rotate(at(10)));
        assert_eq!(keys.current().id, second.id);
        let day = GRACE.as_secs();
        assert!(keys.find(&first.id, at(10 + day - 1)).is_some());
        assert!(keys.find(&first.id, at(10 + day)).is_none());
        assert_eq!(
            keys.to_jwks("i", at(11))["keys"].as_array().unwrap().len(),
            2
        );
        assert_eq!(
            keys.to_jwks("i", at(10 + day))["keys"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        assert!(!keys.is_own("") && keys.find("", at(0)).is_none());
    }

    #[test]
    fn files_are_named_when_they_are_no_keys() {
        let missing = Path::new("no such file.pem");
        let error = Keys::load(&[missing.to_owned()]).unwrap_err().to_string();
        assert!(error.contains("no such file.pem"), "{error}");
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/src/identity/");
        let not_a_key = Path::new(own).join("keys.rs");
        let error = Keys::load(&[not_a_key]).unwrap_err().to_string();
        assert!(
            error.contains("keys.rs") && error.contains("PKCS#8"),
            "{error}"
        );
        let mut alone = Keys::load(&[Path::new(own).join("published-test-key-2.pem")]).unwrap();
        assert!(!alone.rotate(at(0)));
    }
}
