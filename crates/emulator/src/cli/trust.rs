//! The variables that make programs trust the emulator's authority.
//!
//! A variable that replaces the roots of the system gets all of them and the authority, so
//! that the program's other connections work as before; one that adds to them gets the
//! authority. What such a variable held before stays in it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, Result};

/// The certificate of an emulator's authority.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authority<'a> {
    pub(super) pem: &'a str,
    pub(super) path: &'a Path,
}

/// The variables, and the files that they name.
#[derive(Debug)]
pub(super) struct Trust(Vec<(&'static str, PathBuf)>);

impl Trust {
    /// Writes the files into a folder. `current` returns the value of a variable that the
    /// program would have.
    pub(super) fn write(
        folder: &Path,
        authority: Authority<'_>,
        current: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self> {
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            let written = std::fs::write(&path, text);
            written.map(|()| path.clone()).map_err(|error| {
                Error::new(format!("cannot write {}: {error}", path.display()), error)
            })
        };
        let Authority { pem, path } = authority;
        let current = |name| current(name).filter(|value| !value.is_empty());

        let roots = write("roots.pem", joined(&system_roots(), pem))?;
        let requests = match current(REQUESTS) {
            Some(own) => {
                let own = read_or_warn(REQUESTS, &own).unwrap_or_else(system_roots);
                write("requests.pem", joined(&own, pem))?
            }
            None => roots.clone(),
        };
        let node = match current(NODE).and_then(|own| read_or_warn(NODE, &own)) {
            Some(own) => write("node.pem", joined(&own, pem))?,
            None => path.to_owned(),
        };
        Ok(Self(vec![
            (OPENSSL, roots),
            (REQUESTS, requests),
            (NODE, node),
        ]))
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.0.iter().map(|(name, path)| (*name, &**path))
    }
}

/// Returns the roots of the system in PEM; those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, if set.
fn system_roots() -> String {
    let loaded = rustls_native_certs::load_native_certs();
    for error in loaded.errors {
        tracing::warn!(%error, "not all roots of the system can be read");
    }
    let mut pem = String::new();
    for certificate in loaded.certs {
        let text = STANDARD.encode(&certificate);
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in text.as_bytes().chunks(PEM_LINE) {
            let _ = writeln!(pem, "{}", String::from_utf8_lossy(line));
        }
        pem.push_str("-----END CERTIFICATE-----\n");
    }
    pem
}

/// Returns the text of the file that a variable names.
fn read_or_warn(variable: &str, path: &OsStr) -> Option<String> {
    let read = std::fs::read_to_string(path);
    let read = read.inspect_err(|error| {
        let path = Path::new(path).display();
        tracing::warn!(%error, "cannot read {path}, the value of {variable}");
    });
    read.ok()
}

/// Returns roots and an authority, which may be among them already.
fn joined(roots: &str, authority: &str) -> String {
    let without_space = |text: &str| text.split_whitespace().collect::<String>();
    if without_space(roots).contains(&without_space(authority)) {
        return roots.to_owned();
    }
    format!("{}\n{authority}", roots.trim_end())
        .trim_start()
        .to_owned()
}

/// Replaces the roots of OpenSSL: Python, Ruby, .NET on Linux; and those of Go.
pub(super) const OPENSSL: &str = "SSL_CERT_FILE";
/// Replaces the roots of Python's requests, which has its own.
const REQUESTS: &str = "REQUESTS_CA_BUNDLE";
/// Adds to the roots of Node.
const NODE: &str = "NODE_EXTRA_CA_CERTS";
/// The length of a line, by RFC 7468.
const PEM_LINE: usize = 64;
