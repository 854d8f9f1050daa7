//! Which targets a listener may dial for its senders. Pure.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::host_port::HostPort;

mod rule;

pub use rule::{AllowRule, AllowRuleError};

/// The targets that a listener may dial for its senders. Default: none.
///
/// A rule is a host and ports; a target is allowed if one rule allows it.
///
/// | rule | allows |
/// | --- | --- |
/// | `db.internal:5432` | one port of a host of this name |
/// | `db.internal`, `db.internal:*` | all its ports |
/// | `db.internal:8000-8099` | a range of its ports, both ends included |
/// | `10.1.2.3:22`, `[fd00::1]:22` | one address |
/// | `10.0.0.0/8:443`, `fd00::/8:443`, `[fd00::/8]:443` | a block of addresses |
/// | `*:443` | any host |
/// | `*` | everything |
///
/// # Names
///
/// A rule with a name allows what this name resolves to, whatever the addresses are; it compares the text, without case
/// and without a dot at the end, and does not allow the address itself. A rule with addresses also allows a name,
/// as far as the name resolves to them.
///
/// [`check`](Self::check) looks nothing up. It returns a [`Permit`] that turns the addresses of the name into
/// those to dial, so that a name cannot resolve to one address for the check and to another one for the connection
/// (DNS rebinding): resolve once, and dial only what [`Permit::addresses`] returns.
///
/// ```
/// use azwire_forward::{AllowList, HostPort};
///
/// let allowed: AllowList = "10.0.0.0/8:22, db.internal:5432".parse()?;
/// let target: HostPort = "build.internal:22".parse()?;
/// let permit = allowed.check(&target)?;
/// let resolved = ["127.0.0.1".parse()?, "10.4.0.9".parse()?];
/// let addresses = permit.addresses(resolved)?;
/// assert_eq!(addresses, ["10.4.0.9:22".parse()?]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AllowList {
    rules: Vec<AllowRule>,
}

impl AllowList {
    /// Allows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows every target, also those on this machine.
    pub fn everything() -> Self {
        Self {
            rules: vec![AllowRule::everything()],
        }
    }

    /// Also allows what `rule` does.
    #[must_use]
    pub fn with_rule(mut self, rule: AllowRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Returns the rules.
    pub fn rules(&self) -> &[AllowRule] {
        &self.rules
    }

    /// Checks a target before its name is resolved.
    ///
    /// # Errors
    ///
    /// [`NotAllowed`] if no rule can allow it: resolve nothing then, as a lookup is also a message to the outside.
    pub fn check(&self, target: &HostPort) -> Result<Permit<'_>, NotAllowed> {
        let port = target.port();
        let on_port = || self.rules.iter().filter(|rule| rule.allows_port(port));
        let permit = |scope| Permit {
            rules: &self.rules,
            port,
            scope,
        };
        if let Some(address) = target.address() {
            return if on_port().any(|rule| rule.allows_address(address)) {
                Ok(permit(Scope::Literal(address)))
            } else {
                Err(NotAllowed)
            };
        }
        if on_port().any(|rule| rule.allows_name(target.host())) {
            Ok(permit(Scope::AnyAddress))
        } else if on_port().any(AllowRule::is_of_addresses) {
            Ok(permit(Scope::ListedAddresses))
        } else {
            Err(NotAllowed)
        }
    }
}

impl Extend<AllowRule> for AllowList {
    fn extend<T: IntoIterator<Item = AllowRule>>(&mut self, rules: T) {
        self.rules.extend(rules);
    }
}

impl FromIterator<AllowRule> for AllowList {
    fn from_iter<T: IntoIterator<Item = AllowRule>>(rules: T) -> Self {
        Self {
            rules: rules.into_iter().collect(),
        }
    }
}

/// Rules separated by commas, with or without spaces. The empty text allows nothing.
impl FromStr for AllowList {
    type Err = AllowRuleError;

    fn from_str(text: &str) -> Result<Self, AllowRuleError> {
        if text.trim().is_empty() {
            return Ok(Self::new());
        }
        text.split(',').map(|rule| rule.trim().parse()).collect()
    }
}

impl fmt::Display for AllowList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, rule) in self.rules.iter().enumerate() {
            write!(f, "{}{rule}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// The permission to dial one target, at the addresses that the rules allow.
#[derive(Clone, Debug)]
pub struct Permit<'a> {
    rules: &'a [AllowRule],
    port: u16,
    scope: Scope,
}

#[derive(Clone, Copy, Debug)]
enum Scope {
    /// The target is this address, which is allowed.
    Literal(IpAddr),
    /// The name is allowed.
    AnyAddress,
    /// The name is not, but some addresses are.
    ListedAddresses,
}

impl Permit<'_> {
    /// Returns what to dial if the target is an address: then nothing is to be resolved.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.scope {
            Scope::Literal(address) => Some(SocketAddr::new(address, self.port)),
            Scope::AnyAddress | Scope::ListedAddresses => None,
        }
    }

    /// Returns which of the addresses of the target's name may be dialled, in their order. For a target that is an
    /// address itself, `resolved` does not count.
    ///
    /// # Errors
    ///
    /// [`NotAllowed`] if none may be. The list is also empty if `resolved` is, then without an error.
    pub fn addresses(
        &self,
        resolved: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Vec<SocketAddr>, NotAllowed> {
        if let Some(address) = self.address() {
            return Ok(vec![address]);
        }
        let mut had_any = false;
        let addresses: Vec<_> = resolved
            .into_iter()
            .map(|address| address.to_canonical())
            .inspect(|_| had_any = true)
            .filter(|address| self.allows(*address))
            .map(|address| SocketAddr::new(address, self.port))
            .collect();
        if addresses.is_empty() && had_any {
            return Err(NotAllowed);
        }
        Ok(addresses)
    }

    fn allows(&self, address: IpAddr) -> bool {
        match self.scope {
            Scope::Literal(literal) => literal == address,
            Scope::AnyAddress => true,
            Scope::ListedAddresses => self
                .rules
                .iter()
                .any(|rule| rule.allows_port(self.port) && rule.allows_address(address)),
        }
    }
}

/// The target is none that the listener may dial.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("target not allowed")]
#[non_exhaustive]
pub struct NotAllowed;

#[cfg(test)]
mod tests;
