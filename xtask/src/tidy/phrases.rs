//! Phrases that a native reader stumbles about, with what to write instead.

use super::source::Source;

/// Each place where one of the phrases stands, in code, comments and documents, over line breaks too.
pub(super) fn problems(sources: &[Source]) -> Vec<String> {
    let phrases: Vec<(Vec<Word<'_>>, &str, &str)> = PHRASES
        .iter()
        .map(|(phrase, instead)| (words(phrase), *phrase, *instead))
        .collect();
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| is_read(source)) {
        let text = words(&source.text);
        for start in 0..text.len() {
            for (phrase, name, instead) in &phrases {
                let found = text[start..].len() >= phrase.len()
                    && text[start..].iter().zip(phrase).enumerate().all(
                        |(index, (here, wanted))| {
                            let is_last = index + 1 == phrase.len();
                            here.text.eq_ignore_ascii_case(wanted.text)
                                && (!wanted.ends_a_clause || here.ends_a_clause)
                                && (is_last || !here.ends_a_clause)
                        },
                    );
                if found {
                    let name = name.trim_end_matches('.');
                    problems.push(source.problem(
                        text[start].line,
                        format!("\"{name}\": write {instead} instead"),
                    ));
                }
            }
        }
    }
    problems
}

fn is_read(source: &Source) -> bool {
    // Two say what not to write, and one repeats the names of cells, which are data.
    let is_exempt = [
        "CONTRIBUTING.md",
        "tests/conformance/README.md",
        "xtask/src/tidy/phrases.rs",
    ]
    .contains(&source.path.as_str());
    !is_exempt && source.has_extension(&["rs", "md", "toml"])
}

struct Word<'a> {
    text: &'a str,
    line: usize,
    /// Whether a mark of punctuation follows.
    ends_a_clause: bool,
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for piece in line.split_whitespace() {
            let word = piece.trim_matches(|c: char| !c.is_alphanumeric());
            if word.is_empty() {
                continue;
            }
            found.push(Word {
                text: word,
                line: index + 1,
                ends_a_clause: piece.ends_with(['.', ',', ';', ':', ')', '"']),
            });
        }
    }
    found
}

/// A full stop at the end means that the phrase counts only at the end of a clause.
const PHRASES: &[(&str, &str)] = &[
    ("anew", "again"),
    ("could be had", "\"fails to get\""),
    ("can be had", "\"is available\""),
    ("ends the set-up", "\"builds the …\""),
    ("for ever", "\"forever\" or \"without end\""),
    ("good for", "\"valid for\""),
    ("how-manieth", "\"ordinal\""),
    ("is over.", "\"has ended\" or \"has elapsed\""),
    ("may it have been done", "\"may it have taken effect\""),
    ("of your own making", "\"custom\""),
    ("passed over", "\"ignored\""),
    ("passes over", "\"ignores\""),
    ("so-manieth", "\"every n-th\""),
    ("the answer makes no sense", "\"the response is malformed\""),
    ("unless set", "\"default: …\""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str) -> Vec<String> {
        problems(&[Source::new(path, text)])
    }

    #[test]
    fn a_phrase_is_found_over_a_line_break_and_in_any_case() {
        assert_eq!(
            check(
                "crates/x/src/a.rs",
                "/// The limit; 5 Unless\n    /// set.\n"
            ),
            ["crates/x/src/a.rs:1: \"unless set\": write \"default: …\" instead"]
        );
        assert_eq!(check("README.md", "It begins anew.").len(), 1);
    }

    #[test]
    fn a_phrase_that_ends_a_clause_counts_only_there() {
        assert_eq!(check("a.rs", "// The stream is over TLS.\n"), [""; 0]);
        assert_eq!(
            check("a.rs", "// Once the stream is over, it ends.\n").len(),
            1
        );
    }

    #[test]
    fn other_words_and_other_files_are_left_alone() {
        let text = "// renewed, set unless told, good, for\n";
        assert_eq!(check("a.rs", text), [""; 0]);
        assert_eq!(check("CONTRIBUTING.md", "anew"), [""; 0]);
        assert_eq!(check("tests/vectors/a.json", "anew"), [""; 0]);
    }
}
