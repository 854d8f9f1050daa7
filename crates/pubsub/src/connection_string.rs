//! The connection string of a Web PubSub resource: an endpoint and an access key.

use std::str::FromStr;

use auth::{AccessKey, ConnectionStringError, Secret};

use crate::{Endpoint, Error, Result};

/// A parsed connection string: `Endpoint=https://{name}.webpubsub.azure.com;AccessKey={key};Version=1.0;`,
/// with an optional `Port`. `Debug` hides the key.
///
/// ```
/// use azwire_pubsub::ConnectionString;
///
/// let text = "Endpoint=http://localhost;Port=8080;AccessKey=abc=;Version=1.0;";
/// let parsed: ConnectionString = text.parse()?;
/// assert_eq!(parsed.endpoint().as_str(), "http://localhost:8080");
/// # Ok::<(), azwire_pubsub::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConnectionString {
    endpoint: Endpoint,
    access_key: AccessKey,
}

impl ConnectionString {
    /// Returns the address of the resource.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the access key.
    pub fn access_key(&self) -> &AccessKey {
        &self.access_key
    }
}

impl FromStr for ConnectionString {
    type Err = Error;

    /// Parses what the official .NET client accepts, and also an endpoint without a
    /// scheme, which is `https`. Keys are compared ignoring case. `Version`, unknown keys, and
    /// parts without a key or a `=` are ignored, as long as the endpoint and the key are there.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), naming the problem: a
    /// missing, empty or invalid endpoint or key, or a repeated key. If the endpoint or the key is missing and
    /// a part would be ignored, such as a mistyped `AccesKey`, it names that part.
    fn from_str(text: &str) -> Result<Self> {
        let whole = text;
        let has_key = |part: &&str| {
            let pair = part.split_once('=');
            pair.is_some_and(|(key, _)| !key.trim().is_empty())
        };
        let parts: Vec<&str> = text.split(';').filter(has_key).collect();
        let text = Secret::new(parts.join(";"));
        let parts = match auth::ConnectionString::parse(text.expose()) {
            Err(ConnectionStringError::Empty) => auth::ConnectionString::parse(whole),
            parts => parts,
        };
        let parts = parts.map_err(auth::Error::from)?;
        let require = |key| {
            let value = parts.require(key);
            value.map_err(|missing| {
                let ignored = auth::ConnectionString::parse(whole)
                    .and_then(|parts| parts.deny_unknown(KEYS))
                    .err()
                    .filter(|_| parts.get(key).is_none());
                auth::Error::from(ignored.unwrap_or(missing))
            })
        };
        let endpoint = require("Endpoint")?;
        let endpoint = if endpoint.contains("://") {
            endpoint.to_owned()
        } else {
            format!("https://{endpoint}")
        };
        let mut endpoint: Endpoint = endpoint.parse()?;
        if let Some(port) = parts.get("Port") {
            let port: u16 = port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                Error::from(auth::Error::from(ConnectionStringError::InvalidValue {
                    key: "Port".to_owned(),
                    reason: "must be 1 to 65535".to_owned(),
                }))
            })?;
            endpoint = endpoint.with_port(port)?;
        }
        let key = require("AccessKey")?;
        Ok(Self {
            endpoint,
            access_key: AccessKey::parse(key).map_err(Error::from)?,
        })
    }
}

/// The keys with a meaning, and `Version`, which the portal writes.
const KEYS: &[&str] = &["AccessKey", "Endpoint", "Port", "Version"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_official_dotnet_client_takes_is_read() {
        const HOST: &str = "https://contoso.webpubsub.azure.com";
        for (text, endpoint, key) in [
            (
                "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=a=b==;Version=1.0;",
                HOST,
                "a=b==",
            ),
            (
                "accesskey=k;endpoint=https://contoso.webpubsub.azure.com",
                HOST,
                "k",
            ),
            (
                "ENDPOINT = https://contoso.webpubsub.azure.com ; ACCESSKEY = k ;",
                HOST,
                "k",
            ),
            (
                "\nEndpoint=https://contoso.webpubsub.azure.com;\r\nAccessKey=k\n",
                HOST,
                "k",
            ),
            (
                "Endpoint=HTTPS://Contoso.WebPubSub.Azure.com/;AccessKey=k",
                HOST,
                "k",
            ),
            (
                "Endpoint=https://contoso.webpubsub.azure.com///;AccessKey=k",
                HOST,
                "k",
            ),
            (
                "Endpoint=contoso.webpubsub.azure.com;AccessKey=k",
                HOST,
                "k",
            ),
            // Empty values, unknown keys, and parts without effect.
            (
                "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=k;Version=;Foo=;Bar=1",
                HOST,
                "k",
            ),
            (
                ";;Endpoint=https://contoso.webpubsub.azure.com;; ;AccessKey=k;;",
                HOST,
                "k",
            ),
            (
                "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=k;foo",
                HOST,
                "k",
            ),
            (
                "Endpoint=https://contoso.webpubsub.azure.com;=x; =y;AccessKey=k",
                HOST,
                "k",
            ),
            (
                "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=k;Version=2.0-preview",
                HOST,
                "k",
            ),
            // Ports in the spellings that .NET accepts.
            (
                "Endpoint=http://localhost;Port=8080;AccessKey=k",
                "http://localhost:8080",
                "k",
            ),
            (
                "Endpoint=http://localhost;Port= 08080 ;AccessKey=k",
                "http://localhost:8080",
                "k",
            ),
            (
                "Endpoint=http://localhost;Port=+8080;AccessKey=k",
                "http://localhost:8080",
                "k",
            ),
            (
                "Endpoint=http://localhost:1;Port=65535;AccessKey=k",
                "http://localhost:65535",
                "k",
            ),
            (
                "Endpoint=http://[::1]:1/a/;Port=2;AccessKey=k",
                "http://[::1]:2/a",
                "k",
            ),
        ] {
            let parsed: ConnectionString = text.parse().unwrap();
            assert_eq!(parsed.endpoint().as_str(), endpoint, "{text}");
            assert_eq!(parsed.access_key().key().expose(), key, "{text}");
        }
    }

    #[test]
    fn what_the_official_dotnet_client_refuses_is_refused() {
        for bad in [
            "",
            ";",
            "foo",
            "AccessKey=k",
            "Endpoint=;AccessKey=k",
            "Endpoint=https://;AccessKey=k",
            "Endpoint=ftp://h;AccessKey=k",
            "Endpoint=https://h",
            "Endpoint=https://h;AccessKey",
            "Endpoint=https://h;AccessKey=",
            "Endpoint=https://h;AccessKey=k;Port=",
            "Endpoint=https://h;AccessKey=k;Port=0",
            "Endpoint=https://h;AccessKey=k;Port=-1",
            "Endpoint=https://h;AccessKey=k;Port=x",
            "Endpoint=https://h;AccessKey=k;Port=65536",
            "Endpoint=https://h;AccessKey=k;AccessKey=l",
            "Endpoint=https://h;AccessKey=k;foo=1;FOO=2",
        ] {
            let error = bad.parse::<ConnectionString>().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{bad}");
            assert!(!error.to_string().contains("not valid"), "{bad}: {error}");
        }
    }
}
