//! Phrases that a native reader stumbles over, with what to write instead.

use super::source::Source;

/// Returns each occurrence of the phrases in code, comments and documents, across line breaks too.
pub(super) fn problems(sources: &[Source]) -> Vec<String> {
    let phrases: Vec<(Vec<Piece<'_>>, &str)> = PHRASES
        .iter()
        .map(|(phrase, instead)| (phrase.split(' ').map(Piece::new).collect(), *instead))
        .collect();
    let mut problems = Vec::new();
    for source in sources.iter().filter(|source| is_read(source)) {
        let text = words(&source.text);
        for (start, first) in text.iter().enumerate() {
            let rest = &text[start..];
            for (phrase, instead) in &phrases {
                if let Some(length) = length(phrase, rest) {
                    let found: Vec<&str> = rest[..length].iter().map(|word| word.text).collect();
                    let found = found.join(" ").to_lowercase();
                    let problem = format!("\"{found}\": write {instead} instead");
                    problems.push(source.problem(first.line, problem));
                }
            }
            if is_subject(&text, start) {
                let problem =
                    "\"Who …\" as a subject: write \"Callers that …\" or what it is instead";
                problems.push(source.problem(first.line, problem));
            }
        }
    }
    problems
}

fn is_read(source: &Source) -> bool {
    // Two of them list what not to write, and one repeats the names of cells, which are data.
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
    /// The punctuation mark that follows.
    mark: Option<char>,
}

impl Word<'_> {
    fn ends_a_clause(&self) -> bool {
        self.mark.is_some()
    }

    fn ends_a_sentence(&self) -> bool {
        matches!(self.mark, Some('.' | '?' | '!'))
    }
}

fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for piece in line.split_whitespace() {
            let word = piece.trim_matches(|c: char| !c.is_alphanumeric());
            if word.is_empty() {
                continue;
            }
            let marks = ['.', ',', ';', ':', '?', '!', ')', '"'];
            found.push(Word {
                text: word,
                line: index + 1,
                mark: piece.chars().next_back().filter(|c| marks.contains(c)),
            });
        }
    }
    found
}

/// One piece of a phrase.
enum Piece<'a> {
    /// `…`: up to three words of the same clause.
    Gap,
    /// `~word`: a match only if this word does not follow.
    NotBefore(&'a str),
    /// `-end`: a word with this suffix.
    Suffix(&'a str),
    /// `word`, or `word.` only at the end of a clause.
    Word(&'a str, bool),
}

impl<'a> Piece<'a> {
    fn new(text: &'a str) -> Self {
        match text.chars().next() {
            Some('…') => Self::Gap,
            Some('~') => Self::NotBefore(&text[1..]),
            Some('-') => Self::Suffix(&text[1..]),
            _ => match text.strip_suffix('.') {
                Some(word) => Self::Word(word, true),
                None => Self::Word(text, false),
            },
        }
    }
}

/// Returns how many words of the text the phrase matches, if the text begins with it.
fn length(phrase: &[Piece<'_>], text: &[Word<'_>]) -> Option<usize> {
    let Some((piece, rest)) = phrase.split_first() else {
        return Some(0);
    };
    match piece {
        Piece::Gap => (0..=3)
            .take_while(|&gap| gap == 0 || text.get(gap - 1).is_some_and(|it| !it.ends_a_clause()))
            .find_map(|gap| Some(gap + length(rest, text.get(gap..)?)?)),
        Piece::NotBefore(word) => {
            let follows = text
                .first()
                .is_some_and(|it| it.text.eq_ignore_ascii_case(word));
            if follows { None } else { length(rest, text) }
        }
        Piece::Suffix(end) => {
            let first = text.first()?;
            first.text.to_lowercase().ends_with(end).then_some(1)
        }
        Piece::Word(word, at_end) => {
            let first = text.first()?;
            let is_last = rest
                .iter()
                .all(|piece| matches!(piece, Piece::NotBefore(_)));
            let is_it = first.text.eq_ignore_ascii_case(word)
                && (!at_end || first.ends_a_clause())
                && (is_last || !first.ends_a_clause());
            if !is_it {
                return None;
            }
            // The phrase does not extend past the end of a clause.
            if is_last && first.ends_a_clause() {
                return Some(1);
            }
            Some(1 + length(rest, &text[1..])?)
        }
    }
}

/// Whether a sentence that is not a question begins with "Who" here.
fn is_subject(text: &[Word<'_>], start: usize) -> bool {
    // A capital begins a sentence; a table heading is followed by a mark.
    text[start].text == "Who"
        && !text[start].ends_a_clause()
        && text[start..]
            .iter()
            .find(|word| word.ends_a_sentence())
            .is_some_and(|word| word.mark != Some('?'))
}

const PHRASES: &[(&str, &str)] = &[
    ("-manieth", "\"every n-th\" or \"ordinal\""),
    ("after which silence", "\"how long … may be idle\""),
    ("anew", "\"again\""),
    ("are not told.", "\"are not reported\""),
    (
        "before the service knew it",
        "\"before the service accepted it\"",
    ),
    ("begins to build", "\"returns a builder for\""),
    ("can be had", "\"is available\""),
    ("can be told.", "\"can be represented\" or \"is known\""),
    ("can still be told", "\"can still be represented\""),
    ("cause is told", "\"cause is reported\""),
    ("close … in order ~to", "\"gracefully\""),
    ("closed … in order ~to", "\"gracefully\""),
    ("closes … in order ~to", "\"gracefully\""),
    ("could be had", "\"fails to get\""),
    ("end … in order ~to", "\"gracefully\""),
    ("ended … in order ~to", "\"gracefully\""),
    ("ends … in order ~to", "\"gracefully\""),
    ("ends the set-up", "\"builds the …\""),
    ("for ever", "\"forever\" or \"without end\""),
    ("goes either way", "\"is closed in both cases\""),
    ("good for", "\"valid for\""),
    ("have to be told", "\"have to be reported\""),
    (
        "how often and how patiently",
        "\"how many retries, and the delays between them\"",
    ),
    ("is over.", "\"has ended\" or \"has elapsed\""),
    ("may it have been done", "\"may it have taken effect\""),
    ("of your own making", "\"custom\""),
    ("passed over", "\"ignored\""),
    ("passes over", "\"ignores\""),
    ("reason is told", "\"reason is reported\""),
    ("says something by itself", "\"sends a keep-alive\""),
    ("shows … credential", "\"authenticates with\""),
    ("the answer makes no sense", "\"the response is malformed\""),
    ("to who waits", "\"to the first waiter\""),
    ("told beforehand", "\"known beforehand\""),
    ("unless set", "\"default: …\""),
    ("until when it is of use", "\"time to live\""),
    ("wait to be told", "\"wait to be reported\""),
    ("weakness of security", "\"vulnerability\""),
    ("what is spoken", "\"the subprotocol\""),
    ("whether somebody is there", "\"existence checks\""),
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
    fn each_phrase_is_refused() {
        for (text, expected) in [
            ("On each so-manieth occasion", "so-manieth"),
            ("The how-manieth connection it is", "how-manieth"),
            ("Ends the set-up.", "ends the set-up"),
            ("Begins to build a webhook.", "begins to build"),
            (
                "closed before the service knew it",
                "before the service knew it",
            ),
            ("must end in a year that can be told.", "can be told"),
            (
                "dates that far away can still be told.",
                "can still be told",
            ),
            ("the reason is told", "reason is told"),
            ("changes of groups are not told.", "are not told"),
            ("no token could be had", "could be had"),
            ("may it have been done", "may it have been done"),
            (
                "because the answer makes no sense",
                "the answer makes no sense",
            ),
            ("a client that shows its credential", "shows its credential"),
            ("and until when it is of use", "until when it is of use"),
            ("Sets what is spoken", "what is spoken"),
            (
                "Sets after which silence it is given up",
                "after which silence",
            ),
            ("random unless set.", "unless set"),
            (
                "a stream says something by itself",
                "says something by itself",
            ),
            (
                "How often and how patiently it is tried",
                "how often and how patiently",
            ),
            ("Whether somebody is there.", "whether somebody is there"),
            ("with a transport of your own making", "of your own making"),
            ("A weakness of security", "weakness of security"),
            ("ready to who waits", "to who waits"),
            ("the socket goes either way", "goes either way"),
            ("frame passed over", "passed over"),
            ("Once the stream is over, go", "is over"),
            (
                "Closes the connection in order and waits",
                "closes the connection in order",
            ),
            ("The connection is closed in order.", "closed in order"),
            (
                "A stream has ended in order: all is taken",
                "ended in order",
            ),
            ("valid and good for an hour", "good for"),
            ("It begins anew.", "anew"),
            ("It waits for ever.", "for ever"),
        ] {
            let text = format!("// {text}\n");
            let problems = check("crates/x/src/a.rs", &text);
            let start = format!("crates/x/src/a.rs:1: \"{expected}\": ");
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert!(problems[0].starts_with(&start), "{problems:?}");
        }
    }

    #[test]
    fn who_is_no_subject() {
        for text in [
            "/// Who waits for an answer.\nstruct A;\n",
            "//! All of it. Who wants\n//! less takes a part.\n",
        ] {
            let problems = check("a.rs", text);
            assert_eq!(problems.len(), 1, "{text}");
            assert!(problems[0].contains("\"Who …\""), "{problems:?}");
        }
        for text in ["Who can read it?", "Those who wait.", "| Who | What |"] {
            assert_eq!(check("a.md", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn in_order_may_still_mean_one_after_the_other() {
        for text in [
            "Closes them in order to make room.",
            "Events in order; closes when the client does.",
            "Arrives whole and in order.",
        ] {
            assert_eq!(check("a.md", text), [""; 0], "{text}");
        }
    }

    #[test]
    fn other_words_and_other_files_are_left_alone() {
        let text = "// renewed, set unless told, good, for\n";
        assert_eq!(check("a.rs", text), [""; 0]);
        assert_eq!(check("CONTRIBUTING.md", "anew"), [""; 0]);
        assert_eq!(check("tests/vectors/a.json", "anew"), [""; 0]);
    }
}
