//! The connection string of a namespace.

use std::str::FromStr;
use std::time::Duration;

use auth::{Secret, SharedAccessKey};

use crate::{Error, HybridConnection, Result};

/// A parsed connection string:
/// `Endpoint=sb://{host}/;SharedAccessKeyName={rule};SharedAccessKey={key};EntityPath={path}`.
///
/// An empty value counts as absent, except for `Endpoint` and `OperationTimeout`.
/// `OperationTimeout` is a time span in .NET's notation, `hh:mm[:ss[.fffffff]]`, optionally
/// preceded by days and `.` or `:`; a bare number is rejected, because it means days to
/// .NET and seconds to Java. A repeated key is rejected, where .NET uses the
/// last one.
///
/// `UseDevelopmentEmulator=true` selects plaintext instead of TLS; the official
/// clients do not support this key. `Debug` hides keys and signatures.
///
/// ```
/// use azwire_relay::ConnectionString;
///
/// let text = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=send;\
///             SharedAccessKey=bm90LWEtcmVhbC1rZXk=;EntityPath=hc1";
/// let parsed: ConnectionString = text.parse()?;
/// assert_eq!(parsed.entity_path(), Some("hc1"));
/// assert_eq!(parsed.hybrid_connection()?.host(), "contoso.servicebus.windows.net");
/// assert!(!format!("{parsed:?}").contains("bm90"));
/// # Ok::<(), azwire_relay::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionString {
    endpoint: String,
    entity_path: Option<String>,
    credential: Option<ConnectionStringCredential>,
    operation_timeout: Option<Duration>,
    plain_text: bool,
}

/// The credential in a connection string.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionStringCredential {
    /// A rule name and its key.
    Key(SharedAccessKey),
    /// An existing SAS token.
    Signature(Secret),
    /// `Authentication=Managed Identity`: a token of Entra ID, which the caller provides.
    ManagedIdentity,
}

impl ConnectionString {
    /// Returns the namespace's address, with the scheme `sb`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Returns the path of the hybrid connection, if the string names one.
    pub fn entity_path(&self) -> Option<&str> {
        self.entity_path.as_deref()
    }

    /// Returns the credential; `None` for anonymous senders.
    pub fn credential(&self) -> Option<&ConnectionStringCredential> {
        self.credential.as_ref()
    }

    /// Returns the time limit of operations. Default: one minute.
    ///
    /// If the string sets it, it applies to a listener's attempts to open the control
    /// channel, and to a sender's connections and response heads.
    pub fn operation_timeout(&self) -> Duration {
        self.operation_timeout
            .unwrap_or(Self::DEFAULT_OPERATION_TIMEOUT)
    }

    /// Returns the time limit, if the string sets one.
    #[cfg(any(feature = "listener", feature = "sender"))]
    pub(crate) fn written_timeout(&self) -> Option<Duration> {
        self.operation_timeout
    }

    /// Returns the hybrid connection that the string names.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) without an `EntityPath`.
    pub fn hybrid_connection(&self) -> Result<HybridConnection> {
        let path = self.entity_path().ok_or_else(|| {
            Error::invalid(
                "connection_string",
                "EntityPath must name a hybrid connection",
            )
        })?;
        self.hybrid_connection_at(path)
    }

    /// Returns the hybrid connection `path` of the namespace, ignoring `EntityPath`.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an invalid path.
    pub fn hybrid_connection_at(&self, path: &str) -> Result<HybridConnection> {
        Ok(HybridConnection::new(&self.endpoint, path)?.with_plain_text(self.plain_text))
    }

    /// One minute, the default of the official .NET client.
    pub const DEFAULT_OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
}

impl FromStr for ConnectionString {
    type Err = Error;

    /// Parses a connection string by the rules of the official .NET client; an
    /// unknown key is an error that names it.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |rule: &str| Error::invalid("connection_string", rule);
        let parts = auth::ConnectionString::parse(text).map_err(auth::Error::from)?;
        parts.deny_unknown(KEYS).map_err(auth::Error::from)?;
        // As in .NET, an empty value counts as absent.
        let value = |key| parts.get(key).filter(|value| !value.is_empty());
        let endpoint = parts.require("Endpoint").map_err(auth::Error::from)?;
        if scheme(endpoint).is_some_and(|scheme| scheme.eq_ignore_ascii_case("hc")) {
            return Err(wrong(
                "Endpoint belongs to BizTalk Hybrid Connections, a different product",
            ));
        }
        let endpoint = canonical(endpoint);
        // Any path serves to check the endpoint.
        HybridConnection::new(&endpoint, "x")?;
        let key = match (value("SharedAccessKeyName"), value("SharedAccessKey")) {
            (Some(name), Some(key)) => {
                Some(SharedAccessKey::parse(name, key).map_err(Error::from)?)
            }
            (None, None) => None,
            _ => {
                return Err(wrong(
                    "SharedAccessKeyName and SharedAccessKey must be used together",
                ));
            }
        };
        let signature = value("SharedAccessSignature");
        let managed = match value("Authentication") {
            None => false,
            Some(kind)
                if kind
                    .replace(' ', "")
                    .eq_ignore_ascii_case("ManagedIdentity") =>
            {
                true
            }
            Some(_) => return Err(wrong("Authentication must be Managed Identity")),
        };
        let credential = match (key, signature, managed) {
            (Some(key), None, false) => Some(ConnectionStringCredential::Key(key)),
            (None, Some(token), false) => {
                Some(ConnectionStringCredential::Signature(Secret::new(token)))
            }
            (None, None, true) => Some(ConnectionStringCredential::ManagedIdentity),
            (None, None, false) => None,
            _ => {
                return Err(wrong(
                    "a key, a SharedAccessSignature and Authentication are mutually exclusive",
                ));
            }
        };
        let operation_timeout = match parts.get("OperationTimeout") {
            None => None,
            Some(text) => {
                let timeout = time_span(text).filter(|timeout| !timeout.is_zero());
                let rule = "OperationTimeout must be hours:minutes:seconds, optionally preceded by days, and greater than zero";
                Some(timeout.ok_or_else(|| wrong(rule))?)
            }
        };
        let plain_text = match value("UseDevelopmentEmulator") {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("true") => true,
            Some(value) if value.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err(wrong("UseDevelopmentEmulator must be true or false")),
        };
        Ok(Self {
            endpoint,
            entity_path: value("EntityPath").map(str::to_owned),
            credential,
            operation_timeout,
            plain_text,
        })
    }
}

fn scheme(endpoint: &str) -> Option<&str> {
    endpoint.split_once("://").map(|(scheme, _)| scheme)
}

/// Returns the endpoint with the scheme `sb`. The official .NET client uses only the host and port
/// of a connection string's endpoint and always speaks TLS; portals and people
/// also write `https`.
fn canonical(endpoint: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, rest))
            if scheme.eq_ignore_ascii_case("sb") || scheme.eq_ignore_ascii_case("https") =>
        {
            format!("sb://{rest}")
        }
        _ => endpoint.to_owned(),
    }
}

/// Parses what .NET's `TimeSpan.Parse` accepts, except a bare number, which is days to
/// .NET and seconds to Java: `hh:mm`, `hh:mm:ss`, `d.hh:mm`, `d.hh:mm:ss` and
/// `d:hh:mm:ss`; those with seconds may have a fraction of up to seven digits.
fn time_span(text: &str) -> Option<Duration> {
    let (whole, fraction) = match text.rsplit_once('.') {
        // The other point separates days and hours.
        Some((whole, fraction)) if !fraction.contains(':') => (whole, Some(fraction)),
        _ => (text, None),
    };
    let (days, clock) = match whole.split_once('.') {
        Some((days, clock)) => (Some(days), clock),
        None => (None, whole),
    };
    let fields: Vec<&str> = clock.split(':').collect();
    let (days, hours, minutes, seconds) = match (days, &fields[..]) {
        (_, [hours, minutes]) if fraction.is_none() => (days.unwrap_or("0"), *hours, *minutes, "0"),
        (_, [hours, minutes, seconds]) => (days.unwrap_or("0"), *hours, *minutes, *seconds),
        (None, [days, hours, minutes, seconds]) => (*days, *hours, *minutes, *seconds),
        _ => return None,
    };
    let days = number(days, MAX_DAYS)?;
    let (hours, minutes) = (number(hours, 23)?, number(minutes, 59)?);
    let seconds = number(seconds, 59)? + 60 * (minutes + 60 * (hours + 24 * days));
    let nanos = match fraction {
        None => 0,
        Some(digits) if digits.len() <= TICK_DIGITS => {
            let ticks = number(digits, u64::MAX)?;
            ticks * 10_u64.pow((NANO_DIGITS - digits.len()) as u32)
        }
        Some(_) => return None,
    };
    Some(Duration::from_secs(seconds) + Duration::from_nanos(nanos))
}

/// Parses a number that consists of digits only and is at most `max`.
fn number(text: &str, max: u64) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_digits)?;
    (number <= max).then_some(number)
}

/// The days of .NET's longest `TimeSpan`.
const MAX_DAYS: u64 = 10_675_199;
/// .NET counts in ticks of 100 ns.
const TICK_DIGITS: usize = 7;
const NANO_DIGITS: usize = 9;

const KEYS: &[&str] = &[
    "Endpoint",
    "EntityPath",
    "SharedAccessKeyName",
    "SharedAccessKey",
    "SharedAccessSignature",
    "OperationTimeout",
    "Authentication",
    "UseDevelopmentEmulator",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConnectionString> {
        text.parse()
    }

    #[test]
    fn the_official_grammar_is_read() {
        let parsed = parse("Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey=abc==;EntityPath=hc1").unwrap();
        assert_eq!(parsed.entity_path(), Some("hc1"));
        let Some(ConnectionStringCredential::Key(key)) = parsed.credential() else {
            panic!("expected a key");
        };
        assert_eq!((key.name(), key.key().expose()), ("listen", "abc=="));

        let parsed =
            parse("endpoint=sb://contoso.servicebus.windows.net;entitypath=team/a/hc1;;").unwrap();
        assert!(parsed.credential().is_none());
        assert_eq!(parsed.hybrid_connection().unwrap().path(), "team/a/hc1");

        let parsed = parse("Endpoint=sb://x/;Authentication=managed identity").unwrap();
        assert!(matches!(
            parsed.credential(),
            Some(ConnectionStringCredential::ManagedIdentity)
        ));

        let parsed = parse("Endpoint=sb://x/;OperationTimeout=00:01:30").unwrap();
        assert_eq!(parsed.operation_timeout(), Duration::from_secs(90));

        let parsed =
            parse("Endpoint=sb://127.0.0.1:9080/;EntityPath=hc1;UseDevelopmentEmulator=true")
                .unwrap();
        assert!(parsed.hybrid_connection().unwrap().is_plain_text());
    }

    #[test]
    fn time_spans_are_read_as_dotnet_reads_them() {
        let day = 86_400_000;
        for (text, millis) in [
            ("00:01:30", 90_000),
            ("0:1:30", 90_000),
            ("00:01", 60_000),
            ("23:59:59", day - 1000),
            ("1.00:00:00", day),
            ("1.02:03", day + 7_380_000),
            ("6:12:14:45", 6 * day + 44_085_000),
            ("00:00:01.5", 1500),
            ("00:00:00.0010000", 1),
            ("1.00:00:00.25", day + 250),
            ("6:12:14:45.344", 6 * day + 44_085_344),
            ("0010:00:00", 36_000_000),
            ("10675199.00:00:00", 10_675_199 * day),
        ] {
            let read = time_span(text).map(|span| span.as_millis());
            assert_eq!(read, Some(millis), "{text}");
        }
        for text in [
            "",
            "90",
            "1.5",
            ":",
            "::",
            "24:00:00",
            "00:60:00",
            "00:00:60",
            "-00:01:00",
            "+00:01:00",
            "00:01:30.",
            "00:01:30.12345678",
            "00:01.5",
            "1.2.3",
            "1.2:3:4:5",
            "1:2:3:4:5",
            "10675200.00:00:00",
            "00:01:3x",
            "00: 1:30",
            "00:00:1e1",
            "١:00:00",
            "99999999999999999999:00:00",
        ] {
            assert_eq!(time_span(text), None, "{text}");
        }
    }

    #[test]
    fn an_empty_value_is_as_good_as_none() {
        let text = "Endpoint=sb://x/;EntityPath=;SharedAccessKeyName=;SharedAccessKey= ;\
                    SharedAccessSignature=;Authentication=;UseDevelopmentEmulator=";
        let parsed = parse(text).unwrap();
        assert!(parsed.credential().is_none() && parsed.entity_path().is_none());
        let parsed = parse(&text.replace("Authentication=", "Authentication=ManagedIdentity"));
        assert!(matches!(
            parsed.unwrap().credential(),
            Some(ConnectionStringCredential::ManagedIdentity)
        ));
        // A name without a key is a mistake, as is one with an empty key.
        parse("Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=").unwrap_err();
        parse("Endpoint=sb://x/;OperationTimeout=").unwrap_err();
        parse("Endpoint=").unwrap_err();
    }

    #[test]
    fn endpoints_are_read_as_dotnet_reads_them() {
        for (endpoint, authority) in [
            (
                "sb://Contoso.servicebus.windows.net",
                "contoso.servicebus.windows.net",
            ),
            (
                "SB://contoso.servicebus.windows.net/",
                "contoso.servicebus.windows.net",
            ),
            (
                "https://contoso.servicebus.windows.net/",
                "contoso.servicebus.windows.net",
            ),
            (
                "HTTPS://contoso.servicebus.windows.net:8443/x?y#z",
                "contoso.servicebus.windows.net:8443",
            ),
            ("sb://[::1]:8443/", "[::1]:8443"),
        ] {
            let parsed = parse(&format!("Endpoint={endpoint};EntityPath=hc1")).unwrap();
            assert!(parsed.endpoint().starts_with("sb://"), "{endpoint}");
            let place = parsed.hybrid_connection().unwrap();
            assert_eq!(place.authority(), authority);
            assert!(!place.is_plain_text());
        }
        for endpoint in [
            "http://x/",
            "wss://x/",
            "contoso",
            "sb:",
            "sb:/x",
            "sb://",
            "https://",
            "HC://x/",
        ] {
            let error = parse(&format!("Endpoint={endpoint}")).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{endpoint}");
        }
    }

    #[test]
    fn errors_name_the_part_and_hide_secrets() {
        for (text, named) in [
            ("Endpoint=contoso.servicebus.windows.net", "endpoint"),
            (
                "Endpoint=sb://x/;SharedAccessKeyName=hush",
                "SharedAccessKeyName",
            ),
            (
                "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=hush;SharedAccessSignature=hush",
                "exclusive",
            ),
            (
                "Endpoint=sb://x/;Authentication=ManagedIdentity;SharedAccessKeyName=a;SharedAccessKey=hush",
                "exclusive",
            ),
            ("Endpoint=sb://x/;OperationTimeout=90", "OperationTimeout"),
            (
                "Endpoint=sb://x/;OperationTimeout=00:00:00",
                "OperationTimeout",
            ),
            ("Endpoint=sb://x/;Foo=hush", "Foo"),
            ("Endpoint=sb://x/;hush", "part 2"),
            ("Endpoint=hc://x.hybrid.biztalk.windows.net/y", "BizTalk"),
            ("", "empty"),
            (
                "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=hush;sharedaccesskey=hush",
                "sharedaccesskey",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{text}");
            // The top level says it: not every program prints the chain.
            assert!(error.to_string().contains(named), "{text}: {error}");
            let mut printed = format!("{error} {error:?}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                printed.push_str(&cause.to_string());
                source = cause.source();
            }
            assert!(!printed.contains("hush"), "{text}: {printed}");
        }
    }
}
