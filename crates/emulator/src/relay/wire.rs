//! The wire format of relayed HTTP rendezvous: frames are read piece by piece
//! and written one at a time, so that a body of any size needs one buffer.
//! Shell.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use transport::_internal::frame::{
    self, FrameHeader, Opcode, Violation, close_payload, control_frame, unmask,
};
use transport::{CloseCode, CloseFrame};

/// A piece of what the peer sent.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Piece {
    /// A part of a message.
    Data {
        is_text: bool,
        /// Whether it begins the message.
        is_first: bool,
        /// Whether it ends the message.
        is_last: bool,
        bytes: Bytes,
    },
    Ping(Bytes),
    Close(CloseFrame),
}

/// Why nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("the connection ended without a close frame")]
    Lost,
    #[error(transparent)]
    Violation(#[from] Violation),
}

/// The reading half.
#[derive(Debug)]
pub(super) struct FrameReader<R> {
    io: R,
    buffer: BytesMut,
    /// Within a frame: the rest of it.
    rest: Option<Rest>,
    /// Within a message: whether it is text.
    message: Option<bool>,
}

#[derive(Debug)]
struct Rest {
    left: u64,
    mask: [u8; 4],
    fin: bool,
    is_first: bool,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(super) fn new(io: R) -> Self {
        Self {
            io,
            buffer: BytesMut::new(),
            rest: None,
            message: None,
        }
    }

    /// Waits for the next piece. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Piece, ReadError> {
        loop {
            if let Some(piece) = self.parse()? {
                return Ok(piece);
            }
            self.buffer.reserve(READ_SIZE);
            match self.io.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Err(ReadError::Lost),
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Piece>, Violation> {
        loop {
            if let Some(rest) = &mut self.rest {
                if rest.left > 0 && self.buffer.is_empty() {
                    return Ok(None);
                }
                let count = usize::try_from(rest.left)
                    .unwrap_or(usize::MAX)
                    .min(self.buffer.len());
                let mut bytes = self.buffer.split_to(count);
                unmask(&mut bytes, 0, 0, count, rest.mask);
                rest.mask.rotate_left(count % 4);
                rest.left -= count as u64;
                let is_text = self.message.unwrap_or_default();
                let is_first = std::mem::take(&mut rest.is_first);
                let is_last = rest.left == 0 && rest.fin;
                if rest.left == 0 {
                    self.rest = None;
                }
                if is_last {
                    self.message = None;
                }
                return Ok(Some(Piece::Data {
                    is_text,
                    is_first,
                    is_last,
                    bytes: bytes.freeze(),
                }));
            }
            let Some((header, size)) = FrameHeader::parse(&self.buffer, true)? else {
                return Ok(None);
            };
            if header.opcode.is_control() {
                let whole = size + header.length as usize;
                if self.buffer.len() < whole {
                    return Ok(None);
                }
                let mut payload = self.buffer.split_to(whole).split_off(size);
                let length = payload.len();
                unmask(&mut payload, 0, 0, length, header.mask.unwrap_or_default());
                match header.opcode {
                    Opcode::Ping => return Ok(Some(Piece::Ping(payload.freeze()))),
                    Opcode::Close => return Ok(Some(Piece::Close(read_close(&payload)?))),
                    _ => continue,
                }
            }
            let is_first = header.opcode != Opcode::Continuation;
            if is_first == self.message.is_some() {
                return Err(Violation("a fragment out of order"));
            }
            if is_first {
                self.message = Some(header.opcode == Opcode::Text);
            }
            let _ = self.buffer.split_to(size);
            self.rest = Some(Rest {
                left: header.length,
                mask: header.mask.unwrap_or_default(),
                fin: header.fin,
                is_first,
            });
        }
    }
}

/// The writing half.
#[derive(Debug)]
pub(super) struct FrameWriter<W> {
    io: W,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(super) fn new(io: W) -> Self {
        Self { io }
    }

    /// Writes one whole frame. Not cancel safe.
    pub(super) async fn write(
        &mut self,
        fin: bool,
        opcode: Opcode,
        payload: &[u8],
    ) -> std::io::Result<()> {
        let mut head = [0; FrameHeader::MAX_SIZE];
        let size = FrameHeader {
            fin,
            opcode,
            mask: None,
            length: payload.len() as u64,
        }
        .write(&mut head);
        if payload.len() <= SMALL {
            let frame = [&head[..size], payload].concat();
            self.io.write_all(&frame).await?;
        } else {
            self.io.write_all(&head[..size]).await?;
            self.io.write_all(payload).await?;
        }
        self.io.flush().await
    }

    /// Writes a close frame and ends the writing side.
    pub(super) async fn close(&mut self, frame: &CloseFrame) -> std::io::Result<()> {
        self.io.write_all(&close_frame(frame)).await?;
        self.io.shutdown().await
    }
}

/// Encodes a whole unmasked close frame.
pub(super) fn close_frame(frame: &CloseFrame) -> Vec<u8> {
    control_frame(Opcode::Close, &close_payload(frame))
}

/// Parses the payload of a close frame. One without a code counts as 1000: the
/// official .NET client fails on a frame without a code.
pub(super) fn read_close(payload: &[u8]) -> Result<CloseFrame, Violation> {
    let close = frame::parse_close(payload)?;
    Ok(close.unwrap_or_else(|| CloseFrame::new(CloseCode::NORMAL, "")))
}

const READ_SIZE: usize = 16 * 1024;
/// Frames up to this size are copied after their head, to be sent in one write.
const SMALL: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [9, 8, 7, 6];
        let mut bytes = vec![0; FrameHeader::MAX_SIZE];
        let size = FrameHeader {
            fin: true,
            opcode: Opcode::Binary,
            mask: Some(mask),
            length: payload.len() as u64,
        }
        .write(&mut bytes);
        bytes.truncate(size);
        bytes[0] = first;
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
        bytes
    }

    #[tokio::test]
    async fn pieces_join_to_the_messages_that_were_sent() {
        let mut wire = Vec::new();
        wire.extend(masked(0x81, b"{}"));
        wire.extend(masked(0x02, &[1; 40_000]));
        wire.extend(masked(0x89, b"ping"));
        wire.extend(masked(0x00, b""));
        wire.extend(masked(0x80, &[2; 10]));
        wire.extend(masked(0x82, b""));
        wire.extend(masked(0x88, &[3, 232, b'x']));
        for step in [1, 1000, 100_000] {
            let (mut ours, theirs) = tokio::io::duplex(step);
            let writing = async {
                ours.write_all(&wire).await.unwrap();
            };
            let reading = async {
                let mut reader = FrameReader::new(theirs);
                let mut seen = Vec::new();
                let mut message = Vec::new();
                loop {
                    match reader.next().await.unwrap() {
                        Piece::Data {
                            is_text,
                            is_first,
                            is_last,
                            bytes,
                        } => {
                            assert_eq!(is_first, message.is_empty() && !seen.ends_with(&["part"]));
                            message.extend(bytes);
                            seen.retain(|what| *what != "part");
                            if is_last {
                                seen.push(if is_text { "text" } else { "binary" });
                                assert!([2, 40_010, 0].contains(&message.len()));
                                message.clear();
                            } else {
                                seen.push("part");
                            }
                        }
                        Piece::Ping(payload) => assert_eq!(payload, &b"ping"[..]),
                        Piece::Close(close) => {
                            assert_eq!(close.reason, "x");
                            return seen;
                        }
                    }
                }
            };
            let (seen, ()) = futures::future::join(reading, writing).await;
            assert_eq!(seen, ["text", "binary", "binary"]);
        }
    }

    #[test]
    fn close_frames_always_have_a_code() {
        assert_eq!(read_close(&[]), Ok(CloseFrame::new(CloseCode::NORMAL, "")));
        let bye = CloseFrame::new(CloseCode::GOING_AWAY, "bye");
        assert_eq!(read_close(&close_payload(&bye)), Ok(bye));
        assert!(read_close(&[3]).is_err());
    }

    #[tokio::test]
    async fn fragments_out_of_order_are_refused() {
        for wire in [
            masked(0x80, b"x"),
            [masked(0x01, b"a"), masked(0x81, b"b")].concat(),
        ] {
            let mut reader = FrameReader::new(&wire[..]);
            let error = loop {
                match reader.next().await {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, ReadError::Violation(_)));
        }
    }
}
