//! Names of ports and of hybrid connections.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::piece::Piece;

/// The name of a port, which a sender asks for: 1 to 255 ASCII letters, digits, `_` and `-`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PortName(Arc<str>);

impl PortName {
    /// The longest name in bytes: its length is one byte on the wire.
    pub const MAX_LEN: usize = 255;

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(name, Self::MAX_LEN, is_of_port_name)?;
        Ok(Self(name.into()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a port that has no other: its number, with `U` for UDP.
    pub(super) fn of_port(port: u16, is_udp: bool) -> Self {
        Self(format!("{port}{}", if is_udp { "U" } else { "" }).into())
    }

    /// The name of a socket that has no other: its file name, with `-` for what a port name cannot have.
    pub(super) fn of_socket(path: &str) -> Self {
        let file = path
            .trim_end_matches(['/', '\\'])
            .rsplit(['/', '\\'])
            .next()
            .unwrap_or(path);
        let name: String = file
            .chars()
            .take(Self::MAX_LEN)
            .map(|character| {
                if is_of_port_name(character) {
                    character
                } else {
                    '-'
                }
            })
            .collect();
        Self(if name.is_empty() {
            "-".into()
        } else {
            name.into()
        })
    }

    pub(super) fn parse(piece: Piece<'_>) -> Result<Self, super::ExpressionError> {
        Self::new(piece.text())
            .map_err(|error| error.at(piece, "a port name: up to 255 letters, digits, `_` and `-`"))
    }
}

/// The name of a hybrid connection in azbridge's expressions: 1 to 260 ASCII letters, digits, `/`, `_`, `-` and `.`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RelayName(Arc<str>);

impl RelayName {
    /// The longest name of a hybrid connection in characters.
    pub const MAX_LEN: usize = 260;

    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn new(name: &str) -> Result<Self, NameError> {
        check(name, Self::MAX_LEN, |character| {
            is_of_port_name(character) || matches!(character, '/' | '.')
        })?;
        Ok(Self(name.into()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn parse(piece: Piece<'_>) -> Result<Self, super::ExpressionError> {
        Self::new(piece.text()).map_err(|error| {
            error.at(
                piece,
                "the name of a hybrid connection: up to 260 letters, digits, `/`, `_`, `-` and `.`",
            )
        })
    }
}

macro_rules! text_of_name {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                Self::new(name)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

text_of_name!(PortName RelayName);

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    #[error("the name is empty")]
    Empty,
    /// It is too long.
    #[error("the name is longer than {max} characters")]
    TooLong {
        /// The longest one.
        max: usize,
    },
    /// A character that it cannot have.
    #[error("the name has {character:?} at column {column}")]
    Character {
        /// The first of them.
        character: char,
        /// Its place in characters, from 1.
        column: usize,
    },
}

impl NameError {
    /// The same in an expression: what is expected at the place where the name is wrong.
    fn at(self, piece: Piece<'_>, expected: &str) -> super::ExpressionError {
        match self {
            Self::Empty | Self::TooLong { .. } => piece.expected(expected),
            Self::Character { column, .. } => piece.after_chars(column - 1).expected(expected),
        }
    }
}

fn check(name: &str, max: usize, is_part: impl Fn(char) -> bool) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some((at, character)) = name.chars().enumerate().find(|(_, found)| !is_part(*found)) {
        let column = at + 1;
        return Err(NameError::Character { character, column });
    }
    if name.len() > max {
        return Err(NameError::TooLong { max });
    }
    Ok(())
}

pub(super) fn is_of_port_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}
