//! Ports, Unix sockets and HTTP sites through Azure Relay Hybrid Connections, on the wires of
//! azbridge and aztunnel.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod allow;
pub mod datagram;
pub mod envelope;
pub mod expression;
#[cfg(any(test, feature = "_fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod greeting;
mod host_port;
mod http;
mod mode;
pub mod preamble;

pub use self::http::{ReverseProxy, TargetUriError};
pub use allow::{AllowList, AllowRule, AllowRuleError, NotAllowed, Permit};
pub use greeting::{Greeting, GreetingDecoder, GreetingError};
pub use host_port::{HostPort, HostPortError};
pub use mode::Mode;
