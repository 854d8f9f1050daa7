//! The client side of TLS over rustls, with one constructor per provider. Shell.
//!
//! The provider is always passed explicitly: in a dependency tree that compiles both,
//! there is no process-wide default, and asking for it panics.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "rustls-ring")]
use std::sync::LazyLock;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, NamedGroup, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::sync::OnceCell;

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
    config: Config,
    provider: &'static str,
}

#[derive(Clone)]
enum Config {
    /// Made with the connector.
    Ready(Arc<ClientConfig>),
    /// Made at the first connection that needs it.
    #[cfg_attr(
        not(any(test, feature = "rustls-ring")),
        expect(dead_code, reason = "only the default is lazy")
    )]
    Lazy(Arc<LazyConfig>),
}

struct LazyConfig {
    load: fn() -> Result<Arc<ClientConfig>>,
    loaded: OnceCell<Arc<ClientConfig>>,
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

    /// Returns the rustls configuration. The first call may load the roots; if that
    /// fails, the next call tries again.
    pub(crate) async fn config(&self) -> Result<Arc<ClientConfig>> {
        match &self.config {
            Config::Ready(config) => Ok(Arc::clone(config)),
            Config::Lazy(lazy) => lazy.get().await,
        }
    }

    /// Whether root certificates are in memory.
    pub(crate) fn has_roots(&self) -> bool {
        match &self.config {
            Config::Ready(_) => true,
            Config::Lazy(lazy) => lazy.loaded.initialized(),
        }
    }

    fn new(name: &'static str, provider: CryptoProvider, roots: RootCertificates) -> Result<Self> {
        Ok(Self {
            config: Config::Ready(config(provider, roots)?),
            provider: name,
        })
    }

    #[cfg(any(test, feature = "rustls-ring"))]
    fn lazy(name: &'static str, load: fn() -> Result<Arc<ClientConfig>>) -> Self {
        Self {
            config: Config::Lazy(Arc::new(LazyConfig {
                load,
                loaded: OnceCell::new(),
            })),
            provider: name,
        }
    }
}

impl LazyConfig {
    async fn get(&self) -> Result<Arc<ClientConfig>> {
        let load = || async {
            // Reading the platform's store takes milliseconds, in which other tasks would wait.
            let loading = tokio::task::spawn_blocking(self.load);
            loading.await.map_err(|error| {
                Error::new(ErrorKind::Tls, error)
                    .with_context("the root certificates could not be loaded")
            })?
        };
        self.loaded.get_or_try_init(load).await.cloned()
    }
}

/// Returns the TLS connector of the process: *ring* and the roots of the platform, which
/// are loaded at the first TLS connection.
///
/// Each call returns a clone, so all share the roots and the sessions. If the platform
/// provides no roots, the connection fails with [`Tls`](ErrorKind::Tls). The failure is
/// not remembered: the next connection finds roots that have been installed since.
#[cfg(feature = "rustls-ring")]
impl Default for TlsConnector {
    fn default() -> Self {
        static SHARED: LazyLock<TlsConnector> = LazyLock::new(|| {
            TlsConnector::lazy("ring", || {
                let provider = rustls::crypto::ring::default_provider();
                config(provider, RootCertificates::platform())
            })
        });
        SHARED.clone()
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector")
            .field("provider", &self.provider)
            .field("has_roots", &self.has_roots())
            .finish_non_exhaustive()
    }
}

fn config(provider: CryptoProvider, roots: RootCertificates) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(prefer_p384(provider));
    let verifier = verifier(roots, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Tls, error))?
        // "Dangerous" because it accepts any verifier: one of the usual two, unless the caller says otherwise.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok(Arc::new(config))
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
            let provider = Arc::clone(provider);
            // Windows would look for an unknown authority a second time among no roots.
            let verifier = if roots.extra.is_empty() {
                rustls_platform_verifier::Verifier::new(provider)
            } else {
                rustls_platform_verifier::Verifier::new_with_extra_roots(roots.extra, provider)
            };
            let verifier = verifier.map_err(|error| {
                Error::new(ErrorKind::Tls, error)
                    .with_context("the platform provides no root certificates")
            })?;
            return Ok(Arc::new(verifier));
        }
        #[cfg(feature = "webpki-roots")]
        Base::Webpki => store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Base::Any => return Ok(Arc::new(AnyCertificate(Arc::clone(provider)))),
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

/// Accepts every certificate, but only from a peer that has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// The number of servers whose sessions are kept; rustls' own default.
const SESSIONS: usize = 256;

#[cfg(all(test, any(feature = "rustls-ring", feature = "rustls-aws-lc-rs")))]
mod tests {
    #[cfg(feature = "rustls-ring")]
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[tokio::test]
    async fn every_provider_offers_p384_first_and_keeps_the_other_groups() {
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
            let config = connector.config().await.unwrap();
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

    #[cfg(feature = "rustls-ring")]
    #[tokio::test]
    async fn defaults_share_what_the_first_connection_loads() {
        let (one, other) = (TlsConnector::default(), TlsConnector::default());
        let config = one.config().await.unwrap();
        assert!(other.has_roots());
        assert!(Arc::ptr_eq(&config, &other.config().await.unwrap()));
    }

    #[cfg(feature = "rustls-ring")]
    #[tokio::test]
    async fn roots_are_loaded_once_and_a_failure_is_tried_again() {
        static LOADS: AtomicUsize = AtomicUsize::new(0);
        let connector = TlsConnector::lazy("ring", || match LOADS.fetch_add(1, Relaxed) {
            0 => Err(Error::message(ErrorKind::Tls, "no roots yet")),
            1 => panic!("the store is broken"),
            _ => config(
                rustls::crypto::ring::default_provider(),
                RootCertificates::platform(),
            ),
        });
        let clone = connector.clone();
        assert_eq!((LOADS.load(Relaxed), clone.has_roots()), (0, false));
        for text in ["no roots yet", "the root certificates could not be loaded"] {
            let error = connector.config().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tls);
            assert_eq!(error.to_string(), text);
            assert!(!error.may_be_delivered() && !clone.has_roots());
        }
        let (one, other) = tokio::join!(connector.config(), clone.config());
        assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()));
        assert_eq!((LOADS.load(Relaxed), clone.has_roots()), (3, true));
    }

    /// A runtime that goes away while it loads leaves the roots to the next.
    #[cfg(feature = "rustls-ring")]
    #[test]
    fn roots_are_shared_by_the_runtimes_of_a_process() {
        let connector = TlsConnector::lazy("ring", || {
            config(
                rustls::crypto::ring::default_provider(),
                RootCertificates::platform(),
            )
        });
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
        };
        let first = runtime();
        first.block_on(async {
            let mut loading = Box::pin(connector.config());
            assert!(futures_util::poll!(&mut loading).is_pending());
        });
        drop(first);
        let config = runtime().block_on(connector.config()).unwrap();
        let again = runtime().block_on(connector.config()).unwrap();
        assert!(Arc::ptr_eq(&config, &again));
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
