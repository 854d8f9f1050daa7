//! Where the settings come from, which is read again on request.

use std::path::{Path, PathBuf};
use std::time::Duration;

use forward::expression::{HttpForward, LocalForward, RemoteForward};

use super::Forward;
use super::file::Document;
use super::settings::Settings;
use crate::failure::{Failure, Result};
use crate::{secret, variables};

/// The files and flags of a command line.
#[derive(Debug)]
pub(super) struct Sources {
    /// Files that need not exist.
    files: Vec<PathBuf>,
    /// The file of `-f`.
    config: Option<PathBuf>,
    options: Vec<String>,
    bind_address: Option<String>,
    gateway_ports: bool,
    keep_alive: Option<Duration>,
    local: Vec<LocalForward>,
    remote: Vec<RemoteForward>,
    http: Vec<HttpForward>,
}

impl Sources {
    pub(super) fn new(forward: &Forward) -> Result<Self> {
        let mut files: Vec<_> = machine_file().into_iter().collect();
        if forward.config.is_none() {
            files.extend(user_file());
        }
        let older = forward.older_remote.iter();
        Ok(Self {
            files,
            config: forward.config.clone(),
            options: forward.option.clone(),
            bind_address: forward.bind_address.clone(),
            gateway_ports: forward.gateway_ports,
            keep_alive: forward
                .keep_alive_interval
                .map(|seconds| Duration::from_secs(seconds.into())),
            local: forward.local.clone(),
            remote: older.chain(&forward.remote).cloned().collect(),
            http: forward.http.clone(),
        })
    }

    /// Warns of secrets among the options, which other users of the machine can see.
    pub(super) fn warn_of_secrets(&self) {
        let has_secret = |key: &str| {
            ["ConnectionString", "AccessKey", "Signature"]
                .iter()
                .any(|part| key.contains(part) && !key.ends_with("KeyName"))
        };
        if self.options.iter().any(|option| has_secret(key_of(option))) {
            secret::warn("-o", "the configuration file");
        }
    }

    /// Returns the files, which need not be there.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().chain(&self.config).cloned().collect()
    }

    /// Reads the files, and adds the flags.
    pub(super) fn read(&self) -> Result<Settings> {
        let mut settings = Settings::default();
        for path in &self.files {
            if let Some(document) = Document::read(path)? {
                settings.add(&path.display().to_string(), document);
            }
        }
        if let Some(path) = &self.config {
            let document = Document::read(path)?.ok_or_else(|| {
                Failure::usage(format!("-f {}: there is no such file", path.display()))
            })?;
            settings.add(&path.display().to_string(), document);
        }
        for option in &self.options {
            let document = Document::parse_option(option)
                .map_err(|reason| Failure::usage(format!("-o {}: {reason}", key_of(option))))?;
            settings.add("-o", document);
        }
        if self.bind_address.is_some() {
            settings.bind_address.clone_from(&self.bind_address);
        }
        settings.gateway_ports |= self.gateway_ports;
        if self.keep_alive.is_some() {
            settings.keep_alive = self.keep_alive;
        }
        for forward in &self.local {
            settings.add_local(forward);
        }
        for forward in &self.remote {
            settings.add_remote(forward);
        }
        for forward in &self.http {
            settings.add_http(forward);
        }
        Ok(settings)
    }
}

/// The key of an option: its value may be a secret.
fn key_of(option: &str) -> &str {
    option.split(':').next().unwrap_or(option)
}

/// azbridge's file for the machine.
fn machine_file() -> Option<PathBuf> {
    if cfg!(windows) {
        let folder = variables::text("ProgramData")?;
        return Some(Path::new(&folder).join(FOLDER).join(MACHINE_FILE));
    }
    Some(Path::new("/etc").join(FOLDER).join(MACHINE_FILE))
}

/// azbridge's file for the user.
fn user_file() -> Option<PathBuf> {
    if cfg!(windows) {
        let folder = variables::text("APPDATA")?;
        return Some(Path::new(&folder).join(FOLDER).join(USER_FILE));
    }
    let home = variables::text("HOME").filter(|home| !home.is_empty())?;
    Some(Path::new(&home).join(".azbridge").join(USER_FILE))
}

const FOLDER: &str = "azbridge";
const MACHINE_FILE: &str = "azbridge_config.machine.yml";
const USER_FILE: &str = "azbridge_config.yml";
