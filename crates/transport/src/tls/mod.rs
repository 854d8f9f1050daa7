//! TLS: the trusted roots, and the connector that verifies against them.
//! The types are opaque: no signature shows which library does the work.

mod rustls;
#[cfg(feature = "server")]
mod server;

pub use self::rustls::TlsConnector;
#[cfg(feature = "server")]
pub use self::server::TlsAcceptor;

use std::fmt;

use ::rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::{Error, ErrorKind, Result};

/// The root certificates to which a server's chain must lead.
///
/// ```no_run
/// use azwire_transport::tls::RootCertificates;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The company's own root in addition to the platform's.
/// let roots = RootCertificates::platform().with_pem(&std::fs::read("company-ca.pem")?)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RootCertificates {
    base: Base,
    extra: Vec<CertificateDer<'static>>,
}

#[derive(Clone, Copy, Debug)]
enum Base {
    Any,
    None,
    Platform,
    #[cfg(feature = "webpki-roots")]
    Webpki,
}

impl RootCertificates {
    /// Trusts what the platform trusts: its store and its rules, including
    /// certificates added by an administrator.
    pub fn platform() -> Self {
        Self::from_base(Base::Platform)
    }

    /// Trusts Mozilla's root certificates as of the build of this
    /// crate, regardless of the platform.
    #[cfg(feature = "webpki-roots")]
    pub fn webpki() -> Self {
        Self::from_base(Base::Webpki)
    }

    /// Trusts nothing until certificates are added.
    pub fn none() -> Self {
        Self::from_base(Base::None)
    }

    /// Trusts whoever answers: certificates of any issuer, for any name, expired or not. The
    /// connection is encrypted, but anyone between here and the peer can read and change it.
    /// For a peer whose certificate nobody can check and that is reached without a network, such as
    /// a development server on this machine; otherwise add its certificate with
    /// [`with_pem`](Self::with_pem).
    pub fn dangerous_any() -> Self {
        Self::from_base(Base::Any)
    }

    /// Trusts the certificates in a PEM text and nothing else.
    ///
    /// # Errors
    ///
    /// See [`with_pem`](Self::with_pem).
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        Self::none().with_pem(pem)
    }

    /// Trusts one DER certificate and nothing else.
    ///
    /// # Errors
    ///
    /// See [`with_der`](Self::with_der).
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self> {
        Self::none().with_der(der)
    }

    /// Trusts the certificates in a PEM text (RFC 7468) in addition. Other sections,
    /// such as keys, are ignored.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the text is not PEM, contains
    /// no certificate, or contains one that cannot be a root.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self> {
        let mut found = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| {
                Error::new(ErrorKind::InvalidInput, error)
                    .with_context("the root certificates are not valid PEM")
            })?;
            self = self.with_der(certificate.as_ref())?;
            found = true;
        }
        if found {
            Ok(self)
        } else {
            Err(Error::message(
                ErrorKind::InvalidInput,
                "the PEM text contains no certificate",
            ))
        }
    }

    /// Trusts one DER certificate in addition.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if it cannot be a root.
    pub fn with_der(mut self, der: impl Into<Vec<u8>>) -> Result<Self> {
        let certificate = CertificateDer::from(der.into());
        // Checked here, so that the error occurs where the certificate is passed in.
        RootCertStore::empty()
            .add(certificate.clone())
            .map_err(|error| {
                Error::new(ErrorKind::InvalidInput, error)
                    .with_context("a root certificate is invalid")
            })?;
        self.extra.push(certificate);
        Ok(self)
    }

    fn from_base(base: Base) -> Self {
        Self {
            base,
            extra: Vec::new(),
        }
    }
}

impl fmt::Debug for RootCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootCertificates")
            .field("base", &self.base)
            .field("extra", &self.extra.len())
            .finish()
    }
}
