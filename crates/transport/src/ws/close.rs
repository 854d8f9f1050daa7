//! Close codes (RFC 6455 §7.4), including which of them may be sent.

use std::fmt;

/// The code of a close frame.
///
/// ```
/// use azwire_transport::CloseCode;
///
/// assert_eq!(CloseCode::new(1000), Some(CloseCode::NORMAL));
/// assert_eq!(CloseCode::new(4001).map(CloseCode::as_u16), Some(4001));
/// // 1006 means that there was no close frame; no frame can carry it.
/// assert_eq!(CloseCode::new(1006), None);
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the endpoint is going away.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer violated the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: the peer sent a type of data that is not accepted.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: the payload does not match its type, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a policy was violated; Azure's answer to a refused recovery and to an invalid token.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: an unexpected condition at the server; Azure Relay's code for a recycled listener.
    pub const INTERNAL_ERROR: Self = Self(1011);

    /// Creates a code that a peer may send, or `None` for any other: 1000 to 1014 without the reserved
    /// ones (1004, 1005, 1006), and 3000 to 4999 (RFC 6455 §7.4.2).
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1004..=1006 => None,
            1000..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// Returns the number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A close code and its reason text.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CloseFrame {
    /// The code.
    pub code: CloseCode,
    /// The reason, at most [`CloseFrame::MAX_REASON`] bytes.
    pub reason: String,
}

impl CloseFrame {
    /// The longest reason in bytes: a control frame holds 125, of which the code takes two (RFC 6455 §5.5).
    pub const MAX_REASON: usize = 123;

    /// Creates a close frame; a longer reason is cut at a character boundary.
    pub fn new(code: CloseCode, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        if reason.len() > Self::MAX_REASON {
            let mut end = Self::MAX_REASON;
            while !reason.is_char_boundary(end) {
                end -= 1;
            }
            reason.truncate(end);
        }
        Self { code, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_codes_cannot_be_made() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
            assert_eq!(CloseCode::new(code), None, "{code}");
        }
        for code in [1000, 1003, 1007, 1014, 3000, 4999] {
            assert_eq!(CloseCode::new(code).map(CloseCode::as_u16), Some(code));
        }
    }

    #[test]
    fn a_code_is_shown_as_its_number() {
        let code = CloseCode::new(4001).unwrap();
        assert_eq!(format!("{code} {code:?}"), "4001 4001");
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let frame = CloseFrame::new(CloseCode::NORMAL, "ä".repeat(100));
        assert_eq!(frame.reason, "ä".repeat(61));
    }
}
