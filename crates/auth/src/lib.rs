//! SAS tokens, JSON Web Tokens and token providers for Azure Web PubSub and Azure Relay.
//!
//! Everything except the providers is pure: keys, text and the current time go in, tokens
//! and verdicts come out. The only async parts are two small traits,
//! [`TokenProvider`] and [`TokenCredential`], and the cache around the first;
//! none of them needs a runtime. This crate opens no connections: fetching a token
//! is left to implementations of those traits.
#![cfg_attr(feature = "_hmac", doc = "", doc = include_str!("../README.md"))]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Items behind a private feature name the public features that enable it.
#![cfg_attr(docsrs, doc(auto_cfg(hide(feature = "_hmac"))))]
#![cfg_attr(
    not(feature = "_internal"),
    allow(
        unreachable_pub,
        reason = "some of it is used by the sister crates only"
    )
)]

#[cfg(feature = "_internal")]
#[doc(hidden)]
pub mod _internal;
mod access_token;
mod cache;
mod clock;
mod connection_string;
mod credential;
#[cfg(feature = "_internal")]
mod environment;
mod error;
mod jwt;
mod key;
mod lock;
mod provider;
mod report;
mod sas;
mod secret;

#[cfg(feature = "aad")]
mod aad;
#[cfg(feature = "_hmac")]
mod hmac;
#[cfg(all(feature = "_internal", feature = "ring"))]
mod rsa;

pub use crate::access_token::AccessToken;
pub use crate::cache::{CacheOptions, Lookup, TokenCache};
pub use crate::clock::{Clock, FixedClock, SharedClock, SystemClock};
pub use crate::connection_string::{ConnectionString, ConnectionStringError};
pub use crate::credential::{EntraTokenProvider, SharedTokenCredential, TokenCredential};
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::jwt::{Claims, JwtError};
pub use crate::key::{AccessKey, SharedAccessKey};
pub use crate::provider::{
    CachedTokenProvider, SharedTokenProvider, StaticTokenProvider, TokenFn, TokenProvider, token_fn,
};
pub use crate::sas::{Audience, SasError, SasToken};
pub use crate::secret::Secret;
/// The attribute for implementations of this crate's traits.
#[doc(no_inline)]
pub use async_trait::async_trait;

#[cfg(feature = "aad")]
pub use crate::aad::AzureCoreCredential;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use crate::jwt::{JwtSigner, JwtVerifier};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use crate::provider::{JwtTokenProvider, SasTokenProvider};
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
pub use crate::sas::{KeySlot, SasRule, SasSigner, SasVerifier, VerifiedSas};
