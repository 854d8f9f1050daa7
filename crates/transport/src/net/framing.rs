//! Request framing: the caller's headers about the body and the
//! connection are checked against both. Pure.

use std::io::Write;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request, Version};

use crate::{Body, Error, ErrorKind, Result};

/// Makes the headers of `request` describe its body, and removes everything about the
/// connection except that it may be closed.
///
/// Returns the length that the caller announced for a body of unknown length.
pub(super) fn settle(request: &mut Request<Body>) -> Result<Option<u64>> {
    let known = request.body().content_length();
    let is_old = request.version() < Version::HTTP_11;
    let says_nothing = known == Some(0)
        && matches!(
            *request.method(),
            Method::PATCH | Method::POST | Method::PUT
        );
    let headers = request.headers_mut();
    let mut announced = None;
    // One pass over the names instead of a lookup of each: few requests have any of them.
    if headers.keys().any(is_about_framing) {
        leave_connection_alone(headers);
        if !is_absent_or_chunked(headers) {
            return Err(wrong(
                "the header transfer-encoding must be omitted: the body is sent unencoded",
            ));
        }
        headers.remove(TRANSFER_ENCODING);
        announced = announced_length(headers)?;
    }
    match (known, announced) {
        (Some(length), Some(announced)) if length != announced => {
            Err(wrong("the header content-length does not match the body"))
        }
        // RFC 9110 §8.6: these state that they carry nothing. hyper does not do so,
        // and some front ends answer 411 without it.
        _ if says_nothing => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            Ok(None)
        }
        // Without a body, hyper sends no length either.
        (Some(0), None) => Ok(None),
        (Some(length), _) => {
            // It may have been present several times. hyper would add one that it allocates twice.
            headers.insert(CONTENT_LENGTH, length_value(length));
            Ok(None)
        }
        (None, Some(length)) => {
            headers.insert(CONTENT_LENGTH, length_value(length));
            Ok(Some(length))
        }
        (None, None) if is_old => Err(wrong(
            "a body of unknown length cannot be sent in an HTTP/1.0 request",
        )),
        (None, None) => {
            // Without it, hyper drops a body of unknown length from GET and HEAD.
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            Ok(None)
        }
    }
}

/// Returns a length as a header value. It allocates only from [`SHORT`] on, and then once.
fn length_value(length: u64) -> HeaderValue {
    let value = match usize::try_from(length) {
        Ok(number) if number < SHORT => {
            let end = 3 * (number + 1);
            let digits = match number {
                0..10 => 1,
                10..100 => 2,
                _ => 3,
            };
            let text = &SHORT_LENGTHS[end - digits..end];
            HeaderValue::from_maybe_shared(Bytes::from_static(text))
        }
        _ => {
            // As many digits as the largest number has.
            let mut text = [0; 20];
            let mut rest = &mut text[..];
            _ = write!(rest, "{length}");
            let left = rest.len();
            HeaderValue::from_bytes(&text[..text.len() - left])
        }
    };
    value.expect("digits are a valid header value")
}

/// Returns the length that `Content-Length` announces; the header may repeat the same value.
fn announced_length(headers: &HeaderMap) -> Result<Option<u64>> {
    let mut announced = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        let digits = value
            .to_str()
            .ok()
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        let length = digits.and_then(|digits| digits.parse().ok());
        let length: u64 = length.ok_or_else(|| wrong("the header content-length is invalid"))?;
        if announced.is_some_and(|before| before != length) {
            return Err(wrong("the content-length headers contradict each other"));
        }
        announced = Some(length);
    }
    Ok(announced)
}

/// Whether the header is absent or `chunked`, which a body of unknown length gets anyway.
fn is_absent_or_chunked(headers: &HeaderMap) -> bool {
    headers
        .get_all(TRANSFER_ENCODING)
        .iter()
        .all(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// Whether a header is one of those that are checked or removed here.
fn is_about_framing(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "content-length"
            | "keep-alive"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Removes the headers about the connection, which belongs to the pool (RFC 9110 §7.6.1),
/// and those that `Connection` names. `close` stays.
fn leave_connection_alone(headers: &mut HeaderMap) {
    for name in [KEEP_ALIVE, PROXY_CONNECTION, TE, TRAILER, UPGRADE] {
        headers.remove(name);
    }
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let values: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    headers.remove(CONNECTION);
    let names = values.iter().filter_map(|value| value.to_str().ok());
    for name in names.flat_map(|value| value.split(',')).map(str::trim) {
        if name.eq_ignore_ascii_case("close") {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        } else if let Ok(name) = HeaderName::from_bytes(name.as_bytes())
            && name != CONNECTION
        {
            headers.remove(name);
        }
    }
}

fn wrong(text: &'static str) -> Error {
    Error::message(ErrorKind::InvalidInput, text)
}

/// The lengths below this are in [`SHORT_LENGTHS`].
const SHORT: usize = 1000;

/// The numbers from 0, three digits each.
static SHORT_LENGTHS: [u8; 3 * SHORT] = {
    let mut text = [b'0'; 3 * SHORT];
    let mut at = 0;
    let (mut hundreds, mut tens, mut ones) = (b'0', b'0', b'0');
    while at < text.len() {
        text[at] = hundreds;
        text[at + 1] = tens;
        text[at + 2] = ones;
        at += 3;
        ones += 1;
        if ones > b'9' {
            ones = b'0';
            tens += 1;
        }
        if tens > b'9' {
            tens = b'0';
            hundreds += 1;
        }
    }
    text
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_its_decimal_digits() {
        let edges = [1000, 1001, 65_535, 65_536, 65_537, u64::MAX];
        for length in (0..1000).chain(edges) {
            assert_eq!(length_value(length), length.to_string());
        }
    }

    #[test]
    fn a_request_states_the_length_of_its_body_once() {
        for (method, body, stated) in [
            (Method::POST, &b"hello"[..], Some("5")),
            (Method::GET, b"hello", Some("5")),
            (Method::POST, &[7; 1000], Some("1000")),
            (Method::POST, b"", Some("0")),
            (Method::GET, b"", None),
        ] {
            let mut request = Request::new(Body::from(Bytes::from_static(body)));
            *request.method_mut() = method;
            assert_eq!(settle(&mut request).unwrap(), None);
            let lengths = request.headers().get_all(CONTENT_LENGTH);
            let lengths: Vec<_> = lengths.iter().collect();
            assert_eq!(lengths, stated.as_slice());
        }
    }
}
