//! Message bodies: empty, bytes, or a stream of chunks.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt};

use crate::{Error, ErrorKind, Result};

type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// The body of a request or response: a [`Stream`] of chunks and, if known, its length.
///
/// Bytes are shared, so a body of bytes can be cloned for a retry
/// ([`try_clone`](Self::try_clone)); a stream cannot.
///
/// ```
/// use azwire_transport::{Body, Result};
///
/// # futures::executor::block_on(async {
/// let body = Body::from("an order");
/// assert_eq!(body.content_length(), Some(8));
/// let again = body.try_clone();
/// assert_eq!(body.collect(1024).await?, "an order");
/// // The limit protects against a peer that never stops sending.
/// assert!(again.expect("bytes can be cloned").collect(4).await.is_err());
/// # Result::Ok(())
/// # })?;
/// # Ok::<(), azwire_transport::Error>(())
/// ```
#[derive(Default)]
pub struct Body(Inner);

#[derive(Default)]
enum Inner {
    #[default]
    Empty,
    Bytes(Bytes),
    Stream {
        /// Never locked: it makes the body `Sync`, which streams need not be.
        chunks: Mutex<Chunks>,
        length: Option<u64>,
    },
}

impl Body {
    /// Creates an empty body.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Creates a body that is produced chunk by chunk. With a `length`, in bytes,
    /// the message carries `Content-Length`; without one, it is sent chunked.
    pub fn from_stream<S, E>(chunks: S, length: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let chunks = chunks
            .map_err(|error| match error.into().downcast::<Error>() {
                Ok(own) => *own,
                Err(foreign) => Error::new(ErrorKind::Body, foreign),
            })
            .boxed();
        Self(Inner::Stream {
            chunks: Mutex::new(chunks),
            length,
        })
    }

    /// Creates a body from that of another library. Its length is the exact
    /// [size hint](http_body::Body::size_hint), if there is one; trailers are dropped.
    ///
    /// The other way round, this type implements [`http_body::Body`].
    ///
    /// ```
    /// use azwire_transport::Body;
    /// use bytes::Bytes;
    /// use http_body_util::Full;
    ///
    /// # futures::executor::block_on(async {
    /// let body = Body::from_http_body(Full::new(Bytes::from("an order")));
    /// assert_eq!(body.content_length(), Some(8));
    /// assert_eq!(body.collect(1024).await?, "an order");
    /// # azwire_transport::Result::Ok(())
    /// # })?;
    /// # Ok::<(), azwire_transport::Error>(())
    /// ```
    #[cfg(feature = "http-body")]
    pub fn from_http_body<B>(body: B) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Data: Into<Bytes>,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let length = body.size_hint().exact();
        Self::from_stream(DataFrames(Box::pin(body)), length)
    }

    /// Returns the number of remaining bytes, if known.
    pub fn content_length(&self) -> Option<u64> {
        match &self.0 {
            Inner::Empty => Some(0),
            Inner::Bytes(bytes) => Some(bytes.len() as u64),
            Inner::Stream { length, .. } => *length,
        }
    }

    /// Whether the body is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.content_length() == Some(0)
    }

    /// Returns the bytes, if they are already available.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Inner::Empty => Some(&[]),
            Inner::Bytes(bytes) => Some(bytes),
            Inner::Stream { .. } => None,
        }
    }

    /// Returns the bytes, if they are already available, or else the body itself:
    /// a stream, which [`collect`](Self::collect) reads.
    ///
    /// ```
    /// use azwire_transport::Body;
    ///
    /// assert_eq!(Body::from("an order").into_bytes().unwrap(), "an order");
    /// ```
    ///
    /// # Errors
    ///
    /// The body, unchanged.
    pub fn into_bytes(self) -> std::result::Result<Bytes, Self> {
        match self.0 {
            Inner::Empty => Ok(Bytes::new()),
            Inner::Bytes(bytes) => Ok(bytes),
            Inner::Stream { .. } => Err(self),
        }
    }

    /// Returns a second body with the same bytes, or `None` for a stream.
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
    /// Dropping the future loses what has been read.
    pub async fn collect(mut self, limit: usize) -> Result<Bytes> {
        let too_large = || {
            Error::message(
                ErrorKind::TooLarge,
                format!("the body exceeds the limit of {limit} bytes"),
            )
        };
        if self
            .content_length()
            .is_some_and(|length| length > limit as u64)
        {
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
                let chunks = chunks.get_mut().unwrap_or_else(PoisonError::into_inner);
                let polled = chunks.as_mut().poll_next(cx);
                if let (Poll::Ready(Some(Ok(chunk))), Some(left)) = (&polled, length) {
                    *left = left.saturating_sub(chunk.len() as u64);
                }
                polled
            }
        }
    }
}

/// Data frames only: there are no trailers.
#[cfg(feature = "http-body")]
impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>>>> {
        self.poll_next(cx)
            .map(|chunk| chunk.map(|chunk| chunk.map(http_body::Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.content_length()
            .map_or_else(Default::default, http_body::SizeHint::with_exact)
    }
}

/// The chunks of a body of another library.
#[cfg(feature = "http-body")]
pub(crate) struct DataFrames<B>(pub(crate) B);

#[cfg(feature = "http-body")]
impl<B> Stream for DataFrames<B>
where
    B: http_body::Body + Unpin,
    B::Data: Into<Bytes>,
{
    type Item = std::result::Result<Bytes, B::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return Poll::Ready(
                match std::task::ready!(Pin::new(&mut self.0).poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(chunk) => Some(Ok(chunk.into())),
                        // Trailers: none of these services sends any.
                        Err(_) => continue,
                    },
                    Some(Err(error)) => Some(Err(error)),
                    None => None,
                },
            );
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::stream;

    use super::*;

    fn streamed(chunks: &[&'static str], length: Option<u64>) -> Body {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok::<_, Error>(Bytes::from(*chunk)))
            .collect();
        Body::from_stream(stream::iter(chunks), length)
    }

    fn collect(body: Body, limit: usize) -> Result<Bytes> {
        body.collect(limit).now_or_never().unwrap()
    }

    #[test]
    fn collects_up_to_the_limit_and_not_a_byte_more() {
        for body in [
            || Body::from("123456"),
            || streamed(&["123456"], None),
            || streamed(&["12", "", "3456"], None),
            || streamed(&["1", "2", "3", "4", "5", "6"], Some(6)),
        ] {
            assert_eq!(collect(body(), 6).unwrap(), "123456");
            assert_eq!(collect(body(), usize::MAX).unwrap(), "123456");
            let error = collect(body(), 5).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TooLarge);
        }
        assert_eq!(collect(Body::empty(), 0).unwrap(), "");
        // An announced length is refused before the bytes arrive.
        let announced = Body::from_stream(stream::pending::<Result<Bytes>>(), Some(7));
        assert_eq!(
            collect(announced, 6).unwrap_err().kind(),
            ErrorKind::TooLarge
        );
    }

    #[test]
    fn knows_what_is_still_to_come() {
        let mut body = streamed(&["12", "3456"], Some(6));
        assert_eq!(body.content_length(), Some(6));
        body.next().now_or_never().unwrap();
        assert_eq!(body.content_length(), Some(4));
        assert!(body.try_clone().is_none());

        let mut body = Body::from("123");
        assert_eq!(body.try_clone().unwrap().as_bytes(), Some(&b"123"[..]));
        body.next().now_or_never().unwrap();
        assert!(body.is_empty());
        assert!(body.next().now_or_never().unwrap().is_none());
        assert_eq!(streamed(&[], None).content_length(), None);
    }

    #[test]
    fn bytes_that_are_there_are_handed_out_and_a_stream_is_handed_back() {
        assert_eq!(Body::empty().into_bytes().unwrap(), "");
        assert_eq!(Body::from("123").into_bytes().unwrap(), "123");
        let body = streamed(&["12", "3"], Some(3)).into_bytes().unwrap_err();
        assert_eq!(collect(body, 3).unwrap(), "123");
    }

    #[cfg(feature = "http-body")]
    #[test]
    fn other_libraries_read_the_same_bytes_lengths_and_errors() {
        use http_body::Body as _;
        use std::task::Waker;

        fn frame(body: &mut Body) -> Option<Result<Bytes>> {
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(frame) = Pin::new(body).poll_frame(&mut cx) else {
                panic!("all of it is there");
            };
            frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
        }

        let mut body = streamed(&["12", "3"], Some(3));
        for (left, chunk) in [(3, "12"), (1, "3")] {
            assert!(!body.is_end_stream());
            assert_eq!(http_body::Body::size_hint(&body).exact(), Some(left));
            assert_eq!(frame(&mut body).unwrap().unwrap(), chunk);
        }
        assert!(body.is_end_stream() && frame(&mut body).is_none());
        assert!(Body::empty().is_end_stream());
        let unknown = streamed(&["12"], None);
        assert_eq!(http_body::Body::size_hint(&unknown).exact(), None);
        let cut = stream::iter([Err::<Bytes, _>(Error::message(ErrorKind::Closed, "cut"))]);
        let error = frame(&mut Body::from_stream(cut, None))
            .unwrap()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    }

    #[cfg(feature = "http-body")]
    #[test]
    fn bodies_of_other_libraries_keep_their_bytes_length_and_errors() {
        // Ours is one of them.
        let body = Body::from_http_body(streamed(&["12", "3"], Some(3)));
        assert_eq!(body.content_length(), Some(3));
        assert_eq!(collect(body, 3).unwrap(), "123");
        let body = Body::from_http_body(streamed(&["12"], None));
        assert_eq!(body.content_length(), None);

        struct Trailing(u8);
        impl http_body::Body for Trailing {
            type Data = Bytes;
            type Error = &'static str;

            fn poll_frame(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
            ) -> Poll<Option<std::result::Result<http_body::Frame<Bytes>, &'static str>>>
            {
                self.0 += 1;
                Poll::Ready(Some(match self.0 {
                    1 => Ok(http_body::Frame::trailers(http::HeaderMap::new())),
                    2 => Ok(http_body::Frame::data("12".into())),
                    _ => Err("disk"),
                }))
            }
        }
        let mut body = Body::from_http_body(Trailing(0));
        let first = body.next().now_or_never().unwrap().unwrap();
        assert_eq!(first.unwrap(), "12");
        assert_eq!(collect(body, 9).unwrap_err().kind(), ErrorKind::Body);
    }

    #[test]
    fn requests_may_be_shared_between_threads() {
        fn is_sync<T: Send + Sync>() {}
        is_sync::<http::Request<Body>>();
    }

    #[test]
    fn an_error_of_the_stream_is_the_bodys_unless_it_is_one_of_ours() {
        let foreign = stream::iter([Err::<Bytes, _>("disk")]);
        let error = collect(Body::from_stream(foreign, None), 9).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Body);
        let own = stream::iter([Err::<Bytes, _>(Error::message(ErrorKind::Closed, "cut"))]);
        let error = collect(Body::from_stream(own, None), 9).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Closed, "cut")
        );
    }
}
