//! Hosts, ports and paths of sockets as they stand in expressions.

use std::path::PathBuf;

use super::error::ExpressionError;
use super::name::is_of_port_name;
use super::piece::Piece;
use crate::host_port::{check_host, parse_port};

/// A port, and whether it is one of UDP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Port {
    pub(super) number: u16,
    pub(super) is_udp: bool,
}

impl Port {
    /// Reads `514`, `514U` or `-514`.
    pub(super) fn parse(piece: Piece<'_>) -> Result<Self, ExpressionError> {
        let text = piece.text();
        let digits = text.strip_suffix('U').or_else(|| text.strip_prefix('-'));
        let is_udp = digits.is_some();
        let number = parse_port(digits.unwrap_or(text))
            .ok_or_else(|| piece.expected("a port up to 65535, with `U` after it for UDP"))?;
        Ok(Self { number, is_udp })
    }

    /// Whether a text that begins so must be a port.
    pub(super) fn begins(text: &str) -> bool {
        let digits = text.strip_prefix('-').unwrap_or(text);
        digits.starts_with(|first: char| first.is_ascii_digit())
    }
}

/// A host before a port, and what follows the colon after it.
pub(super) fn split_host<'a>(
    piece: Piece<'a>,
) -> Result<Option<(Piece<'a>, Piece<'a>)>, ExpressionError> {
    let Some(inner) = piece.strip_prefix('[') else {
        return Ok(piece.split_once(":"));
    };
    let (host, rest) = inner
        .split_once("]")
        .ok_or_else(|| inner.end().expected("`]` after the IPv6 address"))?;
    if host.text().parse::<std::net::Ipv6Addr>().is_err() {
        return Err(host.expected("an IPv6 address"));
    }
    let rest = rest
        .strip_prefix(':')
        .ok_or_else(|| rest.expected("`:` and a port after the IPv6 address"))?;
    Ok(Some((host, rest)))
}

/// Checks a host that was before a port.
pub(super) fn host<'a>(piece: Piece<'a>) -> Result<&'a str, ExpressionError> {
    check_host(piece.text()).map_err(|_| {
        piece.expected("a host: a DNS name, an IPv4 address, or an IPv6 address in brackets")
    })?;
    Ok(piece.text())
}

/// Whether a binding begins as a path does.
pub(super) fn begins_path(text: &str) -> bool {
    let is_drive =
        matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    is_drive || text.starts_with('/') || text.starts_with("./") || text.starts_with("../")
}

/// Checks a path that [`begins_path`].
pub(super) fn path(piece: Piece<'_>) -> Result<PathBuf, ExpressionError> {
    let text = piece.text();
    if is_folder(text) {
        return Err(piece
            .end()
            .expected("the file name of a socket at the end of the path"));
    }
    if let Some((at, _)) = text
        .chars()
        .enumerate()
        .find(|(_, character)| character.is_control())
    {
        return Err(piece
            .after_chars(at)
            .expected("a path without control characters"));
    }
    Ok(text.into())
}

/// Whether a path ends without the name of a file.
fn is_folder(path: &str) -> bool {
    let last = path.rsplit(['/', '\\']).next();
    matches!(last, None | Some("" | "." | ".."))
}

/// Checks a socket that is a plain name.
pub(super) fn plain(piece: Piece<'_>, expected: &str) -> Result<PathBuf, ExpressionError> {
    if is_folder(piece.text()) || !piece.text().chars().all(is_of_port_name) {
        return Err(piece.expected(expected));
    }
    Ok(piece.text().into())
}
