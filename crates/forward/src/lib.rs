//! Ports, Unix sockets and HTTP sites through Azure Relay Hybrid Connections, on the wires of
//! azbridge and aztunnel.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod allow;
pub mod datagram;
mod destination;
mod dial;
pub mod envelope;
mod error;
pub mod expression;
#[cfg(any(test, feature = "_fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod greeting;
mod host_port;
mod http;
mod local;
pub mod metrics;
mod mode;
mod net;
mod opening;
mod options;
mod pairs;
pub mod preamble;
mod pump;
mod record;
mod remote;

pub use self::http::{ReverseProxy, TargetUriError};
pub use allow::{AllowList, AllowRule, AllowRuleError, NotAllowed, Permit};
pub use destination::Destination;
pub use error::{Error, ErrorKind, Result};
pub use greeting::{Greeting, GreetingDecoder, GreetingError};
pub use host_port::{HostPort, HostPortError};
pub use local::{LocalForwarder, LocalForwarderBuilder};
pub use metrics::Metrics;
pub use mode::Mode;
pub use options::{AddressFamily, ForwardOptions};
pub use remote::{RemoteForwarder, RemoteForwarderBuilder};
