//! The client side of TLS over rustls, with one constructor per provider. Shell.
//!
//! The provider is always passed explicitly: in a dependency tree that compiles both,
//! there is no process-wide default, and asking for it panics.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{NamedGroup, RootCertStore};

use super::{Base, RootCertificates};
use crate::{Error, ErrorKind, Result};

/// The client side of TLS 1.2 and 1.3: trusted roots, cryptography, and the
/// sessions kept for resumption. Clones share the sessions.
///
/// - secp384r1 is offered first, because Azure Relay's front ends require it;
///   a client that offers another group pays a round trip on each cold connection.
/// - Sessions are kept for 256 servers, so that later connections can resume them.
/// - HTTP/1.1 only: ALPN is not used.
#[derive(Clone)]
pub struct TlsConnector {
    // `Default` cannot return an error of the platform, so the first use reports it.
    config: Result<Arc<ClientConfig>, Arc<str>>,
    provider: &'static str,
}

impl TlsConnector {
    /// Creates a connector that uses *ring* for cryptography.
    ///
    /// # Errors
    ///
    /// [`Tls`](ErrorKind::Tls) if the platform provides no root certificates, or
    /// `roots` is empty.
    #[cfg(feature = "rustls-ring")]
    pub fn ring(roots: RootCertificates) -> Result<Self> {
        Self::new("ring", rustls::crypto::ring::default_provider(), roots)
    }

    /// Creates a connector that uses AWS-LC for cryptography.
    ///
    /// # Errors
    ///
    /// [`Tls`](ErrorKind::Tls) if the platform provides no root certificates, or
    /// `roots` is empty.
    #[cfg(feature = "rustls-aws-lc-rs")]
    pub fn aws_lc_rs(roots: RootCertificates) -> Result<Self> {
        Self::new(
            "aws-lc-rs",
            rustls::crypto::aws_lc_rs::default_provider(),
            roots,
        )
    }

    /// Returns the rustls configuration.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>> {
        self.config
            .clone()
            .map_err(|reason| Error::message(ErrorKind::Tls, reason.to_string()))
    }

    fn new(name: &'static str, provider: CryptoProvider, roots: RootCertificates) -> Result<Self> {
        let provider = Arc::new(prefer_p384(provider));
        let verifier = verifier(roots, &provider)?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Tls, error))?
            // "Dangerous" only because it accepts any verifier; these are the usual two.
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Self {
            config: Ok(Arc::new(config)),
            provider: name,
        })
    }
}

/// Uses *ring* and the platform's roots. If the platform provides none, every
/// connection fails with an error that says so.
#[cfg(feature = "rustls-ring")]
impl Default for TlsConnector {
    fn default() -> Self {
        Self::ring(RootCertificates::platform()).unwrap_or_else(|error| Self {
            config: Err(error.to_string().into()),
            provider: "ring",
        })
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector")
            .field("provider", &self.provider)
            .field("error", &self.config.as_ref().err())
            .finish_non_exhaustive()
    }
}

/// Moves secp384r1 to the front; rustls sends a key share for the first group.
fn prefer_p384(mut provider: CryptoProvider) -> CryptoProvider {
    provider
        .kx_groups
        .sort_by_key(|group| group.name() != NamedGroup::secp384r1);
    provider
}

fn verifier(
    roots: RootCertificates,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let mut store = RootCertStore::empty();
    match roots.base {
        Base::Platform => {
            let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(
                roots.extra,
                Arc::clone(provider),
            )
            .map_err(|error| {
                Error::new(ErrorKind::Tls, error)
                    .with_context("the platform provides no root certificates")
            })?;
            return Ok(Arc::new(verifier));
        }
        #[cfg(feature = "webpki-roots")]
        Base::Webpki => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Base::None => {}
    }
    store.add_parsable_certificates(roots.extra);
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Tls, error).with_context("no root certificate is trusted")
            })?;
    Ok(verifier)
}

/// The number of servers whose sessions are kept; rustls' own default.
const SESSIONS: usize = 256;

#[cfg(all(test, any(feature = "rustls-ring", feature = "rustls-aws-lc-rs")))]
mod tests {
    use super::*;

    #[test]
    fn every_provider_offers_p384_first_and_keeps_the_other_groups() {
        // With both providers compiled in, asking for the process-wide default would panic.
        let connectors = [
            #[cfg(feature = "rustls-ring")]
            TlsConnector::default(),
            #[cfg(feature = "rustls-ring")]
            TlsConnector::ring(RootCertificates::platform()).unwrap(),
            #[cfg(feature = "rustls-aws-lc-rs")]
            TlsConnector::aws_lc_rs(RootCertificates::platform()).unwrap(),
        ];
        for connector in connectors {
            let config = connector.config().unwrap();
            let groups = &config.crypto_provider().kx_groups;
            assert_eq!(groups[0].name(), NamedGroup::secp384r1, "{connector:?}");
            assert!(
                groups
                    .iter()
                    .any(|group| group.name() == NamedGroup::X25519)
            );
            assert!(config.alpn_protocols.is_empty());
        }
    }

    #[cfg(feature = "webpki-roots")]
    #[test]
    fn mozillas_roots_can_be_had_instead_of_the_platforms() {
        #[cfg(feature = "rustls-ring")]
        TlsConnector::ring(RootCertificates::webpki()).unwrap();
        #[cfg(feature = "rustls-aws-lc-rs")]
        TlsConnector::aws_lc_rs(RootCertificates::webpki()).unwrap();
    }
}
