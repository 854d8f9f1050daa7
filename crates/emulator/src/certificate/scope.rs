//! The names that an authority may sign for. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints, SanType};

use crate::{Error, Result};

/// A host or an address that the server certificate covers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Name {
    /// In lower case; may have `*` as its first label.
    Host(String),
    Address(IpAddr),
}

impl Name {
    pub(super) fn parse(text: &str) -> Result<Self> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let host = text.strip_prefix("*.").unwrap_or(text);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if text.len() <= 253 && host.split('.').all(is_label) {
            return Ok(Self::Host(text.to_ascii_lowercase()));
        }
        Err(Error::message(format!(
            "certificate name {text:?}: not a host name"
        )))
    }

    pub(super) fn to_san(&self) -> Result<SanType> {
        Ok(match self {
            Self::Address(address) => SanType::IpAddress(*address),
            Self::Host(host) => {
                let host = host.as_str().try_into();
                SanType::DnsName(
                    host.map_err(|error| Error::new("cannot create a certificate", error))?,
                )
            }
        })
    }

    fn subtree(&self) -> Subtree {
        match self {
            Self::Host(host) => {
                let host = host.strip_prefix("*.").unwrap_or(host);
                Subtree::Host(host.to_owned())
            }
            Self::Address(IpAddr::V4(address)) => Subtree::network(&address.octets(), 32),
            Self::Address(IpAddr::V6(address)) => Subtree::network(&address.octets(), 128),
        }
    }
}

/// The names that the certificate always has.
pub(super) fn own_names() -> [Name; 3] {
    [
        Name::Host("localhost".to_owned()),
        Name::Address(Ipv4Addr::LOCALHOST.into()),
        Name::Address(Ipv6Addr::LOCALHOST.into()),
    ]
}

/// A host with all its subdomains, or a network.
#[derive(Clone, Eq, PartialEq)]
enum Subtree {
    Host(String),
    /// The address followed by the mask (RFC 5280 §4.2.1.10).
    Network(Vec<u8>),
}

impl Subtree {
    fn network(address: &[u8], bits: usize) -> Self {
        let mask: Vec<u8> = (0..address.len())
            .map(|at| {
                let set = bits.saturating_sub(at * 8).min(8);
                0xffu8.checked_shl(8 - set as u32).unwrap_or(0)
            })
            .collect();
        // Java does not mask the address before it compares.
        let network = address.iter().zip(&mask).map(|(byte, mask)| byte & mask);
        Self::Network(network.chain(mask.iter().copied()).collect())
    }

    fn holds(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Host(ours), Self::Host(theirs)) => {
                let below = theirs.strip_suffix(ours.as_str());
                below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
            }
            (Self::Network(ours), Self::Network(theirs)) if ours.len() == theirs.len() => {
                let (address, mask) = ours.split_at(ours.len() / 2);
                let (theirs, their_mask) = theirs.split_at(theirs.len() / 2);
                (0..mask.len()).all(|at| {
                    their_mask[at] & mask[at] == mask[at]
                        && theirs[at] & mask[at] == address[at] & mask[at]
                })
            }
            _ => false,
        }
    }

    fn to_general(&self) -> Option<GeneralSubtree> {
        Some(match self {
            Self::Host(host) => GeneralSubtree::DnsName(host.clone()),
            Self::Network(bytes) => {
                let (address, mask) = bytes.split_at(bytes.len() / 2);
                GeneralSubtree::IpAddress(match address.len() {
                    4 => CidrSubnet::V4(address.try_into().ok()?, mask.try_into().ok()?),
                    _ => CidrSubnet::V6(address.try_into().ok()?, mask.try_into().ok()?),
                })
            }
        })
    }
}

/// The names that an authority may sign for, with all their subdomains.
#[derive(Clone, Default, Eq, PartialEq)]
pub(super) struct Scope(Vec<Subtree>);

impl Scope {
    /// `localhost`, the loopback addresses, and `names`.
    pub(super) fn of(names: &[Name]) -> Self {
        let mut scope = Self(vec![
            Subtree::Host("localhost".to_owned()),
            Subtree::network(&Ipv4Addr::LOCALHOST.octets(), 8),
            Subtree::network(&Ipv6Addr::LOCALHOST.octets(), 128),
        ]);
        scope.extend(&Self(names.iter().map(Name::subtree).collect()));
        scope
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        let mut wanted = other.0.iter();
        wanted.all(|wanted| self.0.iter().any(|ours| ours.holds(wanted)))
    }

    pub(super) fn extend(&mut self, other: &Self) {
        for subtree in &other.0 {
            if !self.0.iter().any(|ours| ours.holds(subtree)) {
                self.0.push(subtree.clone());
            }
        }
    }

    pub(super) fn push_host(&mut self, host: &str) {
        self.0.push(Subtree::Host(host.to_ascii_lowercase()));
    }

    /// Adds a network as a certificate encodes it; ignored if it is not an IP network.
    pub(super) fn push_network(&mut self, bytes: &[u8]) {
        if matches!(bytes.len(), 8 | 32) {
            self.0.push(Subtree::Network(bytes.to_vec()));
        }
    }

    pub(super) fn to_constraints(&self) -> NameConstraints {
        NameConstraints {
            permitted_subtrees: self.0.iter().filter_map(Subtree::to_general).collect(),
            excluded_subtrees: Vec::new(),
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({} subtrees)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(names: &[&str]) -> Scope {
        let names: Vec<Name> = names
            .iter()
            .map(|name| Name::parse(name).unwrap())
            .collect();
        Scope::of(&names)
    }

    #[test]
    fn a_scope_covers_what_is_below_its_names() {
        let ours = scope(&["*.Servicebus.windows.net", "10.1.2.3", "fd00::1"]);
        for (name, expected) in [
            ("localhost", true),
            ("my.localhost", true),
            ("127.9.9.9", true),
            ("::1", true),
            ("::2", false),
            ("contoso.servicebus.windows.net", true),
            ("*.servicebus.windows.net", true),
            ("servicebus.windows.net", true),
            ("evilservicebus.windows.net", false),
            ("windows.net", false),
            ("*.windows.net", false),
            ("10.1.2.3", true),
            ("10.1.2.4", false),
            ("fd00::1", true),
            ("fd00::2", false),
        ] {
            let name = Name::parse(name).unwrap();
            let wanted = Scope(vec![name.subtree()]);
            assert_eq!(ours.covers(&wanted), expected, "{name:?}");
        }
        assert!(ours.covers(&scope(&[])) && !scope(&[]).covers(&ours));
    }

    #[test]
    fn networks_are_masked() {
        for (address, bits, expected) in [
            ([127, 0, 0, 1], 8, [127, 0, 0, 0, 255, 0, 0, 0]),
            ([10, 1, 2, 3], 32, [10, 1, 2, 3, 255, 255, 255, 255]),
            ([10, 1, 2, 3], 20, [10, 1, 0, 0, 255, 255, 240, 0]),
        ] {
            let network = Subtree::network(&address, bits);
            assert!(network == Subtree::Network(expected.to_vec()), "{bits}");
        }
    }

    #[test]
    fn names_are_hosts_or_addresses() {
        for good in [
            "a",
            "*.a.b",
            "my_host",
            "127.0.0.1",
            "::1",
            "xn--4ca.example",
        ] {
            assert!(Name::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "a.*",
            "a..b",
            "not ä name",
            "a b",
            ".a",
            "http://a",
            "a:1",
        ] {
            let error = Name::parse(bad).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }
}
