//! The state of a hybrid connection, as the management endpoint reports it. Pure except for one request.
//!
//! Source: the official .NET client, the only description available.

use auth::Secret;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use roxmltree::{Document, Node};
use transport::{Body, HttpClient, ReasonPhrase, SharedHttpClient};

use crate::sign_in::token_header;
use crate::{Error, ErrorKind, HybridConnection, Result};

/// The state of a hybrid connection, as the service reports it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
#[doc(alias = "HybridConnectionRuntimeInformation")]
pub struct RuntimeInformation {
    /// The path of the hybrid connection, as it was created.
    pub path: Option<String>,
    /// When it was created, in the service's time format (RFC 3339).
    pub created_at: Option<String>,
    /// When it was last changed, in the same format.
    pub updated_at: Option<String>,
    /// The number of connected listeners.
    pub listener_count: u32,
    /// Whether senders need a token.
    pub requires_client_authorization: bool,
    /// The text that the owner attached.
    pub user_metadata: Option<String>,
}

impl RuntimeInformation {
    /// Parses the Atom entry of the service.
    ///
    /// # Errors
    ///
    /// [`EndpointNotFound`](ErrorKind::EndpointNotFound) for a feed, which is
    /// the service's answer when the entity does not exist;
    /// [`Protocol`](ErrorKind::Protocol) for anything else.
    pub fn parse(xml: &str) -> Result<Self> {
        let wrong = |text| Error::message(ErrorKind::Protocol, text);
        let document = document(xml)
            .map_err(|error| Error::new(ErrorKind::Protocol, error).with_context(NO_ENTRY))?;
        let root = document.root_element();
        if root.tag_name().name() == "feed" {
            return Err(Error::message(ErrorKind::EndpointNotFound, NOT_FOUND));
        }
        let description =
            element(root, "HybridConnectionDescription").ok_or_else(|| wrong(NO_ENTRY))?;
        let text = |name| element(description, name).map(content);
        let listener_count = text("ListenerCount")
            .and_then(|count| count.trim().parse().ok())
            .ok_or_else(|| wrong("the entry has no listener count"))?;
        Ok(Self {
            path: element(root, "title").map(content),
            created_at: text("CreatedAt"),
            updated_at: text("UpdatedAt"),
            listener_count,
            // True by default, as in the service.
            requires_client_authorization: text("RequiresClientAuthorization")
                .is_none_or(|value| !matches!(value.trim(), "false" | "0")),
            user_metadata: text("UserMetadata"),
        })
    }
}

pub(crate) async fn runtime_information(
    client: &SharedHttpClient,
    hybrid_connection: &HybridConnection,
    token: Option<&Secret>,
) -> Result<RuntimeInformation> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = hybrid_connection.management_uri()?;
    let headers = request.headers_mut();
    // Without this header the request would be relayed to a listener.
    headers.insert(PROCESS_AT, HeaderValue::from_static("ServiceBus"));
    if let Some(token) = token {
        headers.insert(header::AUTHORIZATION, token_header(token)?);
    }
    let response = client.send(request).await?;
    let (head, body) = response.into_parts();
    let body = match body.collect(MAX_ENTRY).await {
        Ok(body) => body,
        Err(error) if head.status == StatusCode::OK => return Err(error.into()),
        // The status is sufficient.
        Err(_) => Bytes::new(),
    };
    let xml = String::from_utf8_lossy(&body);
    match head.status {
        StatusCode::OK => RuntimeInformation::parse(&xml),
        StatusCode::NO_CONTENT => Err(Error::message(ErrorKind::EndpointNotFound, NOT_FOUND)),
        status => {
            let detail = document(&xml).ok().and_then(|document| {
                let detail = element(document.root(), "Detail")?;
                Some(content(detail))
            });
            let reason = head.extensions.get::<ReasonPhrase>();
            let text = detail
                .or_else(|| reason.map(|reason| reason.as_str().to_owned()))
                .unwrap_or_default();
            Err(
                Error::refused(status, &text).with_kind(match status.as_u16() {
                    401 => ErrorKind::Unauthorized,
                    403 => ErrorKind::QuotaExceeded,
                    404 => ErrorKind::EndpointNotFound,
                    409 => ErrorKind::EndpointAlreadyExists,
                    503 => ErrorKind::ServerBusy,
                    _ => ErrorKind::Other,
                }),
            )
        }
    }
}

/// Parses a document; one with a DTD is rejected, because its entities could expand without limit.
fn document(xml: &str) -> std::result::Result<Document<'_>, roxmltree::Error> {
    // A byte order mark is not part of the document.
    Document::parse(xml.trim_start_matches('\u{feff}').trim_start())
}

/// Returns the first element below `node` with this local name, ignoring its namespace: the
/// service's namespace is not documented.
fn element<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.descendants()
        .find(|node| node.is_element() && node.tag_name().name() == name)
}

/// Returns all text within `node`.
fn content(node: Node<'_, '_>) -> String {
    node.descendants()
        .filter(Node::is_text)
        .filter_map(|node| node.text())
        .collect()
}

const NO_ENTRY: &str = "the response is not an Atom entry";
const NOT_FOUND: &str = "the namespace has no such hybrid connection";
const PROCESS_AT: HeaderName = HeaderName::from_static("x-process-at");
const MAX_ENTRY: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_of_the_service_is_read() {
        let xml = r#"<entry xmlns="http://www.w3.org/2005/Atom"><title type="text">hc1</title>
 <content type="application/xml">
  <HybridConnectionDescription xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">
   <CreatedAt>2024-01-01T00:00:00Z</CreatedAt><UpdatedAt>2024-01-02T00:00:00Z</UpdatedAt>
   <ListenerCount>1</ListenerCount><RequiresClientAuthorization>false</RequiresClientAuthorization>
   <UserMetadata>a &lt;b&gt; &amp;amp; c</UserMetadata>
  </HybridConnectionDescription></content></entry>"#;
        assert_eq!(
            RuntimeInformation::parse(xml).unwrap(),
            RuntimeInformation {
                path: Some("hc1".into()),
                created_at: Some("2024-01-01T00:00:00Z".into()),
                updated_at: Some("2024-01-02T00:00:00Z".into()),
                listener_count: 1,
                requires_client_authorization: false,
                user_metadata: Some("a <b> &amp; c".into()),
            }
        );
        let prefixed = "<?xml version=\"1.0\"?><a:entry xmlns:a=\"urn:a\" xmlns:r=\"urn:r\"><r:HybridConnectionDescription><r:ListenerCount>25</r:ListenerCount><r:UserMetadata/></r:HybridConnectionDescription></a:entry>";
        let read = RuntimeInformation::parse(prefixed).unwrap();
        assert_eq!(
            (read.listener_count, read.requires_client_authorization),
            (25, true)
        );
        assert_eq!(read.user_metadata.as_deref(), Some(""));
    }

    #[test]
    fn the_entry_is_read_as_xml() {
        // A comment, CDATA, numeric references, single quotes, a namespace, a `>` in an
        // attribute, and elements of the same name elsewhere: all look like something they are not.
        let xml = "\u{feff}<?xml version='1.0' encoding='utf-8'?>\n<!-- <title>no</title> -->\
            <a:entry xmlns:a='http://www.w3.org/2005/Atom'><a:title type='a>b'>h&#99;&#x31;</a:title>\
            <a:content><HybridConnectionDescription xmlns='urn:x' xmlns:i='urn:i'>\
            <!-- <ListenerCount>9</ListenerCount> --><ListenerCount>\n 2 </ListenerCount>\
            <UserMetadata><![CDATA[a <b> &amp; c]]> &amp;lt; &quot;\u{e9}&quot;</UserMetadata>\
            <RequiresClientAuthorization >0</RequiresClientAuthorization >\
            </HybridConnectionDescription></a:content></a:entry>";
        let read = RuntimeInformation::parse(xml).unwrap();
        assert_eq!(read.path.as_deref(), Some("hc1"));
        assert_eq!(
            (read.listener_count, read.requires_client_authorization),
            (2, false)
        );
        assert_eq!(
            read.user_metadata.as_deref(),
            Some("a <b> &amp; c &lt; \"\u{e9}\"")
        );
    }

    #[test]
    fn nesting_without_end_is_no_end_of_the_stack() {
        let error = RuntimeInformation::parse(&"<a>".repeat(MAX_ENTRY / 3)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }

    #[test]
    fn a_feed_means_that_nothing_is_there_and_the_rest_is_an_error() {
        let feed = r#"<feed xmlns="http://www.w3.org/2005/Atom"><title>x</title></feed>"#;
        let error = RuntimeInformation::parse(feed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EndpointNotFound);
        for broken in [
            "",
            "<",
            "<entry>",
            "<HybridConnectionDescription>",
            "nothing of it",
            "<a/><b/>",
            "<!DOCTYPE a [<!ENTITY x \"1\">]><HybridConnectionDescription><ListenerCount>&x;</ListenerCount></HybridConnectionDescription>",
            "<HybridConnectionDescription><ListenerCount>4294967296</ListenerCount></HybridConnectionDescription>",
            "<HybridConnectionDescription></HybridConnectionDescription>",
            "<HybridConnectionDescription><ListenerCount>-1</ListenerCount></HybridConnectionDescription>",
        ] {
            let error = RuntimeInformation::parse(broken).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "{broken}");
        }
    }
}
