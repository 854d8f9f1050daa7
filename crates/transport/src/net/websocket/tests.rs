//! Which waker is called, and which memory is freed: sockets polled by hand, each direction with a waker
//! of its own.

use std::task::{Context, Poll, Waker};

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;
use crate::WebSocket;
use crate::net::write_buffer::WriteBuffer;
use crate::woken::Woken;
use crate::ws::frame::FrameHeader;

/// A client's socket, and its peer.
fn open(room: usize) -> (Box<dyn WebSocket>, DuplexStream) {
    let (ours, theirs) = duplex(room);
    (client(ours, Limits::default(), false), theirs)
}

fn poll_next(socket: &mut Box<dyn WebSocket>, task: &Waker) -> Poll<Message> {
    let polled = socket.poll_next_unpin(&mut Context::from_waker(task));
    polled.map(|message| message.unwrap().unwrap())
}

fn poll_flush(socket: &mut Box<dyn WebSocket>, task: &Waker) -> Poll<()> {
    let polled = socket.poll_flush_unpin(&mut Context::from_waker(task));
    polled.map(Result::unwrap)
}

fn send(socket: &mut Box<dyn WebSocket>, task: &Waker, message: Message) {
    let polled = socket.poll_ready_unpin(&mut Context::from_waker(task));
    assert!(matches!(polled, Poll::Ready(Ok(()))));
    socket.start_send_unpin(message).unwrap();
}

/// Returns a frame of a server.
fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        fin: true,
        opcode,
        mask: None,
        length: payload.len() as u64,
    };
    let mut space = [0; FrameHeader::MAX_SIZE];
    let size = header.write(&mut space);
    [&space[..size], payload].concat()
}

/// Not in a task of tokio, which stops after some reads and writes, whatever there is.
fn run(test: impl Future<Output = ()>) {
    futures::executor::block_on(test);
}

#[test]
fn each_direction_wakes_whoever_waits_for_it() {
    run(async {
        let (mut socket, mut peer) = open(1_000);
        let (reader, read) = Woken::task();
        let (writer, written) = Woken::task();
        assert!(poll_next(&mut socket, &reader).is_pending());
        send(&mut socket, &writer, Message::binary(vec![1; 3_000]));
        assert!(poll_flush(&mut socket, &writer).is_pending());
        assert_eq!((read.count(), written.count()), (0, 0));
        let hello = frame(Opcode::Text, b"hello");
        peer.write_all(&hello).await.unwrap();
        assert_eq!((read.count(), written.count()), (1, 0));
        let message = poll_next(&mut socket, &reader);
        assert_eq!(message, Poll::Ready(Message::text("hello")));
        assert!(poll_next(&mut socket, &reader).is_pending());
        // The reader has tried to write the rest, too: now either may go on.
        peer.read_exact(&mut [0; 1_000]).await.unwrap();
        assert_eq!((read.count(), written.count()), (2, 1));
    });
}

/// A reader whose pongs nobody takes waits for a flush. A writer that flushes meanwhile takes its place
/// below, and must wake it.
#[test]
fn a_reader_goes_on_when_the_writer_has_written_its_pongs() {
    run(async {
        let (mut socket, mut peer) = open(1_000);
        let (reader, read) = Woken::task();
        let (writer, _) = Woken::task();
        let ping = frame(Opcode::Ping, &[0; 125]);
        for _ in 0..=MAX_QUEUED_PONGS / (CONTROL_HEADER + 125) {
            peer.write_all(&ping).await.unwrap();
            assert!(poll_next(&mut socket, &reader).is_ready());
        }
        peer.write_all(&ping).await.unwrap();
        assert!(poll_next(&mut socket, &reader).is_pending());
        assert_eq!(read.count(), 0);
        while poll_flush(&mut socket, &writer).is_pending() {
            assert_ne!(peer.read(&mut [0; 1_000]).await.unwrap(), 0);
        }
        assert_eq!(read.count(), 1);
        assert!(poll_next(&mut socket, &reader).is_ready());
    });
}

#[test]
fn a_flush_frees_the_buffer_if_the_reader_waits() {
    run(async {
        let (ours, _theirs) = duplex(1_000);
        let wire = WriteBuffer::new(ours, 1_000);
        let limits = Limits::default();
        let direct = Direct::new(&limits, None);
        let library = library::ClientBuilder::new().take_over(wire);
        let mut socket = Socket::new(library, limits, false, direct);
        let mut capacities = Vec::new();
        for _ in 0..2 {
            socket.feed(Message::text("hello")).await.unwrap();
            let before = socket.library.get_ref().capacity();
            socket.flush().await.unwrap();
            capacities.push((before > 0, socket.library.get_ref().capacity() > 0));
            let polled = socket.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
        // Before it was first read, more may follow at once.
        assert_eq!(capacities, [(true, true), (true, false)]);
    });
}
