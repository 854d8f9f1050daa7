//! What came before the target of a request that named a service. Pure.

use http::Request;

/// What came before the target of a request that named a service, in its extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix(pub(crate) &'static str);

/// Returns what a service puts before the paths of addresses that the client opens next: the
/// service is there for it, and maybe nowhere else.
pub(crate) fn prefix<B>(request: &Request<B>) -> &'static str {
    let prefix: Option<&Prefix> = request.extensions().get();
    prefix.map_or("", |prefix| prefix.0)
}
