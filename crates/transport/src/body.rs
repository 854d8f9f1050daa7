//! A message body: nothing, bytes, or a stream of chunks.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt};

use crate::{Error, ErrorKind, Result};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// The body of a request or response: a [`Stream`] of chunks with, if known, its length.
///
/// Bytes are shared, so a body of bytes can be cloned for a retry
/// ([`try_clone`](Self::try_clone)); a stream cannot.
#[derive(Default)]
pub struct Body(Inner);

#[derive(Default)]
enum Inner {
    #[default]
    Empty,
    Bytes(Bytes),
    Stream {
        chunks: Chunks,
        length: Option<u64>,
    },
}

impl Body {
    /// Creates an empty body.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Creates a body that is produced chunk by chunk. With `length`, in bytes,
    /// the message carries `Content-Length`; without, it is sent chunked.
    pub fn from_stream<S, E>(chunks: S, length: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self(Inner::Stream {
            chunks: chunks
                .map_err(|error| match error.into().downcast::<Error>() {
                    Ok(own) => *own,
                    Err(foreign) => Error::new(ErrorKind::Body, foreign),
                })
                .boxed(),
            length,
        })
    }

    /// The number of bytes still to come, if known.
    pub fn content_length(&self) -> Option<u64> {
        match &self.0 {
            Inner::Empty => Some(0),
            Inner::Bytes(bytes) => Some(bytes.len() as u64),
            Inner::Stream { length, .. } => *length,
        }
    }

    /// Whether the body is known to hold nothing.
    pub fn is_empty(&self) -> bool {
        self.content_length() == Some(0)
    }

    /// The bytes, when they are at hand already.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Inner::Empty => Some(&[]),
            Inner::Bytes(bytes) => Some(bytes),
            Inner::Stream { .. } => None,
        }
    }

    /// A second body with the same bytes, or `None` for a stream.
    pub fn try_clone(&self) -> Option<Self> {
        match &self.0 {
            Inner::Empty => Some(Self(Inner::Empty)),
            Inner::Bytes(bytes) => Some(Self(Inner::Bytes(bytes.clone()))),
            Inner::Stream { .. } => None,
        }
    }

    /// Reads the body to its end.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) as soon as more than `limit` bytes have
    /// arrived or are announced; otherwise the error of the stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what was read.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes> {
        let too_large =
            || Error::message(ErrorKind::TooLarge, format!("the body is over the limit of {limit} bytes"));
        if self.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let Some(first) = self.next().await.transpose()? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(too_large());
        }
        let Some(second) = self.next().await.transpose()? else {
            return Ok(first);
        };
        let mut all = BytesMut::from(first);
        let mut chunk = second;
        loop {
            if all.len() + chunk.len() > limit {
                return Err(too_large());
            }
            all.extend_from_slice(&chunk);
            match self.next().await.transpose()? {
                Some(next) => chunk = next,
                None => return Ok(all.freeze()),
            }
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Inner::Empty => Poll::Ready(None),
            Inner::Bytes(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Inner::Empty;
                Poll::Ready((!bytes.is_empty()).then_some(Ok(bytes)))
            }
            Inner::Stream { chunks, length } => {
                let polled = chunks.as_mut().poll_next(cx);
                if let (Poll::Ready(Some(Ok(chunk))), Some(left)) = (&polled, length) {
                    *left = left.saturating_sub(chunk.len() as u64);
                }
                polled
            }
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content_length() {
            Some(length) => write!(f, "Body({length} bytes)"),
            None => f.write_str("Body(stream)"),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::empty()
        } else {
            Self(Inner::Bytes(bytes))
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}
