//! Conversion of hyper's and rustls' errors into this crate's. Pure.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Mutex;

use rustls::{CertificateError, Error as TlsError};

use super::target::Target;
use crate::lock::lock;
use crate::source::find_source;
use crate::{Error, ErrorKind};

type BoxError = Box<dyn StdError + Send + Sync>;

/// Converts a failure between dialing and the end of the TLS handshake; nothing was delivered.
pub(super) fn handshake(error: BoxError, target: &Target) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(own) => return *own,
        Err(foreign) => foreign,
    };
    let Some(tls) = find_source::<TlsError>(&*error) else {
        if find_source::<io::Error>(&*error).is_none() {
            return Error::new(ErrorKind::InvalidInput, error).with_context(format!(
                "{target} is not a name that a certificate could have"
            ));
        }
        return Error::new(ErrorKind::Connect, error).with_context(format!(
            "{target} closed the connection during the TLS handshake"
        ));
    };
    let reason = match tls {
        TlsError::InvalidCertificate(reason) => certificate(reason),
        TlsError::AlertReceived(_) => "the peer rejected the handshake",
        TlsError::NoCertificatesPresented => "the peer presented no certificate",
        TlsError::InvalidMessage(_) | TlsError::InappropriateMessage { .. } => {
            "the peer does not speak TLS"
        }
        TlsError::PeerIncompatible(_) => "the peer supports no common version or algorithm",
        _ => "the handshake failed",
    };
    let text = format!("TLS to {target}: {reason}");
    Error::new(ErrorKind::Tls, error).with_context(text)
}

/// Converts the error of a request that got no response.
pub(super) fn request(error: hyper::Error) -> Error {
    if let Some(own) = find_source::<SharedError>(&error).and_then(SharedError::take) {
        return own;
    }
    Error::new(exchange(&error), error).maybe_delivered()
}

/// Converts the error of a request that was not written, given how its connection ended.
pub(super) fn unsent(error: hyper::Error, ending: Option<hyper::Error>) -> Error {
    let error = ending.unwrap_or(error);
    // hyper wraps the connection's error for a request that was already queued.
    let cause = error.source().and_then(|source| source.downcast_ref());
    let (kind, text) = match exchange(cause.unwrap_or(&error)) {
        ErrorKind::Protocol => (
            ErrorKind::Protocol,
            "the peer does not speak HTTP: it sent data before the request",
        ),
        _ => (
            ErrorKind::Closed,
            "the connection was closed before the request was sent",
        ),
    };
    Error::new(kind, error).with_context(text).never_delivered()
}

/// Converts the error of a response body that did not reach its end.
pub(super) fn response_body(error: hyper::Error) -> Error {
    Error::new(exchange(&error), error)
        .with_context("the response body ended early")
        .maybe_delivered()
}

/// An error of this crate on its way through a library that lends causes out but does not return them.
pub(super) struct SharedError(Mutex<Option<Error>>);

impl SharedError {
    fn take(&self) -> Option<Error> {
        lock(&self.0).take()
    }
}

impl From<Error> for SharedError {
    fn from(error: Error) -> Self {
        Self(Mutex::new(Some(error)))
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedError")
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the transport failed")
    }
}

impl StdError for SharedError {}

/// Returns the kind of an error that occurred after the request was started.
fn exchange(error: &hyper::Error) -> ErrorKind {
    if error.is_parse() {
        ErrorKind::Protocol
    } else if error.is_body_write_aborted() {
        ErrorKind::Body
    } else if error.is_user() {
        // The task that drove the connection is gone, and its runtime with it.
        ErrorKind::Canceled
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        ErrorKind::Closed
    } else {
        match find_source::<io::Error>(error).map(io::Error::kind) {
            // Chunk sizes, TLS records.
            Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) | None => {
                ErrorKind::Protocol
            }
            Some(_) => ErrorKind::Closed,
        }
    }
}

fn certificate(reason: &CertificateError) -> &'static str {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet; is the clock right?"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the certificate is for a different name"
        }
        CertificateError::UnknownIssuer => {
            "the certificate's issuer is unknown; add a private one to the root certificates"
        }
        CertificateError::Revoked => "the certificate has been revoked",
        CertificateError::BadSignature => {
            "the certificate's signature does not match; is a root certificate an older one with the same name?"
        }
        _ => "the certificate is not acceptable",
    }
}
