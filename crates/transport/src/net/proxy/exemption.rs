//! Targets that bypass the proxy. Pure.

use std::net::IpAddr;
use std::str::FromStr;

use crate::net::target::unbracket;

/// One entry of a no-proxy list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Exemption {
    All,
    Address(IpAddr, Option<u16>),
    Block(IpAddr, u8),
    Name(String, Option<u16>),
    Suffix(String, Option<u16>),
}

impl Exemption {
    /// Any text is an entry; one of unknown form is a name that no target has.
    pub(super) fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::All;
        }
        if let Ok(address) = IpAddr::from_str(entry) {
            return Self::Address(address.to_canonical(), None);
        }
        if let Some((address, length)) = entry.split_once('/')
            && let (Ok(address), Ok(length)) = (IpAddr::from_str(address), u8::from_str(length))
        {
            return Self::Block(address, length);
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => match u16::from_str(port) {
                Ok(port) => (host, Some(port)),
                Err(_) => (entry, None),
            },
            None => (entry, None),
        };
        if let Ok(address) = IpAddr::from_str(unbracket(host)) {
            return Self::Address(address.to_canonical(), port);
        }
        let host = host.to_ascii_lowercase();
        match host.strip_prefix('*').unwrap_or(&host) {
            suffix if suffix.starts_with('.') => Self::Suffix(suffix.to_owned(), port),
            _ => Self::Name(host, port),
        }
    }

    /// Whether a target bypasses the proxy.
    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        let port_fits = |own: &Option<u16>| own.is_none_or(|own| own == port);
        let address = || {
            IpAddr::from_str(host)
                .ok()
                .map(|address| address.to_canonical())
        };
        match self {
            Self::All => true,
            Self::Address(own, own_port) => port_fits(own_port) && address() == Some(*own),
            Self::Block(start, length) => {
                address().is_some_and(|address| in_block(address, *start, *length))
            }
            // Including all names below it, as in curl, Go and reqwest.
            Self::Name(name, own_port) => {
                let below = || {
                    let above = name_above(host, name)?;
                    let is_below = !name.is_empty() && above.ends_with('.') && address().is_none();
                    is_below.then_some(())
                };
                port_fits(own_port) && (host.eq_ignore_ascii_case(name) || below().is_some())
            }
            Self::Suffix(suffix, own_port) => {
                port_fits(own_port)
                    && name_above(host, suffix).is_some_and(|above| !above.is_empty())
            }
        }
    }
}

/// Returns what precedes `end` in `host`.
fn name_above<'a>(host: &'a str, end: &str) -> Option<&'a str> {
    let (above, own) = host.split_at_checked(host.len().checked_sub(end.len())?)?;
    own.eq_ignore_ascii_case(end).then_some(above)
}

fn in_block(address: IpAddr, start: IpAddr, length: u8) -> bool {
    match (address, start) {
        (IpAddr::V4(address), IpAddr::V4(start)) => {
            let shift = 32_u32.saturating_sub(length.into());
            (u64::from(address.to_bits()) >> shift) == (u64::from(start.to_bits()) >> shift)
        }
        (IpAddr::V6(address), IpAddr::V6(start)) => match 128_u32.saturating_sub(length.into()) {
            128 => true,
            shift => (address.to_bits() >> shift) == (start.to_bits() >> shift),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_covers_what_the_table_says() {
        let cases = [
            ("*", "anything.example", 1, true),
            ("host.example", "HOST.example", 443, true),
            ("host.example", "sub.HOST.example", 443, true),
            ("host.example", "a.b.host.example", 443, true),
            ("host.example", "host.example.evil", 443, false),
            ("host.example", "example", 443, false),
            ("host.example:443", "sub.host.example", 443, true),
            ("host.example:443", "sub.host.example", 80, false),
            ("2.3", "10.1.2.3", 443, false),
            ("", "host.", 443, false),
            ("host.example", "ghost.example", 443, false),
            ("host.example:443", "host.example", 443, true),
            ("host.example:443", "host.example", 80, false),
            (".example", "a.b.EXAMPLE", 443, true),
            ("*.example", "a.example", 443, true),
            (".example", "example", 443, false),
            (".example", "badexample", 443, false),
            (".example:80", "a.example", 443, false),
            ("10.1.2.3", "10.1.2.3", 443, true),
            ("10.1.2.3", "10.1.2.30", 443, false),
            ("10.1.2.3", "::ffff:10.1.2.3", 443, true),
            ("10.1.2.3:8080", "10.1.2.3", 8080, true),
            ("10.1.2.3:8080", "10.1.2.3", 443, false),
            ("::1", "::1", 443, true),
            ("[::1]:443", "::1", 443, true),
            ("[::1]:443", "::1", 80, false),
            ("10.0.0.0/8", "10.200.3.4", 443, true),
            ("10.0.0.0/8", "11.0.0.1", 443, false),
            ("10.0.0.0/8", "10.example", 443, false),
            ("0.0.0.0/0", "203.0.113.9", 443, true),
            ("0.0.0.0/0", "::1", 443, false),
            ("::/0", "2001:db8::1", 443, true),
            ("fd00::/8", "fdff::1", 443, true),
            ("fd00::/8", "fe00::1", 443, false),
            ("10.0.0.1/32", "10.0.0.1", 443, true),
            ("10.0.0.1/99", "10.0.0.1", 443, true),
            ("10.0.0.0/x", "10.0.0.0", 443, false),
            ("ä", "b", 443, false),
            (".ä", "bü", 443, false),
        ];
        for (entry, host, port, covered) in cases {
            let exemption = Exemption::parse(entry);
            assert_eq!(
                exemption.covers(host, port),
                covered,
                "{entry} {host}:{port} {exemption:?}"
            );
        }
    }
}
