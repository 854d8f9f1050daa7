//! A socket on an upgraded connection, for either side.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets as library;

use super::Socket;
use super::direct::{Direct, Masks};
use crate::net::half_close::HalfClose;
#[cfg(feature = "server")]
use crate::net::server::upgraded::UpgradedStream;
use crate::net::write_buffer::WriteBuffer;
use crate::{Limits, Message, WebSocket};

/// Creates a client's socket on an upgraded connection.
pub(crate) fn client<T>(io: T, limits: Limits, half_close: bool) -> Box<dyn WebSocket>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let builder = library::ClientBuilder::new()
        .config(library_config(&limits))
        .limits(library_limits(&limits));
    let wire = WriteBuffer::new(io, CLIENT_BATCH);
    let direct = Direct::new(&limits, Some(Masks::new()));
    if half_close {
        let library = builder.take_over(HalfClose::client(wire));
        Box::new(Socket::new(library, limits, half_close, direct))
    } else {
        let library = builder.take_over(wire);
        Box::new(Socket::new(library, limits, half_close, direct))
    }
}

/// Creates a server's socket on an upgraded connection.
#[cfg(feature = "server")]
pub(crate) fn server(io: UpgradedStream, limits: Limits, half_close: bool) -> Box<dyn WebSocket> {
    let builder = library::ServerBuilder::new()
        .config(library_config(&limits))
        .limits(library_limits(&limits));
    let wire = WriteBuffer::new(io, SERVER_BATCH);
    let direct = Direct::new(&limits, None);
    if half_close {
        let library = builder.serve(HalfClose::server(wire));
        Box::new(Socket::new(library, limits, half_close, direct))
    } else {
        let library = builder.serve(wire);
        Box::new(Socket::new(library, limits, half_close, direct))
    }
}

fn library_config(limits: &Limits) -> library::Config {
    library::Config::default()
        .frame_size(limits.max_frame.max(1))
        .flush_threshold(limits.max_pending_write)
}

fn library_limits(limits: &Limits) -> library::Limits {
    // The library applies its limit to control frames too; ours applies to messages.
    library::Limits::default()
        .max_payload_len(Some(limits.max_message.max(Message::MAX_CONTROL_LEN)))
}

/// How many bytes of small messages a client collects before it writes. Measured: with 32 KiB a
/// client publishes 6 to 10 % faster than with 16.
const CLIENT_BATCH: usize = 32 * 1024;
/// The same of a server, which may have a thousand batches to collect at once.
#[cfg(feature = "server")]
const SERVER_BATCH: usize = 16 * 1024;
