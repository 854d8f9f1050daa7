//! Loopback hosts.

use std::net::IpAddr;

/// Whether `host`, an address or a name without its port, is the local machine:
/// `localhost` and its subdomains (RFC 6761 §6.3), 127.0.0.0/8, or `::1`, also as an
/// IPv6 form of an IPv4 address, with or without brackets.
pub fn is_loopback(host: &str) -> bool {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    match host.len().checked_sub(LOCALHOST.len()) {
        Some(0) => host.eq_ignore_ascii_case(LOCALHOST),
        Some(below) => {
            let (below, name) = (&host.as_bytes()[..below], &host.as_bytes()[below..]);
            below.ends_with(b".") && name.eq_ignore_ascii_case(LOCALHOST.as_bytes())
        }
        None => false,
    }
}

const LOCALHOST: &str = "localhost";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_knows_itself() {
        for (host, expected) in [
            ("localhost", true),
            ("LOCALHOST", true),
            ("app.localhost", true),
            ("a.b.Localhost", true),
            ("127.0.0.1", true),
            ("127.1.2.3", true),
            ("[::1]", true),
            ("::1", true),
            ("[::ffff:127.0.0.1]", true),
            ("::2", false),
            ("10.0.0.1", false),
            ("notlocalhost", false),
            ("localhost.example", false),
            ("[localhost", false),
            ("contoso.webpubsub.azure.com", false),
            ("ølocalhost", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
