//! Opening a socket: the client access URL, the recovery parameters, the subprotocol. Shell.

use auth::Secret;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use transport::{Handshake, HandshakeRequest, SharedWebSocketConnector, WebSocketConnector};

use super::ClientCredential;
use crate::protocol::Subprotocol;
use crate::session::DialTarget;
use crate::{DialError, Error, ErrorKind, Result};

/// A dialer, which opens sockets and stores the URL for recovery.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) credential: ClientCredential,
    pub(super) connector: SharedWebSocketConnector,
    pub(super) subprotocol: Option<Subprotocol>,
    /// The URL that was opened last.
    pub(super) last_url: Option<Secret>,
}

/// The result of an attempt.
pub(super) struct Dialed {
    /// The URL, if the credential returned one.
    pub(super) url: Option<Secret>,
    pub(super) result: Result<Handshake, (DialError, Error)>,
}

impl Dialer {
    pub(super) fn dial(&self, target: DialTarget) -> BoxFuture<'static, Dialed> {
        let credential = self.credential.clone();
        let connector = self.connector.clone();
        let subprotocol = self.subprotocol;
        let last_url = self.last_url.clone();
        async move {
            let url = match (&target, &last_url) {
                (DialTarget::Recover { .. }, Some(url)) => Ok(url.clone()),
                _ => credential.fetch().await,
            };
            let url = match url {
                Ok(url) => url,
                Err(error) => {
                    return Dialed {
                        url: None,
                        result: Err((DialError::Credential, error)),
                    };
                }
            };
            let is_same_url = last_url.as_ref() == Some(&url);
            let result = open(&url, &target, &connector, subprotocol)
                .await
                .map_err(|error| (classify(&error, is_same_url), error));
            Dialed {
                url: Some(url),
                result,
            }
        }
        .boxed()
    }
}

async fn open(
    url: &Secret,
    target: &DialTarget,
    connector: &SharedWebSocketConnector,
    subprotocol: Option<Subprotocol>,
) -> Result<Handshake> {
    let address = address(url, target)?;
    let mut request = HandshakeRequest::new(address.clone());
    if let Some(subprotocol) = subprotocol {
        request = request.with_subprotocol(subprotocol.as_str());
    }
    let opened = connector
        .connect(request)
        .await
        .map_err(|error| super::error::handshake(error, &address))?;
    if opened.subprotocol.as_deref() != subprotocol.map(Subprotocol::as_str) {
        return Err(Error::message(
            ErrorKind::Protocol,
            "the service did not accept the requested subprotocol",
        ));
    }
    Ok(opened)
}

/// Source for the two parameters: the client protocol specification of Azure Web PubSub.
fn address(url: &Secret, target: &DialTarget) -> Result<Uri> {
    let url = url.expose();
    // RFC 3986 §3.5: a fragment is for the client only and is not sent.
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    // Some SDKs do not escape hub names in the URLs that they generate.
    let mut address = utf8_percent_encode(url, UNESCAPED).to_string();
    // RFC 3986 §3.1: schemes are case-insensitive.
    if let Some(end) = address.find("://") {
        address[..end].make_ascii_lowercase();
    }
    if let DialTarget::Recover {
        connection_id,
        reconnection_token,
    } = target
    {
        let separator = if address.contains('?') { '&' } else { '?' };
        let connection_id = utf8_percent_encode(connection_id, NON_ALPHANUMERIC);
        let token = utf8_percent_encode(reconnection_token.expose(), NON_ALPHANUMERIC);
        address.extend([
            format!("{separator}awps_connection_id={connection_id}"),
            format!("&awps_reconnection_token={token}"),
        ]);
    }
    let uri: Uri = address.parse().map_err(|_| {
        // The error of the parser would print the URL, which contains the token.
        Error::message(
            ErrorKind::InvalidInput,
            "the client access URL is not a URL",
        )
    })?;
    if !matches!(uri.scheme_str(), Some("ws" | "wss")) || uri.host().is_none() {
        return Err(Error::message(
            ErrorKind::InvalidInput,
            "the client access URL must begin with ws:// or wss:// and name a host",
        ));
    }
    Ok(uri)
}

/// The characters that a hub name may contain but `Uri` rejects.
const UNESCAPED: &AsciiSet = &AsciiSet::EMPTY.add(b'`');

fn classify(error: &Error, is_same_url: bool) -> DialError {
    match (error.status(), error.kind()) {
        (Some(status), _) => DialError::Refused {
            status: status.as_u16(),
            is_same_url,
        },
        (None, ErrorKind::InvalidInput) => DialError::Credential,
        (None, ErrorKind::Protocol) => DialError::Subprotocol,
        _ => DialError::Transport,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_keeps_the_url_and_adds_two_parameters() {
        let target = DialTarget::Recover {
            connection_id: "a b".to_owned(),
            reconnection_token: Secret::new("x+/="),
        };
        let parameters = "awps_connection_id=a%20b&awps_reconnection_token=x%2B%2F%3D";
        for (url, expected) in [
            (
                "ws://h/client/hubs/c?access_token=t",
                format!("ws://h/client/hubs/c?access_token=t&{parameters}"),
            ),
            ("ws://h/x", format!("ws://h/x?{parameters}")),
        ] {
            let uri = address(&Secret::new(url), &target).unwrap();
            assert_eq!(uri.to_string(), expected);
            let uri = address(&Secret::new(url), &DialTarget::New).unwrap();
            assert_eq!(uri.to_string(), url);
        }
    }

    #[test]
    fn client_urls_of_other_sdks_are_taken() {
        let target = || DialTarget::Recover {
            connection_id: "c".to_owned(),
            reconnection_token: Secret::new("r"),
        };
        let parameters = "awps_connection_id=c&awps_reconnection_token=r";
        for (url, expected) in [
            ("ws://h/x?access_token=t#part", "ws://h/x?access_token=t"),
            ("ws://h/x?access_token=t#", "ws://h/x?access_token=t"),
            ("ws://h/x?access_token=t#a?b", "ws://h/x?access_token=t"),
            ("ws://h/x?access_token=t#a#b", "ws://h/x?access_token=t"),
            ("WSS://h/x?access_token=t", "wss://h/x?access_token=t"),
            (
                "ws://h/a_`,.[z]?access_token=t",
                "ws://h/a_%60,.[z]?access_token=t",
            ),
            (
                "ws://h/a_%60%2C?access_token=t",
                "ws://h/a_%60%2C?access_token=t",
            ),
            ("Ws://h/x?access_token=T", "ws://h/x?access_token=T"),
        ] {
            let uri = address(&Secret::new(url), &DialTarget::New).unwrap();
            assert_eq!(uri.to_string(), expected, "{url}");
            let uri = address(&Secret::new(url), &target()).unwrap();
            assert_eq!(uri.to_string(), format!("{expected}&{parameters}"), "{url}");
        }
        let uri = address(&Secret::new("ws://h/x#a?b"), &target()).unwrap();
        assert_eq!(uri.to_string(), format!("ws://h/x?{parameters}"));
    }

    #[test]
    fn what_is_no_client_access_url_is_refused_without_being_printed() {
        for url in [
            "",
            "secret-token",
            "http://h/?access_token=secret-token",
            "ws://",
        ] {
            let error = address(&Secret::new(url), &DialTarget::New).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
            assert!(!format!("{error} {error:?}").contains("secret"), "{url}");
        }
    }
}
