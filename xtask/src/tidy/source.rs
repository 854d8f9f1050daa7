//! The text files of the repository.

use std::fs;

use crate::process::{self, Failure};

/// A file that git tracks or would add, by its path from the root.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    /// Reads all files, except those that are not text.
    pub(super) fn all() -> Result<Vec<Self>, Failure> {
        let arguments = [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ];
        let listed = process::capture(std::process::Command::new("git").args(arguments))?;
        let mut paths: Vec<&str> = listed.split_terminator('\0').collect();
        paths.sort_unstable();
        // A file whose removal is not committed yet is still listed.
        let read = paths
            .into_iter()
            .filter_map(|path| Some(Self::new(path, fs::read_to_string(path).ok()?)));
        Ok(read.collect())
    }

    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    pub(super) fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path
            .rsplit_once('.')
            .is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Returns the lines with their numbers, from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }

    /// Formats a problem with its location.
    pub(super) fn problem(&self, line: usize, text: impl AsRef<str>) -> String {
        format!("{}:{line}: {}", self.path, text.as_ref())
    }
}

/// Returns the part above a file's inline test module; a test module in a separate file does not
/// count.
pub(super) fn above_tests(text: &str) -> &str {
    for (end, _) in text.match_indices("\n#[cfg(") {
        let mut lines = text[end + 1..].lines();
        let condition = lines.next().unwrap_or_default();
        let module = lines.next().unwrap_or_default();
        // Some tests need a feature, too.
        let is_test = condition == "#[cfg(test)]" || condition.starts_with("#[cfg(all(test, ");
        if is_test && module.starts_with("mod ") && module.ends_with('{') {
            return &text[..=end];
        }
    }
    text
}

/// Returns Rust code with the contents of comments and literals blanked; lines keep their numbers.
pub(super) fn without_comments_and_literals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => end_of_line(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => end_of_block_comment(&chars, at),
            '"' => end_of_string(&chars, at),
            'r' if !follows_a_word(&chars, at) => end_of_raw_string(&chars, at).unwrap_or(at),
            '\'' => end_of_char(&chars, at).unwrap_or(at),
            _ => at,
        };
        if end == at {
            code.push(chars[at]);
            at += 1;
        } else {
            code.extend(
                chars[at..end]
                    .iter()
                    .map(|&c| if c == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    code
}

fn end_of_line(chars: &[char], start: usize) -> usize {
    chars[start..]
        .iter()
        .position(|&c| c == '\n')
        .map_or(chars.len(), |length| start + length)
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '"' => return at + 1,
            '\\' => at += 2,
            _ => at += 1,
        }
    }
    chars.len()
}

/// Returns the end of `r"..."` or `r#"..."#`; `None` if this is only a name.
fn end_of_raw_string(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars[start + 1..].iter().take_while(|&&c| c == '#').count();
    let inside = start + 1 + hashes + 1;
    if chars.get(inside - 1) != Some(&'"') {
        return None;
    }
    let closes = |at: &usize| {
        chars[*at] == '"' && chars[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes
    };
    Some(
        (inside..chars.len())
            .find(closes)
            .map_or(chars.len(), |at| at + 1 + hashes),
    )
}

/// Returns the end of a character literal; `None` if this is a lifetime.
fn end_of_char(chars: &[char], start: usize) -> Option<usize> {
    match chars[start + 1..] {
        ['\\', _, ..] => chars[start + 3..]
            .iter()
            .position(|&c| c == '\'')
            .map(|length| start + 3 + length + 1),
        [_, '\'', ..] => Some(start + 3),
        _ => None,
    }
}

/// Whether the character continues a name, or a literal prefix such as `br`.
fn follows_a_word(chars: &[char], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|index| chars[index]);
    match before(1) {
        Some('b' | 'c') => before(2).is_some_and(|c| c.is_alphanumeric() || c == '_'),
        Some(c) => c.is_alphanumeric() || c == '_',
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_in_another_file_end_nothing() {
        let head = "#[cfg(test)]\nmod tests;\n\nuse super::a;\n";
        assert_eq!(above_tests(head), head);
        let text = format!("mod a;\n\n{head}\n#[cfg(test)]\nmod more {{\n    use super::*;\n}}\n");
        assert_eq!(above_tests(&text), format!("mod a;\n\n{head}\n"));
        let text = text.replace("cfg(test)", "cfg(all(test, feature = \"b\"))");
        let head = head.replace("cfg(test)", "cfg(all(test, feature = \"b\"))");
        assert_eq!(above_tests(&text), format!("mod a;\n\n{head}\n"));
    }

    #[test]
    fn comments_and_literals_are_blanked() {
        let table = [
            ("a // b\nc", "a     \nc"),
            ("/// crate::x\nfn f() {}", "            \nfn f() {}"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("a \" // b") // c"#, r"f(           )     "),
            ("r\"a\\\" b", "      b"),
            ("r#\"a\" b\"# c", "          c"),
            ("br#\"a\"# c", "b       c"),
            ("for_r(r)", "for_r(r)"),
            ("'a' 'b", "    'b"),
            (r"'\'' x '\u{41}' y", "     x          y"),
            ("&'a str, '\"', \"", "&'a str,    ,  "),
        ];
        for (code, expected) in table {
            assert_eq!(without_comments_and_literals(code), expected, "{code:?}");
        }
    }
}
