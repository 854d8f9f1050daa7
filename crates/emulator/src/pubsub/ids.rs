//! The ids that the service assigns. Those of connections have the service's
//! form, so that code that cannot handle a leading `-` or `_` fails here first.
//! Pure, except for a counter and, without a seed, random numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A generator of ids; with a seed, of the same ones in each run.
#[derive(Debug)]
pub(super) struct Ids {
    seed: Option<u64>,
    /// The part after the random part of each connection id. At the service it
    /// names the machine that holds the connection.
    machine: String,
    /// The key id of the tokens that the service generates.
    key: String,
    next: AtomicU64,
}

impl Ids {
    pub(super) fn new(seed: Option<u64>) -> Self {
        // Numbers that no connection will have.
        let [machine, key] = [u64::MAX, u64::MAX - 1].map(|number| bits(seed, number));
        let mut machine = encode(machine);
        machine.truncate(MACHINE_LEN);
        Self {
            seed,
            machine,
            key: format!("s-{}", uuid::Builder::from_random_bytes(key).into_uuid()),
            next: AtomicU64::new(0),
        }
    }

    /// Returns a new connection id: 31 characters of base64url that end in `02`.
    pub(super) fn connection(&self) -> String {
        format!("{}{}02", encode(self.next()), self.machine)
    }

    /// Returns a new id of anything else: 32 hexadecimal digits.
    pub(super) fn unique(&self) -> String {
        uuid::Uuid::from_bytes(self.next()).simple().to_string()
    }

    /// Returns the key id: `s-` and a GUID.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    fn next(&self) -> [u8; 16] {
        bits(self.seed, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Returns the `number`th bits of a seeded run, or random ones.
fn bits(seed: Option<u64>, number: u64) -> [u8; 16] {
    match seed {
        Some(seed) => crate::fault::seeded_bits(seed, number),
        None => rand::random(),
    }
}

/// Encodes to 22 characters.
fn encode(bytes: [u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

const MACHINE_LEN: usize = 7;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn connection_ids_have_the_form_of_the_services() {
        for seed in [None, Some(7)] {
            let ids = Ids::new(seed);
            let made: Vec<_> = (0..4000).map(|_| ids.connection()).collect();
            for id in &made {
                assert_eq!(id.len(), 31, "{id}");
                assert!(id.ends_with("02"), "{id}");
                let is_base64url = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
                assert!(id.chars().all(is_base64url), "{id}");
            }
            assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), made.len());
            for first in ['-', '_'] {
                assert!(made.iter().any(|id| id.starts_with(first)), "{seed:?}");
            }
        }
    }

    #[test]
    fn a_seed_makes_the_same_ids_again() {
        let made = |seed| {
            let ids = Ids::new(seed);
            [
                ids.connection(),
                ids.unique(),
                ids.connection(),
                ids.key().to_owned(),
            ]
        };
        assert_eq!(made(Some(1)), made(Some(1)));
        assert_ne!(made(Some(1)), made(Some(2)));
        assert_ne!(made(None), made(None));
        assert_eq!(made(Some(1))[1].len(), 32);
    }
}
