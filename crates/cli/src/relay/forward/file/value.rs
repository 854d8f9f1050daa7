//! Single values of the file. An error of each says what was expected; the parser adds the line.

use std::fmt;

use ::relay::ConnectionString;
use auth::Secret;
use forward::AddressFamily;
use forward::expression::{PortName, RelayName};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// azbridge's words for all interfaces.
pub(in crate::relay::forward) fn bind_host(text: &str) -> &str {
    match text.to_ascii_lowercase().as_str() {
        "any" | "*" => "*",
        "anyv6" => "::",
        _ => text,
    }
}

/// A port; a negative number is one of UDP.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) is_udp: bool,
}

impl TryFrom<i64> for Port {
    type Error = String;

    fn try_from(port: i64) -> Result<Self, String> {
        let number = u16::try_from(port.unsigned_abs())
            .map_err(|_| format!("{port} is not a port: expected 1 to 65535, negative for UDP"))?;
        Ok(Self {
            number,
            is_udp: port < 0,
        })
    }
}

/// A value that is one of a few words.
pub(super) trait Word: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

/// `AddressFamily`.
#[derive(Clone, Copy, Debug)]
pub(in crate::relay::forward) struct Family(pub(in crate::relay::forward) AddressFamily);

impl Word for Family {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "any" => Ok(Self(AddressFamily::Any)),
            "inet" => Ok(Self(AddressFamily::Inet)),
            "inet6" => Ok(Self(AddressFamily::Inet6)),
            _ => Err(format!(
                "{text:?} is not an AddressFamily: expected any, inet or inet6"
            )),
        }
    }
}

/// `LogLevel`, as a level of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::relay::forward) struct LogLevel(pub(in crate::relay::forward) &'static str);

impl Word for LogLevel {
    fn read(text: &str) -> Result<Self, String> {
        Ok(Self(match text.to_ascii_lowercase().as_str() {
            "none" | "quiet" => "off",
            "fatal" | "error" => "error",
            "info" => "info",
            "verbose" | "debug" | "debug1" => "debug",
            "debug2" | "debug3" => "trace",
            _ => {
                return Err(format!(
                    "{text:?} is not a LogLevel: expected none, quiet, fatal, error, info, verbose, debug, debug1, debug2 or debug3"
                ));
            }
        }))
    }
}

pub(super) fn word<'de, T: Word, D: Deserializer<'de>>(source: D) -> Result<Option<T>, D::Error> {
    text(source)?
        .map(|text| T::read(&text).map_err(D::Error::custom))
        .transpose()
}

/// Reads a text without the quotes that azbridge drops; an empty one counts as not there.
pub(super) fn text<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = Option::deserialize(source)?;
    Ok(text
        .map(|text| text.trim_matches(['\'', '"']).to_owned())
        .filter(|text| !text.is_empty()))
}

pub(super) fn secret<'de, D: Deserializer<'de>>(source: D) -> Result<Option<Secret>, D::Error> {
    Ok(text(source)?.map(Secret::new))
}

pub(super) fn connection_string<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<Secret>, D::Error> {
    let Some(text) = text(source)? else {
        return Ok(None);
    };
    text.parse::<ConnectionString>()
        .map_err(|error| D::Error::custom(crate::failure::chain(&error)))?;
    Ok(Some(Secret::new(text)))
}

pub(super) fn relay_name<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<RelayName>, D::Error> {
    named(source, "RelayName", RelayName::new)
}

pub(super) fn port_name<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<PortName>, D::Error> {
    named(source, "PortName", PortName::new)
}

fn named<'de, T, E: fmt::Display, D: Deserializer<'de>>(
    source: D,
    key: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, D::Error> {
    text(source)?
        .map(|text| read(&text).map_err(|error| D::Error::custom(format!("{key}: {error}"))))
        .transpose()
}

pub(super) fn attempts<'de, D: Deserializer<'de>>(source: D) -> Result<Option<u32>, D::Error> {
    let attempts = number(source, "ConnectionAttempts", 1, 10)?;
    Ok(attempts.and_then(|attempts| u32::try_from(attempts).ok()))
}

pub(super) fn connect_timeout<'de, D: Deserializer<'de>>(
    source: D,
) -> Result<Option<u64>, D::Error> {
    number(source, "ConnectTimeout", 0, 120)
}

pub(super) fn keep_alive<'de, D: Deserializer<'de>>(source: D) -> Result<Option<u64>, D::Error> {
    number(source, "KeepAliveInterval", 0, 3600)
}

fn number<'de, D: Deserializer<'de>>(
    source: D,
    key: &str,
    min: u64,
    max: u64,
) -> Result<Option<u64>, D::Error> {
    match Option::<i64>::deserialize(source)? {
        None => Ok(None),
        Some(number) => u64::try_from(number)
            .ok()
            .filter(|number| (min..=max).contains(number))
            .map(Some)
            .ok_or_else(|| {
                D::Error::custom(format!("{key}: expected {min} to {max}, found {number}"))
            }),
    }
}

pub(super) fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    source: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(source)?.unwrap_or_default())
}

/// An old key of azbridge's files, which its program no longer knows.
pub(super) fn no_compression<'de, D: Deserializer<'de>>(source: D) -> Result<(), D::Error> {
    match Option::<bool>::deserialize(source)? {
        None | Some(false) => Ok(()),
        Some(true) => Err(D::Error::custom("Compression: the relay does not compress")),
    }
}

pub(super) const BOTH_BINDINGS: &str = "Bindings and keys of a single binding exclude each other";
