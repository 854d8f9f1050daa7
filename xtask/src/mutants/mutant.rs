//! A mutant as cargo-mutants names it, and the choice of a sample.

use super::areas::Area;

/// `crates/auth/src/cache.rs:58:9: replace < with <= in TokenCache::lookup`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mutant {
    /// All of it.
    pub(super) line: String,
    pub(super) key: Key,
}

/// What names a mutant even after lines above it were added.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Key {
    pub(super) file: String,
    /// What is replaced with what, in which function.
    pub(super) change: String,
}

impl Mutant {
    /// Parses a line; `None` if it is none of cargo-mutants.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (file, rest) = line.split_once(':')?;
        let (place, change) = rest.split_once(": ")?;
        let is_place = place
            .split(':')
            .all(|number| number.parse::<usize>().is_ok());
        is_place.then(|| Self {
            line: line.to_owned(),
            key: Key {
                file: file.to_owned(),
                change: change.to_owned(),
            },
        })
    }

    /// Parses lines, and ignores empty ones.
    pub(super) fn parse_all(text: &str) -> Result<Vec<Self>, String> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines
            .map(|line| Self::parse(line).ok_or_else(|| format!("not a mutant: {line}")))
            .collect()
    }

    /// Returns the area of its file, which is one of `areas`.
    pub(super) fn area<'a>(&self, areas: &[&'a Area]) -> Option<&'a Area> {
        areas.iter().copied().find(|area| area.has(&self.key.file))
    }
}

/// Chooses `count` mutants: always the same ones for a seed, and for the most part the same ones after a
/// change of the code, since neither line numbers nor the other mutants matter.
pub(super) fn sample(mut mutants: Vec<Mutant>, count: usize, seed: u64) -> Vec<Mutant> {
    mutants.sort_by_cached_key(|mutant| (hash(seed, &mutant.key), mutant.key.clone()));
    mutants.truncate(count);
    mutants
}

/// FNV-1a, then the last step of splitmix64: without that, similar texts stay side by side.
fn hash(seed: u64, key: &Key) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let text = [key.file.as_bytes(), b":", key.change.as_bytes()].concat();
    for byte in seed.to_le_bytes().into_iter().chain(text) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// Returns a regular expression that matches this text alone.
pub(super) fn exactly(text: &str) -> String {
    let mut pattern = String::from("^");
    for character in text.chars() {
        // Not every other character may have a backslash: `\<` is the start of a word.
        if r"\.+*?()|[]{}^$#&-~".contains(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern + "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutants(count: usize) -> Vec<Mutant> {
        (0..count)
            .map(|n| Mutant::parse(&format!("a/b.rs:{n}:5: replace {n} with 0 in f")).unwrap())
            .collect()
    }

    #[test]
    fn a_mutant_is_known_without_its_place() {
        let one = Mutant::parse("src/a.rs:12:5: replace f -> &'a str with \": \"").unwrap();
        let other = Mutant::parse("src/a.rs:99:1: replace f -> &'a str with \": \"").unwrap();
        assert_eq!(one.key, other.key);
        assert_eq!(one.key.file, "src/a.rs");
        assert_eq!(one.key.change, "replace f -> &'a str with \": \"");
        for text in ["", "src/a.rs", "src/a.rs: no place", "warning: x: y"] {
            assert_eq!(Mutant::parse(text), None, "{text}");
        }
        assert!(Mutant::parse_all("\nsrc/a.rs:1:2: x\n").is_ok_and(|all| all.len() == 1));
        assert!(Mutant::parse_all("oops\n").is_err());
    }

    #[test]
    fn a_sample_depends_on_its_seed_alone() {
        let all = mutants(500);
        let chosen = sample(all.clone(), 60, 1);
        assert_eq!(chosen.len(), 60);
        let mut reversed = all.clone();
        reversed.reverse();
        assert_eq!(sample(reversed, 60, 1), chosen);
        assert_ne!(sample(all.clone(), 60, 2), chosen);
        // One mutant fewer changes one place.
        let fewer = all.into_iter().filter(|mutant| *mutant != chosen[7]);
        let again = sample(fewer.collect(), 60, 1);
        let kept = again.iter().filter(|mutant| chosen.contains(mutant));
        assert_eq!(kept.count(), 59);
        assert_eq!(sample(mutants(3), 60, 1).len(), 3);
    }

    #[test]
    fn a_pattern_takes_nothing_by_its_meaning() {
        assert_eq!(
            exactly("a/b_c.rs:1:2: replace || with && in <T as U>::f"),
            r"^a/b_c\.rs:1:2: replace \|\| with \&\& in <T as U>::f$"
        );
    }
}
