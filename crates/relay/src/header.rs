//! Names that are on the wire: headers and reserved query parameters.
//!
//! Source: the Azure Relay Hybrid Connections protocol guide.

use http::HeaderName;

/// The token of a listener or sender, without a scheme.
pub const SERVICE_BUS_AUTHORIZATION: HeaderName =
    HeaderName::from_static("servicebusauthorization");

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
