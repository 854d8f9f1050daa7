//! The server side of TLS, for tests and local servers. Shell.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{Error, ErrorKind, Result};

/// The server side of TLS 1.2 and 1.3: a certificate chain and its key.
/// Clones share the sessions that clients can resume.
///
/// Client certificates are not requested, and ALPN is not used.
#[derive(Clone)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
    identity: Arc<Identity>,
}

impl TlsAcceptor {
    /// Creates an acceptor that uses *ring* for cryptography.
    ///
    /// `chain` holds certificates in DER, the server's own first; `key` is its
    /// private key in DER (PKCS#8, SEC 1 or PKCS#1).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the chain is empty, the key
    /// is malformed, or the two do not match.
    #[cfg(feature = "rustls-ring")]
    pub fn ring(chain: impl IntoIterator<Item = Vec<u8>>, key: &[u8]) -> Result<Self> {
        Self::new(rustls::crypto::ring::default_provider(), chain, key)
    }

    /// Creates an acceptor that uses AWS-LC for cryptography.
    ///
    /// `chain` holds certificates in DER, the server's own first; `key` is its
    /// private key in DER (PKCS#8, SEC 1 or PKCS#1).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the chain is empty, the key
    /// is malformed, or the two do not match.
    #[cfg(feature = "rustls-aws-lc-rs")]
    pub fn aws_lc_rs(chain: impl IntoIterator<Item = Vec<u8>>, key: &[u8]) -> Result<Self> {
        Self::new(rustls::crypto::aws_lc_rs::default_provider(), chain, key)
    }

    /// Replaces the certificate for new connections. Open connections and
    /// resumed sessions are not affected.
    ///
    /// # Errors
    ///
    /// Those of the constructors; the previous certificate stays in use then.
    pub fn renew(&self, chain: impl IntoIterator<Item = Vec<u8>>, key: &[u8]) -> Result<()> {
        let key = certified(self.config.crypto_provider(), chain, key)?;
        self.identity.set(key);
        Ok(())
    }

    /// Returns the rustls configuration.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    #[cfg_attr(
        not(any(feature = "rustls-ring", feature = "rustls-aws-lc-rs")),
        expect(
            dead_code,
            reason = "each provider's feature has a constructor that calls it"
        )
    )]
    fn new(
        provider: CryptoProvider,
        chain: impl IntoIterator<Item = Vec<u8>>,
        key: &[u8],
    ) -> Result<Self> {
        let provider = Arc::new(provider);
        let identity = Arc::new(Identity(RwLock::new(certified(&provider, chain, key)?)));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Tls, error))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&identity) as Arc<dyn ResolvesServerCert>);
        Ok(Self {
            config: Arc::new(config),
            identity,
        })
    }
}

/// The certificate that the server presents.
#[derive(Debug)]
struct Identity(RwLock<Arc<CertifiedKey>>);

impl Identity {
    fn set(&self, key: Arc<CertifiedKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&key))
    }
}

fn certified(
    provider: &CryptoProvider,
    chain: impl IntoIterator<Item = Vec<u8>>,
    key: &[u8],
) -> Result<Arc<CertifiedKey>> {
    let chain: Vec<_> = chain.into_iter().map(CertificateDer::from).collect();
    if chain.is_empty() {
        return Err(invalid("the certificate chain is empty"));
    }
    let key = PrivateKeyDer::try_from(key.to_vec())
        .map_err(|_| invalid("the private key is not valid DER"))?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        Error::new(ErrorKind::InvalidInput, error)
            .with_context("the certificate chain and the private key cannot be used")
    })?;
    Ok(Arc::new(key))
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").finish_non_exhaustive()
    }
}

fn invalid(context: &'static str) -> Error {
    Error::message(ErrorKind::InvalidInput, context)
}
