//! The order in which the service lists connection ids: that of .NET's invariant
//! culture, for the characters that ids contain. Pure.

use std::cmp::Ordering;

/// Compares two ids: `_` and `-` come before digits, digits before letters,
/// letters without case; where only case differs, lower case comes first. Any
/// text has a place: other punctuation before the digits, other scripts after
/// the letters.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let weights = left.chars().map(weight).cmp(right.chars().map(weight));
    let cases = || {
        let is_capital = |c: char| c.is_ascii_uppercase();
        left.chars()
            .map(is_capital)
            .cmp(right.chars().map(is_capital))
    };
    weights.then_with(cases)
}

/// Returns the class of a character and its place in it.
fn weight(character: char) -> (u8, char) {
    let class = match character {
        '_' => 0,
        '-' => 1,
        '0'..='9' => 3,
        'a'..='z' | 'A'..='Z' => 4,
        '\0'..='\x7f' => 2,
        _ => 5,
    };
    (class, character.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_before_digits_and_digits_before_letters_without_case() {
        let sorted = [
            "", "_", "__", "_-", "_a", "-", "-_", "-0", ":", "0", "0_", "9z", "a", "A", "a-", "aa",
            "aA", "Aa", "ab", "B", "z", "ü",
        ];
        for (index, left) in sorted.iter().enumerate() {
            for (other, right) in sorted.iter().enumerate() {
                assert_eq!(compare(left, right), index.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn recorded_pages_follow_one_another() {
        // The first ids of recorded pages, which are the greatest of each.
        for pages in [
            [
                "MakDGZKW2X9sepRAdxLKFwD4EB9Aa02",
                "o8Y7e0ghQzPfI1hkBoLt_gD4EB9Aa02",
            ],
            [
                "0SRIEk-rly_5bspVMWu9xQTxxhLga02",
                "sm6FGW0O9zDu5GGy2wCJxATxxhLga02",
            ],
            [
                "_dpeZtoUbGgGF-EK06RDQQIQBg-Qa02",
                "0SRIEk-rly_5bspVMWu9xQTxxhLga02",
            ],
            [
                "ZaWNbPsuKA7eFlBzSj2hIQIQBg-Qa02",
                "zTOHzs1x481uqZjYNAfeCATxxhLga02",
            ],
        ] {
            assert_eq!(compare(pages[0], pages[1]), Ordering::Less);
        }
    }
}
