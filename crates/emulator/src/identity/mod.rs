//! Entra ID without a cloud: an authority that issues tokens, really checks them, and knows what
//! each principal may do.
//!
//! Every answer is a function from a request and the time to a response; `port.rs` alone
//! reads from the network.

mod authority;
mod caller;
mod documents;
mod environment;
mod form;
mod handle;
mod keys;
mod managed_identity;
mod mint;
mod now;
mod oauth;
mod port;
mod principal;
mod recording;
mod resource;
mod serve;
#[cfg(test)]
mod tests;
mod token;
mod token_endpoint;
mod verifier;

pub(crate) use self::authority::Authority;
#[cfg(feature = "pubsub")]
pub(crate) use self::caller::Caller;
pub use self::environment::SignIn;
pub use self::handle::Identity;
pub use self::mint::EntraToken;
pub(crate) use self::now::Now;
pub(crate) use self::port::respond;
pub(crate) use self::resource::Resource;
pub(crate) use self::serve::serve;
#[cfg(feature = "pubsub")]
pub(crate) use self::verifier::SKEW;
#[cfg(feature = "relay")]
pub(crate) use self::verifier::TokenError;
