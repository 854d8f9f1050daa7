//! The namespace's connection string, typed.

use std::str::FromStr;
use std::time::Duration;

use auth::{Secret, SharedAccessKey};

use crate::{Error, HybridConnection, Result};

/// A parsed connection string:
/// `Endpoint=sb://{host}/;SharedAccessKeyName={rule};SharedAccessKey={key};EntityPath={path}`.
///
/// `UseDevelopmentEmulator=true` means plain text instead of TLS; the official
/// clients know no such key. `Debug` hides keys and signatures.
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

/// What a connection string offers to sign with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionStringCredential {
    /// A rule and its key.
    Key(SharedAccessKey),
    /// A ready SAS token.
    Signature(Secret),
    /// `Authentication=Managed Identity`: a token of Entra ID, which the caller brings.
    ManagedIdentity,
}

impl ConnectionString {
    /// The namespace's address, as written.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The path of the hybrid connection, if the string names one.
    pub fn entity_path(&self) -> Option<&str> {
        self.entity_path.as_deref()
    }

    /// What to sign with; `None` for anonymous senders.
    pub fn credential(&self) -> Option<&ConnectionStringCredential> {
        self.credential.as_ref()
    }

    /// The time limit of operations; one minute unless the string says otherwise.
    ///
    /// A listener takes one that is written for a try to open its control
    /// channel, a sender for a connection and for the head of a response.
    pub fn operation_timeout(&self) -> Duration {
        self.operation_timeout
            .unwrap_or(Self::DEFAULT_OPERATION_TIMEOUT)
    }

    /// The time limit, if the string has one.
    #[cfg(any(feature = "listener", feature = "sender"))]
    pub(crate) fn written_timeout(&self) -> Option<Duration> {
        self.operation_timeout
    }

    /// The hybrid connection that the string names.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when there is no `EntityPath`.
    pub fn hybrid_connection(&self) -> Result<HybridConnection> {
        let path = self.entity_path().ok_or_else(|| {
            Error::invalid(
                "connection_string",
                "EntityPath must name a hybrid connection",
            )
        })?;
        self.hybrid_connection_at(path)
    }

    /// The hybrid connection `path` of the namespace, whatever `EntityPath` says.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a bad path.
    pub fn hybrid_connection_at(&self, path: &str) -> Result<HybridConnection> {
        Ok(HybridConnection::new(&self.endpoint, path)?.with_plain_text(self.plain_text))
    }

    /// One minute, the official .NET client's default.
    pub const DEFAULT_OPERATION_TIMEOUT: Duration = Duration::from_secs(60);
}

impl FromStr for ConnectionString {
    type Err = Error;

    /// Reads a connection string by the rules of the official .NET client; an
    /// unknown key is an error that names it.
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |rule: &str| Error::invalid("connection_string", rule);
        let parts = auth::ConnectionString::parse(text).map_err(auth::Error::from)?;
        parts.deny_unknown(KEYS).map_err(auth::Error::from)?;
        let endpoint = parts.require("Endpoint").map_err(auth::Error::from)?;
        if endpoint.starts_with("hc://") {
            return Err(wrong(
                "Endpoint is of BizTalk Hybrid Connections, another product",
            ));
        }
        // Any path serves to check the endpoint.
        HybridConnection::new(endpoint, "x")?;
        let key = match (
            parts.get("SharedAccessKeyName"),
            parts.get("SharedAccessKey"),
        ) {
            (Some(name), Some(key)) => {
                Some(SharedAccessKey::parse(name, key).map_err(Error::from)?)
            }
            (None, None) => None,
            _ => {
                return Err(wrong(
                    "SharedAccessKeyName and SharedAccessKey come together or not at all",
                ));
            }
        };
        let signature = parts.get("SharedAccessSignature");
        let managed = match parts.get("Authentication") {
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
                    "a key, a SharedAccessSignature and Authentication exclude each other",
                ));
            }
        };
        let operation_timeout = match parts.get("OperationTimeout") {
            None => None,
            Some(text) => {
                let timeout = time_span(text).filter(|timeout| !timeout.is_zero());
                let rule = "OperationTimeout must be hours:minutes:seconds over zero";
                Some(timeout.ok_or_else(|| wrong(rule))?)
            }
        };
        let plain_text = match parts.get("UseDevelopmentEmulator") {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("true") => true,
            Some(value) if value.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err(wrong("UseDevelopmentEmulator must be true or false")),
        };
        Ok(Self {
            endpoint: endpoint.to_owned(),
            entity_path: parts.get("EntityPath").map(str::to_owned),
            credential,
            operation_timeout,
            plain_text,
        })
    }
}

/// Reads `[d.]hh:mm:ss`. A bare number is refused: it means days to .NET and seconds to Java.
fn time_span(text: &str) -> Option<Duration> {
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) if clock.contains(':') => (days.parse().ok()?, clock),
        _ => (0u64, text),
    };
    let mut fields = clock.split(':');
    let (hours, minutes): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let seconds: f64 = fields
        .next()?
        .parse()
        .ok()
        .filter(|s| (0.0..60.0).contains(s))?;
    if fields.next().is_some() || hours > 23 || minutes > 59 {
        return None;
    }
    let whole = days
        .checked_mul(86_400)?
        .checked_add(hours * 3600 + minutes * 60)?;
    Duration::from_secs(whole).checked_add(Duration::from_secs_f64(seconds))
}

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
            panic!("a key was expected");
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
    fn errors_name_the_part_and_hide_secrets() {
        for (text, named) in [
            ("Endpoint=contoso.servicebus.windows.net", "endpoint"),
            (
                "Endpoint=sb://x/;SharedAccessKeyName=hush",
                "SharedAccessKeyName",
            ),
            (
                "Endpoint=sb://x/;SharedAccessKeyName=a;SharedAccessKey=hush;SharedAccessSignature=hush",
                "exclude",
            ),
            (
                "Endpoint=sb://x/;Authentication=ManagedIdentity;SharedAccessKeyName=a;SharedAccessKey=hush",
                "exclude",
            ),
            ("Endpoint=sb://x/;OperationTimeout=90", "OperationTimeout"),
            (
                "Endpoint=sb://x/;OperationTimeout=00:00:00",
                "OperationTimeout",
            ),
            ("Endpoint=sb://x/;Foo=hush", "Foo"),
            ("Endpoint=sb://x/;hush", ""),
            ("Endpoint=hc://x.hybrid.biztalk.windows.net/y", "BizTalk"),
            ("", ""),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{text}");
            let mut printed = format!("{error} {error:?}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                printed.push_str(&cause.to_string());
                source = cause.source();
            }
            assert!(printed.contains(named), "{text}: {printed}");
            assert!(!printed.contains("hush"), "{text}: {printed}");
        }
    }
}
