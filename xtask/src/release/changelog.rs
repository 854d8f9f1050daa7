//! The changelog: its format, missing entries, and cutting a release. Pure.

use crate::process::Failure;

/// Returns the violations of the format: the line and a text for each.
///
/// `Unreleased` comes first; each release is `VERSION - YYYY-MM-DD`; it has a
/// section for each crate, which has the kinds of Keep a Changelog, each with
/// at least one entry.
pub(crate) fn problems(text: &str, packages: &[&str]) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    let mut releases = 0;
    let mut empty_kind = None;
    for (number, heading) in headings(text) {
        if let Some(kind) = empty_kind.replace((number, heading)) {
            problems.extend(without_entries(text, kind, number));
        }
        match heading {
            (2, UNRELEASED) if releases == 0 => releases += 1,
            (2, title) => {
                if releases == 0 || !is_release(title) {
                    problems.push((
                        number,
                        format!(
                            "`{title}` is not `VERSION - YYYY-MM-DD`, or is before `{UNRELEASED}`"
                        ),
                    ));
                }
                releases += 1;
            }
            (3, title) if !packages.contains(&title) => {
                problems.push((number, format!("`{title}` is not a published package")));
            }
            (4, title) if !KINDS.contains(&title) => {
                problems.push((number, format!("`{title}` is none of {}", KINDS.join(", "))));
            }
            _ => {}
        }
    }
    if let Some(kind) = empty_kind {
        problems.extend(without_entries(text, kind, text.lines().count() + 1));
    }
    if releases == 0 {
        problems.push((1, format!("there is no section `{UNRELEASED}`")));
    }
    problems
}

/// Returns those of `packages` without an entry under `Unreleased`.
pub(super) fn missing<'a>(text: &str, packages: &[&'a str]) -> Vec<&'a str> {
    let mut with_entry = Vec::new();
    let mut release = "";
    let mut package = "";
    for line in text.lines() {
        match heading(line) {
            Some((2, title)) => (release, package) = (title, ""),
            Some((3, title)) => package = title,
            None if release == UNRELEASED && line.starts_with("- ") => with_entry.push(package),
            _ => {}
        }
    }
    let lacks = |package: &&&str| !with_entry.contains(*package);
    packages.iter().filter(lacks).copied().collect()
}

/// Returns the changelog with everything unreleased moved to `version`.
pub(super) fn cut(text: &str, version: &str, date: &str) -> Result<String, Failure> {
    let title = format!("## {version} - {date}");
    let taken = format!("## {version} ");
    if text.lines().any(|line| line.starts_with(&taken)) {
        return Err(Failure::new(format!("the changelog already has {version}")));
    }
    let unreleased = format!("## {UNRELEASED}");
    let Some((before, after)) = text.split_once(&format!("{unreleased}\n")) else {
        return Err(Failure::new(format!(
            "the changelog has no section `{UNRELEASED}`"
        )));
    };
    Ok(format!("{before}{unreleased}\n\n{title}\n{after}"))
}

/// Formats seconds since the epoch as the changelog's date in UTC.
///
/// The Gregorian calendar in eras of 400 years that begin in March, so that the
/// leap day is the last of a year.
pub(super) fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next_year)
}

type Heading<'a> = (usize, &'a str);

fn headings(text: &str) -> impl Iterator<Item = (usize, Heading<'_>)> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, heading(line)?)))
}

/// Returns the level and the title of a heading.
fn heading(line: &str) -> Option<Heading<'_>> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    (level > 0 && title.starts_with(' ')).then(|| (level, title.trim()))
}

/// Returns the violation of a section that ends before the line `end` without an entry.
fn without_entries(
    text: &str,
    (start, (level, title)): (usize, Heading<'_>),
    end: usize,
) -> Option<(usize, String)> {
    let mut lines = text.lines().skip(start).take(end - start - 1);
    (level == 4 && !lines.any(|line| line.starts_with("- ")))
        .then(|| (start, format!("`{title}` has no entry")))
}

fn is_release(title: &str) -> bool {
    let Some((version, date)) = title.split_once(" - ") else {
        return false;
    };
    let digits =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let date: Vec<&str> = date.split('-').collect();
    super::version::Version::parse(version).is_ok()
        && matches!(date[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
}

const UNRELEASED: &str = "Unreleased";
const KINDS: &[&str] = &[
    "Added",
    "Changed",
    "Deprecated",
    "Fixed",
    "Removed",
    "Security",
];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# Changelog

## Unreleased

Needs a newer compiler.

### azwire-auth

#### Added

- Tokens.

### azwire-relay

## 0.1.0 - 2026-01-31

### azwire-relay

#### Fixed

- A stumble.
";
    const PACKAGES: &[&str] = &["azwire-auth", "azwire-relay"];

    #[test]
    fn a_good_changelog_has_no_problems() {
        assert_eq!(problems(TEXT, PACKAGES), []);
    }

    #[test]
    fn each_fault_of_form_is_found_at_its_line() {
        let table = [
            ("# Changelog\n", 1, "there is no section"),
            ("## 0.1.0 - 2026-01-31\n## Unreleased\n", 1, "is before"),
            ("## Unreleased\n## 0.1\n", 2, "is not `VERSION"),
            ("## Unreleased\n## 0.1.0 - today\n", 2, "is not `VERSION"),
            (
                "## Unreleased\n### azwire-other\n",
                2,
                "not a published package",
            ),
            (
                "## Unreleased\n### azwire-auth\n#### New\n- a\n",
                3,
                "is none of Added",
            ),
            (
                "## Unreleased\n### azwire-auth\n#### Added\n",
                3,
                "has no entry",
            ),
            (
                "## Unreleased\n### azwire-auth\n#### Added\n\n#### Fixed\n- a\n",
                3,
                "has no entry",
            ),
        ];
        for (text, line, words) in table {
            let found = problems(text, PACKAGES);
            assert!(
                found
                    .iter()
                    .any(|(number, text)| *number == line && text.contains(words)),
                "{text:?}: {found:?}"
            );
        }
    }

    #[test]
    fn only_an_unreleased_entry_counts() {
        assert_eq!(missing(TEXT, PACKAGES), ["azwire-relay"]);
        assert_eq!(missing(TEXT, &["azwire-auth"]), [""; 0]);
        assert_eq!(missing("", PACKAGES), PACKAGES);
    }

    #[test]
    fn a_cut_gives_what_was_unreleased_its_version() {
        let cut = cut(TEXT, "0.2.0", "2026-03-01").unwrap();
        assert!(
            cut.starts_with(
                "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2026-03-01\n\nNeeds a newer compiler.\n"
            ),
            "{cut}"
        );
        assert_eq!(problems(&cut, PACKAGES), []);
        assert_eq!(missing(&cut, PACKAGES), PACKAGES);
    }

    #[test]
    fn a_version_is_cut_once() {
        assert!(cut(TEXT, "0.1.0", "2026-03-01").is_err());
        assert!(cut("# Changelog\n", "0.1.0", "2026-03-01").is_err());
    }

    #[test]
    fn dates_follow_the_calendar() {
        const DAY: u64 = 86_400;
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (59 * DAY, "1970-03-01"),
            (951_782_400, "2000-02-29"),
            (951_782_400 + DAY, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
