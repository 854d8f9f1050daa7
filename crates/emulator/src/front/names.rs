//! The emulator's addresses and names: what stands in endpoints, and which hosts are its own. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use transport::_internal::is_loopback;

use crate::certificate;
use crate::config::Config;
use crate::{Error, Result};

/// The addresses and names of one emulator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    /// Where to listen; empty is loopback.
    hosts: Vec<IpAddr>,
    /// In lower case; an IPv6 address has no brackets.
    advertised: Option<String>,
    /// The further names of the certificate, in lower case.
    further: Vec<String>,
}

impl Names {
    pub(crate) fn of(config: &Config) -> Result<Self> {
        Ok(Self {
            hosts: without_covered(&config.hosts),
            advertised: config.advertise.as_deref().map(advertised).transpose()?,
            further: config
                .certificate_names
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        })
    }

    /// Returns the addresses to listen on; empty is loopback.
    pub(super) fn hosts(&self) -> &[IpAddr] {
        &self.hosts
    }

    /// Whether other machines can reach the emulator.
    pub(super) fn is_beyond_loopback(&self) -> bool {
        self.hosts.iter().any(|host| !host.is_loopback())
    }

    /// Returns the host of plaintext endpoints, as URLs have it.
    pub(crate) fn plain_host(&self) -> String {
        self.host(|| {
            if self.reaches(Ipv4Addr::LOCALHOST.into()) {
                "127.0.0.1"
            } else {
                "[::1]"
            }
        })
    }

    /// Returns the host of TLS endpoints, as URLs have it.
    pub(crate) fn secure_host(&self) -> String {
        self.host(|| "localhost")
    }

    /// Returns the names that the certificate needs, besides those of loopback.
    pub(crate) fn certificate_names(&self) -> Vec<String> {
        let hosts = self.hosts.iter().filter(|host| !host.is_unspecified());
        let hosts = hosts.map(IpAddr::to_string);
        let advertised = self.advertised.iter().cloned();
        let mut names: Vec<String> = self.further.clone();
        for name in advertised.chain(hosts) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Whether a host, with or without its port, is the emulator: a loopback name, the advertised
    /// name, a name of the certificate, or an address that it listens on. `local` is
    /// the address of the connection.
    ///
    /// A web page can have its own names lead here, but none of these.
    pub(crate) fn is_ours(&self, host: &str, local: Option<IpAddr>) -> bool {
        let host = without_port(host);
        if is_loopback(host) || self.is_advertised(host) {
            return true;
        }
        if let Ok(address) = without_brackets(host).parse::<IpAddr>() {
            return local == Some(address)
                || self
                    .hosts
                    .iter()
                    .any(|host| *host == address || host.is_unspecified());
        }
        self.further
            .iter()
            .any(|name| name.eq_ignore_ascii_case(host))
    }

    /// Whether a host, with or without its port, is the advertised one.
    pub(crate) fn is_advertised(&self, host: &str) -> bool {
        let host = without_brackets(without_port(host));
        self.advertised
            .as_ref()
            .is_some_and(|name| name.eq_ignore_ascii_case(host))
    }

    /// Returns the advertised host, as URLs have it.
    #[cfg(feature = "relay")]
    pub(crate) fn advertised_host(&self) -> Option<String> {
        self.advertised.as_deref().map(in_url)
    }

    /// Returns the host and port for addresses that a client opens next: the host that it used,
    /// or the advertised one if a proxy in between replaced it by a host that is not ours.
    #[cfg(feature = "relay")]
    pub(crate) fn next_host(&self, used: &str, local: Option<IpAddr>) -> String {
        let host = without_port(used);
        let is_under = |name: &String| {
            let end = name.strip_prefix('*').unwrap_or_default();
            !end.is_empty() && host.to_ascii_lowercase().ends_with(end)
        };
        let is_named = self.further.iter().any(is_under) || self.is_ours(used, local);
        if self.advertised.is_none() || is_named {
            return used.to_owned();
        }
        let port = &used[without_port(used).len()..];
        self.plain_host() + port
    }

    fn host(&self, loopback: impl FnOnce() -> &'static str) -> String {
        if let Some(name) = &self.advertised {
            return in_url(name);
        }
        let is_single = |host: &&IpAddr| !host.is_unspecified();
        let beyond = |host: &&IpAddr| !host.is_loopback();
        let mut single = self.hosts.iter().filter(is_single);
        if let Some(host) = single.clone().find(beyond) {
            return in_url(&host.to_string());
        }
        let is_usual =
            self.reaches(Ipv4Addr::LOCALHOST.into()) || self.reaches(Ipv6Addr::LOCALHOST.into());
        match single.next() {
            // Such as 127.0.0.2, which no name leads to.
            Some(host) if !is_usual => in_url(&host.to_string()),
            _ => loopback().to_owned(),
        }
    }

    /// Whether the emulator listens on an address.
    fn reaches(&self, address: IpAddr) -> bool {
        self.hosts.is_empty()
            || self.hosts.iter().any(|host| {
                *host == address || host.is_unspecified() && host.is_ipv4() == address.is_ipv4()
            })
    }
}

/// Returns the addresses without those that come twice or that `0.0.0.0` or `::` includes.
fn without_covered(hosts: &[IpAddr]) -> Vec<IpAddr> {
    let mut kept: Vec<IpAddr> = Vec::new();
    for host in hosts {
        let has = |all: &IpAddr| all.is_unspecified() && all.is_ipv4() == host.is_ipv4();
        let is_covered = !host.is_unspecified() && hosts.iter().any(has);
        if !is_covered && !kept.contains(host) {
            kept.push(*host);
        }
    }
    kept
}

/// Checks a name to advertise.
fn advertised(name: &str) -> Result<String> {
    let bare = without_brackets(name);
    let is_good = match bare.parse::<IpAddr>() {
        Ok(address) => !address.is_unspecified(),
        Err(_) => bare == name && !name.starts_with('*') && certificate::is_name(name),
    };
    if is_good {
        return Ok(bare.to_ascii_lowercase());
    }
    Err(Error::message(format!(
        "cannot advertise {name:?} (--advertise): it is neither a host name nor an address that clients can connect to"
    )))
}

/// Returns a host without its port. Both are as in a URL.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => host,
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn in_url(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str], advertise: Option<&str>) -> Names {
        let config = Config {
            hosts: hosts.iter().map(|host| host.parse().unwrap()).collect(),
            advertise: advertise.map(str::to_owned),
            certificate_names: vec!["*.servicebus.windows.net".into(), "My.example".into()],
            ..Config::default()
        };
        Names::of(&config).unwrap()
    }

    #[test]
    fn endpoints_name_what_clients_reach() {
        for (hosts, advertise, plain, secure) in [
            (&[][..], None, "127.0.0.1", "localhost"),
            (&["127.0.0.1"], None, "127.0.0.1", "localhost"),
            (&["::1"], None, "[::1]", "localhost"),
            (&["0.0.0.0"], None, "127.0.0.1", "localhost"),
            (&["::"], None, "[::1]", "localhost"),
            (&["::", "0.0.0.0"], None, "127.0.0.1", "localhost"),
            (&["127.0.0.2"], None, "127.0.0.2", "127.0.0.2"),
            (&["127.0.0.1", "10.0.0.1"], None, "10.0.0.1", "10.0.0.1"),
            (&["fd00::1"], None, "[fd00::1]", "[fd00::1]"),
            (&["0.0.0.0"], Some("Emulator"), "emulator", "emulator"),
            (&[], Some("[FD00::2]"), "[fd00::2]", "[fd00::2]"),
            (&[], Some("10.0.0.3"), "10.0.0.3", "10.0.0.3"),
        ] {
            let names = names(hosts, advertise);
            assert_eq!(names.plain_host(), plain, "{hosts:?} {advertise:?}");
            assert_eq!(names.secure_host(), secure, "{hosts:?} {advertise:?}");
        }
    }

    #[test]
    fn the_certificate_is_for_every_name_that_clients_use() {
        let names = names(&["10.0.0.1", "::", "127.0.0.2"], Some("Emulator"));
        let expected = [
            "*.servicebus.windows.net",
            "my.example",
            "emulator",
            "10.0.0.1",
            "127.0.0.2",
        ];
        assert_eq!(names.certificate_names(), expected);
    }

    #[test]
    fn addresses_within_all_addresses_are_left_out() {
        for (hosts, kept) in [
            (
                &["127.0.0.1", "0.0.0.0", "::1"][..],
                &["0.0.0.0", "::1"][..],
            ),
            (&["::1", "::", "0.0.0.0"], &["::", "0.0.0.0"]),
            (&["::1", "::1"], &["::1"]),
        ] {
            let kept: Vec<IpAddr> = kept.iter().map(|host| host.parse().unwrap()).collect();
            assert_eq!(names(hosts, None).hosts(), kept);
        }
        assert!(!names(&[], None).is_beyond_loopback());
        assert!(!names(&["127.0.0.2", "::1"], None).is_beyond_loopback());
        assert!(names(&["127.0.0.1", "::"], None).is_beyond_loopback());
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for bad in [
            "", "a b", "a:80", "http://a", "*.a", "0.0.0.0", "::", "[a]", "ä", "a/b", "[::1]:80",
        ] {
            let config = Config {
                advertise: Some(bad.to_owned()),
                ..Config::default()
            };
            let error = Names::of(&config).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
            assert!(error.contains("--advertise"), "{error}");
        }
    }

    #[test]
    fn a_host_is_ours_if_no_stranger_can_own_it() {
        let local = Some(IpAddr::from([10, 0, 0, 7]));
        let ours = names(&["10.0.0.1", "fd00::1"], Some("emulator"));
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("app.localhost", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("10.0.0.1:8080", true),
            ("10.0.0.7", true),
            ("10.0.0.8", false),
            ("[fd00::1]:80", true),
            ("[fd00::2]", false),
            ("Emulator:8080", true),
            ("emulator.example", false),
            ("my.example:443", true),
            ("x.servicebus.windows.net", false),
            ("*.servicebus.windows.net", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("", false),
            (":80", false),
        ] {
            assert_eq!(ours.is_ours(host, local), expected, "{host}");
        }
        assert!(!names(&[], None).is_ours("10.0.0.8", local));
        assert!(names(&["0.0.0.0"], None).is_ours("10.0.0.8", local));
        assert!(!names(&["0.0.0.0"], None).is_ours("evil.example", local));
    }

    #[cfg(feature = "relay")]
    #[test]
    fn a_foreign_host_is_replaced_by_the_advertised_one() {
        let ours = names(&[], Some("fd00::2"));
        for (used, next) in [
            ("localhost:9443", "localhost:9443"),
            ("[fd00::2]:1", "[fd00::2]:1"),
            ("A.servicebus.windows.net:1", "A.servicebus.windows.net:1"),
            ("proxy.internal:9443", "[fd00::2]:9443"),
            ("proxy.internal", "[fd00::2]"),
        ] {
            assert_eq!(ours.next_host(used, None), next);
        }
        let unnamed = names(&[], None);
        assert_eq!(unnamed.next_host("contoso.net:1", None), "contoso.net:1");
    }
}
