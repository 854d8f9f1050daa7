//! What goes to standard output: lines for people, or JSON for programs.

use std::fmt;
use std::io::{self, Write as _};

use serde::Serialize;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::format::Format;

/// Standard output in the chosen form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Prints a result: `text` for people, `json` for programs, each as one line.
    pub(crate) fn print(self, text: impl fmt::Display, json: &impl Serialize) -> Result<()> {
        match self.format {
            Format::Text => self.write(format!("{text}\n").as_bytes()),
            Format::Json => self.json(json),
        }
    }

    /// Reports work that is done: `json` for programs, nothing for people, who see that no error
    /// comes.
    pub(crate) fn done(self, json: &impl Serialize) -> Result<()> {
        match self.format {
            Format::Text => Ok(()),
            Format::Json => self.json(json),
        }
    }

    fn json(self, value: &impl Serialize) -> Result<()> {
        let line = serde_json::to_string(value).map_err(|error| {
            let text = format!("the result has no form in JSON: {error}");
            Failure::new(Exit::Failed, text)
        })?;
        self.write(format!("{line}\n").as_bytes())
    }

    /// Writes bytes as they are, and flushes.
    pub(crate) fn write(self, bytes: &[u8]) -> Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)
            .and_then(|()| out.flush())
            .map_err(|error| Failure::io("standard output", &error))
    }
}

/// Writes a line to standard error. Whoever started the process may have closed it; the exit code
/// says what matters.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
