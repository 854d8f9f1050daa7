//! Wildcard patterns for names of groups and events. Pure.
//!
//! Source: Web PubSub's article on wildcard group roles; for events Microsoft's
//! emulator, which has the same wildcards.

use std::fmt;

/// A pattern for names, whose characters are UTF-16 units, as in .NET.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Letter(u16),
    /// `?`: one character except a dot.
    One,
    /// `*`: any number of characters except dots.
    Many,
    /// `**` and more: any number of characters.
    All,
}

impl Pattern {
    /// Parses a pattern; `None` if it is empty, an escape is invalid, or it has
    /// more than `most` of `*`.
    pub(crate) fn parse(text: &str, most: usize) -> Option<Self> {
        let mut parts = Vec::new();
        let mut stars = 0;
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            parts.push(match letter {
                '?' => Part::One,
                '*' => {
                    let before = stars;
                    stars += 1;
                    while letters.next_if_eq(&'*').is_some() {
                        stars += 1;
                    }
                    if stars - before > 1 {
                        Part::All
                    } else {
                        Part::Many
                    }
                }
                '\\' => match letters.next()? {
                    escaped @ ('\\' | '*' | '?') => Part::Letter(escaped as u16),
                    _ => return None,
                },
                other => {
                    let mut units = [0; 2];
                    let units = other.encode_utf16(&mut units);
                    parts.extend(units.iter().map(|unit| Part::Letter(*unit)));
                    continue;
                }
            });
        }
        (stars <= most && !parts.is_empty()).then_some(Self(parts))
    }

    /// Whether the whole of `name` matches, in O(name × pattern) time.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.fits(name, |own, other| own == other)
    }

    /// The same, ignoring case.
    pub(crate) fn matches_without_case(&self, name: &str) -> bool {
        let capital = |unit: u16| {
            let letter = char::from_u32(unit.into());
            letter.map(|letter| letter.to_uppercase().to_string())
        };
        self.fits(name, |own, other| {
            own == other || capital(own).is_some_and(|own| Some(own) == capital(other))
        })
    }

    fn fits(&self, name: &str, is_same: impl Fn(u16, u16) -> bool) -> bool {
        // Which prefixes of the pattern match what has been read so far.
        let mut fits = vec![false; self.0.len() + 1];
        fits[0] = true;
        self.skip_empty(&mut fits);
        for letter in name.encode_utf16() {
            let mut next = vec![false; fits.len()];
            for (index, part) in self.0.iter().enumerate() {
                if !fits[index] {
                    continue;
                }
                match part {
                    Part::Letter(own) => next[index + 1] |= is_same(*own, letter),
                    Part::One => next[index + 1] |= letter != DOT,
                    Part::Many => next[index] |= letter != DOT,
                    Part::All => next[index] = true,
                }
            }
            self.skip_empty(&mut next);
            fits = next;
        }
        fits[self.0.len()]
    }

    /// Wildcards for any number of characters also match none.
    fn skip_empty(&self, fits: &mut [bool]) {
        for (index, part) in self.0.iter().enumerate() {
            if matches!(part, Part::Many | Part::All) {
                fits[index + 1] |= fits[index];
            }
        }
    }
}

/// As it would be parsed.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = Vec::new();
        for part in &self.0 {
            match part {
                Part::Letter(unit) => {
                    if ['\\', '*', '?'].map(|letter| letter as u16).contains(unit) {
                        units.push(u16::from(b'\\'));
                    }
                    units.push(*unit);
                }
                Part::One => units.push(u16::from(b'?')),
                Part::Many => units.push(u16::from(b'*')),
                Part::All => units.extend([u16::from(b'*'); 2]),
            }
        }
        f.write_str(&String::from_utf16_lossy(&units))
    }
}

const DOT: u16 = b'.' as u16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_counts_only_where_it_is_asked_for() {
        let pattern = Pattern::parse("E?x*", usize::MAX).unwrap();
        assert!(pattern.matches("Ebx") && !pattern.matches("ebx"));
        assert!(pattern.matches_without_case("eBXtra") && !pattern.matches_without_case("eBy"));
        let pattern = Pattern::parse("É😀", usize::MAX).unwrap();
        assert!(pattern.matches_without_case("é😀") && !pattern.matches_without_case("é😁"));
    }

    #[test]
    fn a_pattern_is_shown_as_it_is_parsed() {
        for text in ["room-*", "a?.**", r"\*\?\\😀*", "x"] {
            let pattern = Pattern::parse(text, usize::MAX).unwrap();
            assert_eq!(pattern.to_string(), text);
            assert_eq!(
                Pattern::parse(&pattern.to_string(), usize::MAX),
                Some(pattern)
            );
        }
    }

    #[test]
    fn a_run_of_stars_is_one_wildcard() {
        let pattern = Pattern::parse("a***b", 5).unwrap();
        assert!(pattern.matches("a.x.b"));
        assert_eq!(Pattern::parse("a***b", 2), None);
        assert_eq!(Pattern::parse("", 5), None);
    }
}
