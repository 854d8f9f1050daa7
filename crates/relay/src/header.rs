//! Names that are on the wire: headers and reserved query parameters.
//!
//! Source: the Azure Relay Hybrid Connections protocol guide.

use http::HeaderName;

/// The token of a listener or sender, without a scheme.
pub const SERVICE_BUS_AUTHORIZATION: HeaderName =
    HeaderName::from_static("servicebusauthorization");

/// What a listener or sender is, for the service's log.
pub const RELAY_USER_AGENT: HeaderName = HeaderName::from_static("relay-user-agent");

/// Of a sender: the ids of the listeners that may get it, separated by commas;
/// the id is the one that a listener opened its control channel with. 404 when none of them is connected.
/// Undocumented; the live tests of the official .NET client rely on it.
pub const ALLOWED_LISTENERS: HeaderName =
    HeaderName::from_static("microsoft-relay-allowedlisteners");

/// Of a sender: the ids of the listeners that may not get it.
pub const DISALLOWED_LISTENERS: HeaderName =
    HeaderName::from_static("microsoft-relay-disallowedlisteners");

/// Every query parameter with this prefix belongs to the relay and is not the application's.
pub const RESERVED_PREFIX: &str = "sb-hc-";
/// What a WebSocket opening is for: `listen`, `connect`, `accept` or `request`.
pub const ACTION: &str = "sb-hc-action";
/// The tracking id, a GUID.
pub const ID: &str = "sb-hc-id";
/// The token, for those who cannot set headers.
pub const TOKEN: &str = "sb-hc-token";
/// The status with which a listener refuses.
pub const STATUS_CODE: &str = "sb-hc-statusCode";
/// The reason with which a listener refuses.
pub const STATUS_DESCRIPTION: &str = "sb-hc-statusDescription";
