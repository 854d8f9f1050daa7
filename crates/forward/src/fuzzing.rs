//! What must hold for any input; for the fuzz targets and seeded tests of this repository, behind
//! the private feature `_fuzzing`. Each function panics if it does not.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use bytes::{Bytes, BytesMut};

use crate::datagram::{self, DatagramDecoder};
use crate::envelope::{ConnectRequest, ConnectResponse, ResponseDecoder};
use crate::expression::{HttpForward, LocalForward, RemoteForward};
use crate::preamble::{AnswerDecoder, Preamble};
use crate::{AllowList, AllowRule, Greeting, GreetingDecoder, HostPort};

/// Reads a text as everything that people write: what is read prints as text that reads as the same, and
/// what is not is refused on one line.
pub fn expressions(text: &str) {
    round_trip::<LocalForward>(text);
    round_trip::<RemoteForward>(text);
    round_trip::<HttpForward>(text);
    round_trip::<HostPort>(text);
    round_trip::<AllowRule>(text);
    round_trip::<AllowList>(text);
}

fn round_trip<T: Debug + Display + FromStr + PartialEq>(text: &str)
where
    T::Err: Debug + Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            let printed = value.to_string();
            let again = printed.parse::<T>();
            assert!(
                again.as_ref().is_ok_and(|again| *again == value),
                "{text:?} is {value:?}, printed {printed:?}, which is {again:?}"
            );
        }
        Err(error) => {
            let shown = error.to_string();
            assert!(!shown.chars().any(char::is_control), "{shown:?}");
        }
    }
}

/// Reads bytes as a sender's first ones and as a listener's, whole and in pieces of `width` bytes: both give the same.
pub fn greetings(bytes: &[u8], width: usize) {
    let is_text = |greeting: &Greeting| matches!(greeting, Greeting::Aztunnel(_));
    let mut decoder = GreetingDecoder::new();
    let whole = decode(bytes, bytes.len(), is_text, |input| decoder.push(input));
    let mut decoder = GreetingDecoder::new();
    assert_eq!(
        decode(bytes, width, is_text, |input| decoder.push(input)),
        whole
    );
    match whole {
        Ok(Some((Greeting::Azbridge(preamble), rest))) => {
            assert_eq!([&preamble.encode()[..], &rest].concat(), bytes);
            let again = Preamble::try_new(preamble.mode(), preamble.port_name());
            assert_eq!(again, Ok(preamble));
        }
        Ok(Some((Greeting::Aztunnel(request), _))) => {
            let again = ConnectRequest::decode(request.encode().as_bytes());
            assert_eq!(again, Ok(request));
        }
        Ok(None) => {}
        Err(error) => drop((error.answer(), error.to_string())),
    }

    let mut decoder = AnswerDecoder::new();
    let whole = decode(bytes, bytes.len(), |_| false, |input| decoder.push(input));
    let mut decoder = AnswerDecoder::new();
    assert_eq!(
        decode(bytes, width, |_| false, |input| decoder.push(input)),
        whole
    );
    if let Ok(Some((answer, rest))) = whole {
        assert_eq!([&answer.encode()[..], &rest].concat(), bytes);
    }

    let mut decoder = ResponseDecoder::new();
    let whole = decode(bytes, bytes.len(), |_| true, |input| decoder.push(input));
    let mut decoder = ResponseDecoder::new();
    assert_eq!(
        decode(bytes, width, |_| true, |input| decoder.push(input)),
        whole
    );
    if let Ok(Some((response, _))) = whole {
        let again = ConnectResponse::decode(response.encode().as_bytes());
        assert_eq!(again, Ok(response));
    }
}

/// Feeds `bytes` in pieces until a decoder has its value; returns it with the rest.
fn decode<T, E>(
    bytes: &[u8],
    width: usize,
    is_text: impl Fn(&T) -> bool,
    mut push: impl FnMut(&mut Bytes) -> Result<Option<T>, E>,
) -> Result<Option<(T, Vec<u8>)>, E> {
    let mut fed = 0;
    while fed < bytes.len() {
        let end = bytes.len().min(fed + width.max(1));
        let mut input = Bytes::copy_from_slice(&bytes[fed..end]);
        if let Some(value) = push(&mut input)? {
            let mut rest = [&input[..], &bytes[end..]].concat();
            if is_text(&value) && rest.starts_with(b"\n") {
                // In the next piece it is not taken, as nobody waits for it.
                rest.remove(0);
            }
            return Ok(Some((value, rest)));
        }
        assert!(input.is_empty(), "a decoder that asks for more took all");
        fed = end;
    }
    Ok(None)
}

/// Negotiates as a SOCKS5 server with a client that sends these bytes, whole and in pieces of `width` bytes: both end the
/// same.
pub fn socks5(bytes: &[u8], width: usize) {
    crate::socks5::check_negotiation(bytes, width);
}

/// Reads bytes as datagrams, whole and in pieces of `width` bytes: both give the same, and written again
/// they are the bytes that came.
pub fn datagrams(bytes: &[u8], width: usize) {
    let read = |width: usize| {
        let mut decoder = DatagramDecoder::new();
        let mut datagrams = Vec::new();
        for piece in bytes.chunks(width.max(1)) {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(datagram) = decoder.pull(&mut input) {
                datagrams.push(datagram);
            }
            assert!(input.is_empty(), "a decoder that asks for more took all");
        }
        (datagrams, decoder.is_between())
    };
    let (datagrams, is_between) = read(bytes.len());
    assert_eq!(read(width), (datagrams.clone(), is_between));
    let mut written = BytesMut::new();
    for datagram in &datagrams {
        assert!(datagram::encode(datagram, &mut written).is_ok());
    }
    assert!(bytes.starts_with(&written));
    assert_eq!(is_between, written.len() == bytes.len());
}
