//! The far end of a sender's stream, written by hand below the handshake: it writes
//! while data is written to it, reads slowly, and reports what arrived.

use std::io;
use std::sync::Arc;

use azwire_tests::Authority;
use relay::{Credential, HybridConnection, Sender};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use transport::net::Connector;
use transport::tls::{RootCertificates, TlsConnector};

/// Listens for one sender.
pub(crate) struct WritingPeer {
    listener: TcpListener,
    authority: Option<Authority>,
}

/// The peer's script for writing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Script {
    /// The given number of bytes in messages, without waiting for anything, then close code 1000.
    WritesOn(usize),
    /// Close code 1000 at once, followed by bytes that must not be sent there.
    ClosedFirst,
}

/// What the peer read.
#[derive(Debug)]
pub(crate) struct Arrived {
    /// Bytes of payload before the close frame.
    pub(crate) bytes: usize,
    /// The code of the close frame.
    pub(crate) code: Option<u16>,
    /// How the connection ended after the close frame.
    pub(crate) end: io::Result<()>,
}

impl WritingPeer {
    pub(crate) fn start(secure: bool) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Flushed data then still waits on the sender's side.
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self {
            listener: socket.listen(1).unwrap(),
            authority: secure.then(|| Authority::new("writing peer")),
        }
    }

    /// Returns a sender whose relay this is.
    pub(crate) fn sender(&self) -> Sender {
        let port = self.listener.local_addr().unwrap().port();
        let endpoint = format!("sb://localhost:{port}");
        let place = HybridConnection::new(&endpoint, "hc1").unwrap();
        let Some(authority) = &self.authority else {
            let place = place.with_plain_text(true);
            return Sender::new(place, Credential::anonymous()).unwrap();
        };
        let roots = RootCertificates::from_der(authority.der()).unwrap();
        let tls = TlsConnector::ring(roots).unwrap();
        Sender::builder(place, Credential::anonymous())
            .connector(Connector::builder().tls(tls).build())
            .build()
            .unwrap()
    }

    pub(crate) async fn serve(self, script: Script) -> Arrived {
        let (io, _) = self.listener.accept().await.unwrap();
        match self.authority {
            None => talk(io, script).await,
            Some(authority) => {
                let identity = authority.issue(&["localhost"]);
                let config = identity.server_config();
                let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
                talk(acceptor.accept(io).await.unwrap(), script).await
            }
        }
    }
}

async fn talk(io: impl AsyncRead + AsyncWrite + Unpin, script: Script) -> Arrived {
    let opening = tokio_websockets::ServerBuilder::new();
    let (_, socket) = opening.accept(io).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(socket.into_inner());
    let writing = async {
        // Fails if the sender resets the connection, which reading reports.
        let _ = write(&mut writer, script).await;
    };
    let ((), mut arrived) = tokio::join!(writing, read(&mut reader));
    if arrived.end.is_ok() {
        arrived.end = writer.shutdown().await;
    }
    arrived
}

async fn write(io: &mut (impl AsyncWrite + Unpin), script: Script) -> io::Result<()> {
    const CLOSE: &[u8] = b"\x88\x02\x03\xe8";
    match script {
        Script::WritesOn(total) => {
            let mut message = vec![0x82, 126];
            message.extend(FRAME.to_be_bytes());
            message.resize(message.len() + usize::from(FRAME), 9);
            for _ in 0..total.div_ceil(usize::from(FRAME)) {
                io.write_all(&message).await?;
            }
            io.write_all(CLOSE).await?;
        }
        Script::ClosedFirst => {
            io.write_all(CLOSE).await?;
            io.write_all(&[0x82; 300_000]).await?;
        }
    }
    io.flush().await
}

async fn read(io: &mut (impl AsyncRead + Unpin)) -> Arrived {
    let mut arrived = Arrived {
        bytes: 0,
        code: None,
        end: Ok(()),
    };
    arrived.end = read_all(io, &mut arrived.bytes, &mut arrived.code).await;
    arrived
}

/// Reads frames up to the close frame (RFC 6455 §5.2), then to the end of the connection.
async fn read_all(
    io: &mut (impl AsyncRead + Unpin),
    bytes: &mut usize,
    code: &mut Option<u16>,
) -> io::Result<()> {
    let mut piece = [0; 4096];
    while code.is_none() {
        let first = io.read_u8().await?;
        let mut left = match io.read_u8().await? & 0x7f {
            126 => u64::from(io.read_u16().await?),
            127 => io.read_u64().await?,
            len => u64::from(len),
        };
        let mut mask = [0; 4];
        io.read_exact(&mut mask).await?;
        if first & 0x0f == 8 {
            let mut masked = vec![0; left as usize];
            io.read_exact(&mut masked).await?;
            *code = Some(u16::from_be_bytes([
                masked[0] ^ mask[0],
                masked[1] ^ mask[1],
            ]));
            break;
        }
        while left > 0 {
            let count = piece.len().min(left as usize);
            io.read_exact(&mut piece[..count]).await?;
            *bytes += count;
            left -= count as u64;
            // Everything else is faster.
            tokio::task::yield_now().await;
        }
    }
    match io.read(&mut piece).await? {
        0 => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

const FRAME: u16 = 60_000;
