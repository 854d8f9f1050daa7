//! Ports, Unix sockets and HTTP sites through Azure Relay Hybrid Connections, on the wires of
//! azbridge and aztunnel.
//!
//! ```text
//! client ─► LocalForwarder ─► relay ─► RemoteForwarder ─► target
//! ```
//!
//! [`LocalForwarder`] binds ports; each connection that it accepts becomes a hybrid connection. [`RemoteForwarder`] listens and
//! dials the targets. Either may be replaced by azbridge or aztunnel. The wires are public as code without I/O:
//! [`preamble`] and [`datagram`], [`envelope`], [`GreetingDecoder`], and azbridge's command line in [`expression`].
//!
//! [`ReverseProxy`] passes HTTP requests and WebSockets on to a site, [`Socks5Options`] make a local port a SOCKS5 server, and
//! [`StreamForwarder`] forwards one stream of the caller's.
//!
//! # Logs and metrics
//!
//! [`Metrics`] are counters to be exported. Logs are events of the `tracing` crate, without data, keys or tokens. What a forwarder
//! logs is in the span `local_forwarder` or `remote_forwarder` (info) with `hybrid_connection`; what concerns one
//! connection also in the span `forward` (debug) with `destination` or `target`, and `tracking_id`, which is the same at both
//! ends and in the service's own logs.
//!
//! | target | level | event | fields |
//! | --- | --- | --- | --- |
//! | `azwire_forward::local` | info | `bound`, `closed` | `address`, `destination` |
//! | `azwire_forward::local::stream` | warn | `failed to accept a connection`, at most every 10 s | `count`, `error` of one |
//! | `azwire_forward::record` | warn | `a connection failed`; at most every 10 s for a target and reason, the others at debug | `count` since the last if there were several, `error`, `cause`, `reason` of [`FailureReason`](metrics::FailureReason) |
//! | | info | `ended early`, a pair whose data was not whole | `after`, `sent`, `received`, `reason`, `error` |
//! | | debug | `open`, `ended` | `after`, `sent`, `received` |
//! | `azwire_forward::remote::control` | warn | `failed to listen, trying again` | `error`, `tracking_id` |
//! | `azwire_forward::http::request` | warn | `the target did not answer a request` | `tracking_id`, `method`, `target`, `status`, `error` |
//! | `azwire_forward::http::websocket` | warn | `the target did not open a WebSocket` | `tracking_id`, `target`, `status`, `error` |
//! | | warn | `WebSockets rejected: too many are open`, at most every 10 s | `count`, `tracking_id` of one |
//! | below these | debug | what is refused by a limit, and single datagrams | |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod allow;
pub mod datagram;
#[cfg(feature = "hyper")]
mod destination;
#[cfg(feature = "hyper")]
mod dial;
pub mod envelope;
#[cfg(feature = "hyper")]
mod error;
pub mod expression;
#[cfg(any(all(test, feature = "hyper"), feature = "_fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod greeting;
mod host_port;
#[cfg(feature = "hyper")]
mod http;
#[cfg(feature = "hyper")]
mod local;
#[cfg(feature = "hyper")]
pub mod metrics;
mod mode;
#[cfg(feature = "hyper")]
mod net;
#[cfg(feature = "hyper")]
mod opening;
#[cfg(feature = "hyper")]
mod options;
#[cfg(feature = "hyper")]
mod pairs;
pub mod preamble;
#[cfg(feature = "hyper")]
mod pump;
#[cfg(feature = "hyper")]
mod record;
#[cfg(feature = "hyper")]
mod remote;
#[cfg(feature = "hyper")]
mod socks5;
#[cfg(feature = "hyper")]
mod stream;

#[cfg(feature = "hyper")]
pub use self::http::{ReverseProxy, TargetUriError};
pub use allow::{AllowList, AllowRule, AllowRuleError, NotAllowed, Permit};
#[cfg(feature = "hyper")]
pub use destination::Destination;
#[cfg(feature = "hyper")]
pub use error::{Error, ErrorKind, Result};
pub use greeting::{Greeting, GreetingDecoder, GreetingError};
pub use host_port::{HostPort, HostPortError};
#[cfg(feature = "hyper")]
pub use local::{LocalForwarder, LocalForwarderBuilder};
#[cfg(feature = "hyper")]
pub use metrics::Metrics;
pub use mode::Mode;
#[cfg(feature = "hyper")]
pub use options::{AddressFamily, ForwardOptions};
/// The crate of the senders and listeners in this API.
#[doc(no_inline)]
#[cfg(feature = "hyper")]
pub use relay;
#[cfg(feature = "hyper")]
pub use remote::{RemoteForwarder, RemoteForwarderBuilder};
#[cfg(feature = "hyper")]
pub use socks5::{Login, LoginError, Socks5Options};
#[cfg(feature = "hyper")]
pub use stream::{StreamForwarder, Transferred};

/// Tests the README's examples.
#[cfg(all(doctest, feature = "hyper"))]
#[doc = include_str!("../README.md")]
struct Readme;
