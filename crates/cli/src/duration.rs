//! Lengths of time on the command line.

use std::time::Duration;

/// Parses `90`, `90s`, `15m`, `2h`, `1d`, and `250ms`; a bare number means seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let rule = "must be a whole number with ms, s, m, h or d, such as 90s or 15m";
    let number: u64 = number.parse().map_err(|_| rule)?;
    let (milliseconds, factor) = match unit {
        "ms" => (true, 1),
        "" | "s" => (false, 1),
        "m" => (false, 60),
        "h" => (false, 60 * 60),
        "d" => (false, 24 * 60 * 60),
        _ => return Err(rule.to_owned()),
    };
    let number = number.checked_mul(factor).filter(|number| *number <= MAX);
    let number = number.ok_or("must be at most 100 years")?;
    Ok(match milliseconds {
        true => Duration::from_millis(number),
        false => Duration::from_secs(number),
    })
}

/// A hundred years in seconds: sums with the time of day stay in range.
const MAX: u64 = 100 * 366 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        for (text, seconds) in [
            ("90", 90),
            ("90s", 90),
            ("15m", 900),
            ("2h", 7200),
            ("1d", 86400),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "s",
            "-1",
            "1.5h",
            "1 h",
            "1w",
            "99999999999999999999",
            "9999999d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
