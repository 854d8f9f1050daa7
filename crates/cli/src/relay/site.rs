//! The proxy to a site of an expression.

use forward::ReverseProxy;
use forward::expression::{HttpBinding, HttpScheme};
use http::Uri;
use http::uri::{Authority, Scheme};

use super::namespace::Namespace;
use crate::failure::{Failure, Result};

/// Creates the proxy to a site.
pub(super) fn proxy(site: &HttpBinding, namespace: &Namespace) -> Result<ReverseProxy> {
    ReverseProxy::with_connector(&uri(site)?, namespace.site_connector())
        .map_err(|error| Failure::usage(format!("{site}: {error}")))
}

fn uri(site: &HttpBinding) -> Result<Uri> {
    let scheme = match site.scheme() {
        HttpScheme::Https => Scheme::HTTPS,
        _ => Scheme::HTTP,
    };
    let wrong = |error: http::Error| Failure::usage(format!("{site}: {error}"));
    let authority: Authority = site
        .target()
        .to_string()
        .parse()
        .map_err(|error: http::uri::InvalidUri| wrong(error.into()))?;
    Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(site.path())
        .build()
        .map_err(wrong)
}
