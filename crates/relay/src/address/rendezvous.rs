//! Rendezvous addresses, at which a listener meets a sender. Pure.

use http::Uri;
use percent_encoding::utf8_percent_encode;

use super::query::VALUE;
use super::{HybridConnection, MAX_URL, TOO_LONG};
use crate::{Error, Result};

/// The status with which a listener rejects.
pub const STATUS_CODE: &str = "sb-hc-statusCode";
/// The reason with which a listener rejects.
pub const STATUS_DESCRIPTION: &str = "sb-hc-statusDescription";

/// Returns the URL with which a listener rejects the connection behind `address`.
///
/// # Errors
///
/// [`Protocol`](crate::ErrorKind::Protocol) if `address` is not a URL or is too
/// long for one; [`InvalidInput`](crate::ErrorKind::InvalidInput) if the reason makes
/// it too long (65,534 bytes, escaped).
pub fn reject_uri(address: &str, status: u16, reason: &str) -> Result<Uri> {
    rendezvous_uri(address)?;
    let escaped = utf8_percent_encode(reason, VALUE)
        .to_string()
        .replace("%20", "+");
    let separator = if address.contains('?') { '&' } else { '?' };
    let text = format!("{address}{separator}{STATUS_CODE}={status}&{STATUS_DESCRIPTION}={escaped}");
    let is_long = text.len() > MAX_URL;
    text.try_into().map_err(|_| {
        let wrong = |text| Error::message(crate::ErrorKind::Protocol, text);
        match is_long {
            // If only both together are too long, the longer one is to blame.
            true if escaped.len() < address.len() => wrong(LONG_ADDRESS),
            true => Error::invalid("reason", TOO_LONG),
            false => wrong(NO_ADDRESS),
        }
    })
}

/// Parses a rendezvous address of the relay.
pub(crate) fn rendezvous_uri(address: &str) -> Result<Uri> {
    let wrong = |text| Error::message(crate::ErrorKind::Protocol, text);
    if address.len() > MAX_URL {
        return Err(wrong(LONG_ADDRESS));
    }
    address.parse().map_err(|_| wrong(NO_ADDRESS))
}

/// Whether a listener of `own` may follow a rendezvous address: a WebSocket with
/// the same encryption as the listener's own, without a user, on the namespace's host
/// or on one that shares the namespace's domain. The relay chooses the port.
pub fn is_trusted_rendezvous(own: &HybridConnection, address: &Uri) -> bool {
    let scheme = if own.plain_text { "ws" } else { "wss" };
    let Some(authority) = address.authority() else {
        return false;
    };
    if address.scheme_str() != Some(scheme) || authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host().to_ascii_lowercase();
    if host == own.host() {
        return true;
    }
    // `g7-x-sb.servicebus.windows.net` shares `servicebus.windows.net` with `contoso.servicebus.windows.net`.
    let domain = |host: &str| {
        let (_, domain) = host.split_once('.')?;
        let is_name = domain.contains('.') && host.parse::<std::net::IpAddr>().is_err();
        is_name.then(|| domain.to_owned())
    };
    domain(&host).is_some_and(|shared| domain(own.host()) == Some(shared))
}

const NO_ADDRESS: &str = "the rendezvous address is not a URL";
const LONG_ADDRESS: &str = "the rendezvous address is longer than a URL can be";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_written_into_the_query() {
        let address = "wss://g7/$hc/hc1?sb-hc-action=accept&sb-hc-id=I_G7";
        assert_eq!(
            reject_uri(address, 403, "No entry: rule 7")
                .unwrap()
                .to_string(),
            format!("{address}&sb-hc-statusCode=403&sb-hc-statusDescription=No+entry%3A+rule+7")
        );
    }

    #[test]
    fn a_refusal_tells_whose_text_is_too_long() {
        let long = "a".repeat(70_000);
        let address = "wss://g7/$hc/hc1?sb-hc-action=accept&sb-hc-id=I_G7";
        let error = reject_uri(address, 403, &long).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        let error = reject_uri(&format!("{address}{long}"), 403, "").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Protocol);
        assert!(error.to_string().contains("longer"), "{error}");
    }

    #[test]
    fn rendezvous_addresses_on_foreign_hosts_are_not_followed() {
        let own = HybridConnection::new("sb://contoso.servicebus.windows.net", "hc1").unwrap();
        for (address, trusted) in [
            ("wss://contoso.servicebus.windows.net/$hc/hc1", true),
            (
                "wss://g63-prod-001-sb.servicebus.windows.net:443/$hc/hc1",
                true,
            ),
            ("wss://G7.ServiceBus.Windows.Net/$hc/hc1", true),
            ("ws://contoso.servicebus.windows.net/$hc/hc1", false),
            ("https://contoso.servicebus.windows.net/$hc/hc1", false),
            ("wss://evil.example/$hc/hc1", false),
            ("wss://servicebus.windows.net.evil.example/$hc/hc1", false),
            ("wss://u@contoso.servicebus.windows.net/", false),
            ("/relative", false),
        ] {
            let uri = address.parse().unwrap();
            assert_eq!(is_trusted_rendezvous(&own, &uri), trusted, "{address}");
        }
        let local = HybridConnection::new("sb://127.0.0.1:1/", "hc1").unwrap();
        assert!(!is_trusted_rendezvous(
            &local,
            &"wss://128.0.0.1/".parse().unwrap()
        ));
    }
}
