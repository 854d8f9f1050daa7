//! What commands read: standard input, which only one option may have, and files.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::failure::{Failure, Result};

/// What ends the input of a terminal.
const END_OF_INPUT: &str = if cfg!(windows) {
    "Ctrl-Z and Enter"
} else {
    "Ctrl-D"
};

/// The option that reads standard input.
static READER: OnceLock<&str> = OnceLock::new();

/// Takes standard input for an option or argument; a second one is refused.
pub(crate) fn take(reader: &'static str) -> Result<StandardInput> {
    match READER.set(reader) {
        Ok(()) => Ok(StandardInput { reader }),
        Err(_) => Err(Failure::usage(format!(
            "{reader} and {} cannot both read standard input",
            READER.get().copied().unwrap_or_default()
        ))),
    }
}

/// Standard input, which belongs to one reader.
#[derive(Debug)]
pub(crate) struct StandardInput {
    reader: &'static str,
}

impl StandardInput {
    /// Reads it to its end.
    pub(crate) fn read_all(self, max: usize) -> Result<Bytes> {
        if io::stdin().is_terminal() {
            crate::output::say(&format!(
                "azwire: reading {} from the terminal; end it with {END_OF_INPUT}",
                self.reader
            ));
        }
        read(self.reader, io::stdin().lock(), max)
    }

    /// Returns it as a stream of bytes.
    pub(crate) fn stream(self) -> tokio::io::Stdin {
        tokio::io::stdin()
    }

    /// Returns its lines as they come.
    pub(crate) fn lines(self) -> Lines<BufReader<tokio::io::Stdin>> {
        Lines {
            option: self.reader,
            from: BufReader::new(tokio::io::stdin()),
            line: Vec::new(),
        }
    }
}

/// The lines of an input.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    option: &'static str,
    from: R,
    /// What is read of the next one.
    line: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    /// Returns the next line without its end; `None` after the last one.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self, max: usize) -> Result<Option<String>> {
        // One byte more, and a line break of two.
        let room = (max + 3).saturating_sub(self.line.len());
        let mut limited = (&mut self.from).take(u64::try_from(room).unwrap_or(u64::MAX));
        limited
            .read_until(b'\n', &mut self.line)
            .await
            .map_err(|error| Failure::usage(format!("{}: {error}", self.option)))?;
        let mut line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return Ok(None);
        }
        if line.ends_with(b"\n") {
            line.pop();
            if line.ends_with(b"\r") {
                line.pop();
            }
        }
        if line.len() > max {
            let text = format!("{}: a line must be at most {max} bytes", self.option);
            return Err(Failure::usage(text));
        }
        let line = String::from_utf8(line)
            .map_err(|_| Failure::usage(format!("{}: a line must be UTF-8", self.option)))?;
        Ok(Some(line))
    }
}

/// Whether a person types the input.
pub(crate) fn is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Reads a whole file.
pub(crate) fn read_file(option: &str, path: &Path, max: usize) -> Result<Bytes> {
    let file = File::open(path)
        .map_err(|error| Failure::usage(format!("{option} {}: {error}", path.display())))?;
    read(option, file, max)
}

fn read(option: &str, from: impl Read, max: usize) -> Result<Bytes> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    from.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("{option}: cannot be read: {error}")))?;
    if bytes.len() > max {
        return Err(Failure::usage(format!(
            "{option}: must be at most {max} bytes"
        )));
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_without_end_is_refused() {
        let failure = read("--data", io::repeat(b'x'), 10).unwrap_err();
        assert_eq!(failure.to_string(), "--data: must be at most 10 bytes");
        assert_eq!(read("--data", &b"0123456789"[..], 10).unwrap().len(), 10);
    }

    #[tokio::test]
    async fn lines_are_read_without_their_ends() {
        let lines = |from: &'static [u8]| Lines {
            option: "DATA",
            from,
            line: Vec::new(),
        };
        let mut all = lines(b"one\r\n\ntwo\nthree");
        for line in ["one", "", "two", "three"] {
            assert_eq!(all.next(5).await.unwrap().as_deref(), Some(line));
        }
        assert_eq!(all.next(5).await.unwrap(), None);
        assert_eq!(
            lines(b"12345\r\n").next(5).await.unwrap().as_deref(),
            Some("12345")
        );
        for (wrong, named) in [
            (&b"123456\n"[..], "5 bytes"),
            (b"12345678901", "5 bytes"),
            (b"\xff", "UTF-8"),
        ] {
            let failure = lines(wrong).next(5).await.unwrap_err().to_string();
            assert!(failure.contains(named), "{failure}");
        }
    }

    #[test]
    fn standard_input_has_one_reader() {
        take("--first").unwrap();
        let failure = take("--second").unwrap_err().to_string();
        assert_eq!(
            failure,
            "--second and --first cannot both read standard input"
        );
    }
}
