//! azbridge's configuration file. Every error names the file and the line.

mod local;
mod remote;
mod value;

use std::path::Path;

use auth::Secret;
use serde::Deserialize;

pub(super) use self::local::LocalEntry;
pub(super) use self::remote::RemoteEntry;
pub(super) use self::value::{Family, LogLevel, bind_host};

use self::value::{
    attempts, connect_timeout, connection_string, keep_alive, list, no_compression, secret, text,
    word,
};

use crate::failure::{Failure, Result};
use crate::input;

/// What a file says. A key without a value counts as not there: azbridge's own files have all of them so.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "PascalCase")]
pub(super) struct Document {
    #[serde(deserialize_with = "word")]
    pub(super) address_family: Option<Family>,
    #[serde(deserialize_with = "connection_string")]
    pub(super) azure_relay_connection_string: Option<Secret>,
    #[serde(deserialize_with = "text")]
    pub(super) azure_relay_endpoint: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(super) azure_relay_shared_access_key_name: Option<String>,
    #[serde(deserialize_with = "secret")]
    pub(super) azure_relay_shared_access_key: Option<Secret>,
    #[serde(deserialize_with = "secret")]
    pub(super) azure_relay_shared_access_signature: Option<Secret>,
    #[serde(deserialize_with = "text")]
    pub(super) bind_address: Option<String>,
    pub(super) clear_all_forwardings: Option<bool>,
    #[serde(deserialize_with = "no_compression")]
    compression: (),
    #[serde(rename = "CompressionLevel")]
    _compression_level: Option<u8>,
    #[serde(deserialize_with = "attempts")]
    pub(super) connection_attempts: Option<u32>,
    #[serde(deserialize_with = "connect_timeout")]
    pub(super) connect_timeout: Option<u64>,
    pub(super) exit_on_forward_failure: Option<bool>,
    pub(super) gateway_ports: Option<bool>,
    #[serde(deserialize_with = "keep_alive")]
    pub(super) keep_alive_interval: Option<u64>,
    #[serde(deserialize_with = "word")]
    pub(super) log_level: Option<LogLevel>,
    #[serde(deserialize_with = "text")]
    pub(super) log_file_name: Option<String>,
    #[serde(deserialize_with = "list")]
    pub(super) local_forward: Vec<LocalEntry>,
    #[serde(deserialize_with = "list")]
    pub(super) remote_forward: Vec<RemoteEntry>,
}

impl Document {
    /// Reads a file; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let bytes = input::read_file("the configuration file", path, MAX_FILE)
            .map_err(|failure| failure.while_doing(path.display()))?;
        let text = str::from_utf8(&bytes)
            .map_err(|_| Failure::usage(format!("{}: the file is not UTF-8", path.display())))?;
        Self::parse(text)
            .map(Some)
            .map_err(|reason| Failure::usage(format!("{}: {reason}", path.display())))
    }

    /// Reads the text of a file, with the place in an error.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // Editors of Windows put it there.
        let text = text.trim_start_matches('\u{feff}');
        // A file of comments only has no document.
        if text.lines().all(|line| {
            matches!(line.trim().bytes().next(), None | Some(b'#')) || line.trim() == "---"
        }) {
            return Ok(Self::default());
        }
        let options = serde_saphyr::options! {
            // It would show the lines around an error, and they may have keys.
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(text, options).map_err(|error| describe(&error, text))
    }

    /// Reads `-o key:value`.
    pub(super) fn parse_option(option: &str) -> Result<Self, String> {
        let (key, value) = option
            .split_once(':')
            .ok_or("expected key:value, with a key of the configuration file")?;
        let options = serde_saphyr::options! { with_snippet: false };
        let text = format!("{}: {}\n", key.trim(), value.trim());
        serde_saphyr::from_str_with_options(&text, options)
            .map_err(|error: serde_saphyr::Error| reason(&error))
    }
}

/// Says what is wrong and where in the text, on one line.
fn describe(error: &serde_saphyr::Error, text: &str) -> String {
    let reason = reason(error);
    let Some(location) = error.location().filter(|location| location.line() > 0) else {
        return reason;
    };
    let line = location.line();
    let key = usize::try_from(line)
        .ok()
        .and_then(|line| text.lines().nth(line - 1))
        .and_then(key_on);
    match key {
        Some(key) if [BOOLEAN, NUMBER, LIST].contains(&reason.as_str()) => {
            format!("line {line}: {key}: {reason}")
        }
        _ => format!("line {line}: {reason}"),
    }
}

/// Returns the key on a line; never a part of a value, which may be a secret.
fn key_on(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(':')?;
    let key = key.trim_start_matches([' ', '-']).trim_end();
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric());
    is_key.then_some(key)
}

/// Says what is wrong.
fn reason(error: &serde_saphyr::Error) -> String {
    match error.without_snippet() {
        serde_saphyr::Error::SerdeUnknownField {
            field, expected, ..
        } => unknown_key(field, expected),
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key `{key}` is there twice")
        }
        error => {
            let text = error.to_string();
            // The place is said before.
            let text = text.split(" at line ").next().unwrap_or(&text);
            match text.trim_start_matches("error: ") {
                "invalid boolean" => BOOLEAN.to_owned(),
                "invalid i64" => NUMBER.to_owned(),
                "expected sequence start" => LIST.to_owned(),
                "expected mapping start" => "expected keys with values".to_owned(),
                text => text.to_owned(),
            }
        }
    }
}

const BOOLEAN: &str = "expected yes or no, or true or false";
const NUMBER: &str = "expected a number";
const LIST: &str = "expected a list, with `-` before each entry";

fn unknown_key(key: &str, known: &[&str]) -> String {
    let bare = |key: &str| key.replace(['_', '-'], "").to_ascii_lowercase();
    // The old files of azbridge had them in lower case, with underscores.
    match known.iter().find(|known| bare(known) == bare(key)) {
        Some(meant) => format!("unknown key `{key}`; did you mean `{meant}`?"),
        None => format!("unknown key `{key}`; expected one of {}", known.join(", ")),
    }
}

/// A thousand forwards have a tenth of it.
const MAX_FILE: usize = 1 << 20;

#[cfg(test)]
mod tests;
