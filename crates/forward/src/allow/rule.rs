//! One rule of an allow list.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv6Net};

use crate::host_port::{Bracketed, is_name, parse_port};

/// A host and ports that a listener may dial; [`AllowList`](crate::AllowList) has the forms.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AllowRule {
    host: HostPattern,
    ports: Ports,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum HostPattern {
    Any,
    /// In lower case, without a dot at the end.
    Name(Box<str>),
    Addresses(IpNet),
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Ports {
    Any,
    /// From the first to the last, both included.
    Range(u16, u16),
}

impl AllowRule {
    /// Allows every target: `*`.
    pub fn everything() -> Self {
        Self {
            host: HostPattern::Any,
            ports: Ports::Any,
        }
    }

    pub(super) fn allows_port(&self, port: u16) -> bool {
        match self.ports {
            Ports::Any => true,
            Ports::Range(first, last) => (first..=last).contains(&port),
        }
    }

    /// Whether it allows any address of a host of this name.
    pub(super) fn allows_name(&self, name: &str) -> bool {
        match &self.host {
            HostPattern::Any => true,
            HostPattern::Name(own) => own.eq_ignore_ascii_case(without_dot(name)),
            HostPattern::Addresses(_) => false,
        }
    }

    /// Whether it allows this canonical address, whatever name it has.
    pub(super) fn allows_address(&self, address: IpAddr) -> bool {
        match &self.host {
            HostPattern::Any => true,
            HostPattern::Name(_) => false,
            HostPattern::Addresses(block) => block.contains(&address),
        }
    }

    pub(super) fn is_of_addresses(&self) -> bool {
        matches!(self.host, HostPattern::Addresses(_))
    }
}

impl FromStr for AllowRule {
    type Err = AllowRuleError;

    fn from_str(text: &str) -> Result<Self, AllowRuleError> {
        let error = |reason| AllowRuleError {
            rule: text.into(),
            reason,
        };
        let (host, ports) = split(text).map_err(error)?;
        Ok(Self {
            host: parse_host(host).map_err(error)?,
            ports: ports.map_or(Ok(Ports::Any), parse_ports).map_err(error)?,
        })
    }
}

/// Divides a rule into the host, without brackets, and the ports.
fn split(text: &str) -> Result<(&str, Option<&str>), Reason> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(Reason::Brackets)?;
        if !host.contains(':') {
            return Err(Reason::Brackets);
        }
        return match rest.strip_prefix(':') {
            Some(ports) => Ok((host, Some(ports))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(Reason::Ports),
        };
    }
    // `fd00::/8:443`: nothing but the ports can follow the length of a block after a colon.
    if let Some((_, block)) = text.split_once('/') {
        return Ok(match block.split_once(':') {
            Some((_, ports)) => (&text[..text.len() - ports.len() - 1], Some(ports)),
            None => (text, None),
        });
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok((text, None));
    }
    match text.split_once(':') {
        Some((_, ports)) if ports.contains(':') => Err(Reason::Brackets),
        Some((host, ports)) => Ok((host, Some(ports))),
        None => Ok((text, None)),
    }
}

fn parse_host(host: &str) -> Result<HostPattern, Reason> {
    if host == "*" {
        return Ok(HostPattern::Any);
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(HostPattern::Addresses(address.to_canonical().into()));
    }
    if host.contains('/') {
        let block: IpNet = host.parse().map_err(|_| Reason::Block)?;
        if block.addr() != block.network() {
            return Err(Reason::HostBits(block.trunc()));
        }
        return Ok(HostPattern::Addresses(canonical(block)));
    }
    if is_name(host) {
        return Ok(HostPattern::Name(
            without_dot(host).to_ascii_lowercase().into(),
        ));
    }
    Err(Reason::Host)
}

/// A block of IPv4 addresses in their IPv6 form (`::ffff:10.0.0.0/104`) as what it is: targets are compared so.
fn canonical(block: IpNet) -> IpNet {
    let mapped = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);
    match (block.addr().to_canonical(), block) {
        (IpAddr::V4(address), IpNet::V6(block)) if mapped.contains(&block) => {
            let length = block.prefix_len() - mapped.prefix_len();
            IpNet::new(address.into(), length).unwrap_or(IpNet::V6(block))
        }
        _ => block,
    }
}

fn parse_ports(ports: &str) -> Result<Ports, Reason> {
    if ports == "*" {
        return Ok(Ports::Any);
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (parse_port(first), parse_port(last)) {
        (Some(first @ 1..), Some(last)) if first <= last => Ok(Ports::Range(first, last)),
        _ => Err(Reason::Ports),
    }
}

fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

impl fmt::Display for AllowRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.ports) {
            (HostPattern::Any, Ports::Any) => return f.write_str("*"),
            (HostPattern::Any, _) => f.write_str("*")?,
            (HostPattern::Name(name), _) => f.write_str(name)?,
            (HostPattern::Addresses(block), _) if block.prefix_len() == block.max_prefix_len() => {
                write!(f, "{}", Bracketed(&block.addr().to_string()))?;
            }
            (HostPattern::Addresses(block), _) => {
                write!(f, "{}", Bracketed(&block.to_string()))?;
            }
        }
        match self.ports {
            Ports::Any => f.write_str(":*"),
            Ports::Range(first, last) if first == last => write!(f, ":{first}"),
            Ports::Range(first, last) => write!(f, ":{first}-{last}"),
        }
    }
}

/// A text that is no rule, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{rule:?} allows nothing: {reason}")]
pub struct AllowRuleError {
    rule: Box<str>,
    reason: Reason,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Reason {
    #[error("expected a DNS name, an IP address, a block such as 10.0.0.0/8, or *")]
    Host,
    #[error("expected a block of addresses, such as 10.0.0.0/8 or fd00::/8")]
    Block,
    #[error("the address has bits after the length of the block: {0} is the block")]
    HostBits(IpNet),
    #[error("expected a port from 1 to 65535, a range such as 8000-8099, or * after the host")]
    Ports,
    #[error("expected brackets around an IPv6 address before a port, such as [fd00::1]:22")]
    Brackets,
}
