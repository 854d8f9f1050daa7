use std::future::Future;

use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use transport::_internal::frame::FrameHeader;
use transport::testing::ManualRuntime;

use super::*;

/// One masked frame of a client.
fn masked(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0xa1, 0x02, 0x33, 0x94];
    let mut frame = head(fin, opcode, Some(mask), payload.len());
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

/// One unmasked frame as the other side should receive it.
fn plain(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(fin, opcode, None, payload.len());
    frame.extend(payload);
    frame
}

/// The header of a frame; the opcode may be reserved.
fn head(fin: bool, opcode: u8, mask: Option<[u8; 4]>, length: usize) -> Vec<u8> {
    let mut head = vec![0; FrameHeader::MAX_SIZE];
    let header = FrameHeader {
        fin,
        opcode: Opcode::Continuation,
        mask,
        length: length as u64,
    };
    let size = header.write(&mut head);
    head.truncate(size);
    head[0] |= opcode;
    head
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.as_bytes());
    payload
}

/// Runs a pair over in-memory connections of `room` bytes, while `script` plays both ends.
async fn joined<F>(room: usize, script: impl FnOnce(DuplexStream, DuplexStream) -> F) -> PairEnd
where
    F: Future<Output = ()>,
{
    let runtime = ManualRuntime::new().shared();
    let (sender, sender_end) = duplex(room);
    let (listener, listener_end) = duplex(room);
    let (end, ()) = futures::future::join(
        splice(
            sender_end,
            listener_end,
            &runtime,
            oneshot::channel().1,
            &Traffic::default(),
        ),
        script(sender, listener),
    )
    .await;
    end
}

async fn expect(io: &mut DuplexStream, bytes: &[u8]) {
    let mut read = vec![0; bytes.len()];
    io.read_exact(&mut read).await.unwrap();
    assert!(read == bytes, "{:x?}", &read[..read.len().min(40)]);
}

/// Writes at one end and reads at the other concurrently: there may be no room between them.
async fn pass(from: &mut DuplexStream, sent: &[u8], to: &mut DuplexStream, seen: &[u8]) {
    let (written, ()) = futures::future::join(from.write_all(sent), expect(to, seen)).await;
    written.unwrap();
}

#[tokio::test]
async fn frames_keep_type_fin_flag_and_boundaries_however_they_arrive() {
    let frames: [(bool, u8, &[u8]); 9] = [
        (true, 1, b"text"),
        (true, 2, b""),
        (false, 2, b"first"),
        (false, 0, b""),
        (true, 0, b"last"),
        (true, 2, &[7; 125]),
        (true, 2, &[8; 126]),
        (true, 1, &[b'a'; 65_535]),
        (true, 2, &[9; 65_536]),
    ];
    let sent: Vec<u8> = frames
        .iter()
        .flat_map(|(f, o, p)| masked(*f, *o, p))
        .collect();
    let seen: Vec<u8> = frames
        .iter()
        .flat_map(|(f, o, p)| plain(*f, *o, p))
        .collect();
    for (room, step) in [(1, 50_000), (7, 3), (4096, 4096), (100_000, 70_001)] {
        let end = joined(room, |mut sender, mut listener| {
            let (sent, seen) = (&sent, &seen);
            async move {
                let writing = async {
                    for chunk in sent.chunks(step) {
                        sender.write_all(chunk).await.unwrap();
                    }
                };
                futures::future::join(writing, expect(&mut listener, seen)).await;
                let bye = close(1000, "bye");
                pass(
                    &mut sender,
                    &masked(true, 8, &bye),
                    &mut listener,
                    &plain(true, 8, &bye),
                )
                .await;
                // The other direction is still open.
                let later = plain(true, 1, b"later");
                pass(
                    &mut listener,
                    &masked(true, 1, b"later"),
                    &mut sender,
                    &later,
                )
                .await;
                // A close frame always has a code.
                let normal = plain(true, 8, &close(1000, ""));
                pass(&mut listener, &masked(true, 8, &[]), &mut sender, &normal).await;
            }
        })
        .await;
        assert!(matches!(end, PairEnd::Closed(..)), "{room}: {end:?}");
    }
}

#[tokio::test]
async fn a_long_frame_is_cut_and_control_frames_pass_between_the_pieces() {
    let payload = vec![5; 200_000];
    joined(1000, |mut sender, mut listener| async move {
        let frame = masked(true, 2, &payload);
        let (first, rest) = frame.split_at(40_000);
        let writing = async {
            sender.write_all(first).await.unwrap();
            sender.write_all(rest).await.unwrap();
            sender
        };
        let reading = async {
            let mut received = 0;
            let mut pongs = 0;
            let mut is_first = true;
            loop {
                let mut head = [0; 2];
                listener.read_exact(&mut head).await.unwrap();
                let length = match head[1] {
                    126 => usize::from(listener.read_u16().await.unwrap()),
                    short => usize::from(short),
                };
                let mut piece = vec![0; length];
                listener.read_exact(&mut piece).await.unwrap();
                if head[0] == 0x8a {
                    assert_eq!(piece, b"still there?");
                    pongs += 1;
                    continue;
                }
                assert_eq!(head[0] & 0x0f, if is_first { 2 } else { 0 });
                if is_first {
                    listener
                        .write_all(&masked(true, 9, b"still there?"))
                        .await
                        .unwrap();
                }
                is_first = false;
                received += length;
                assert!(length <= 32 * 1024 && piece.iter().all(|byte| *byte == 5));
                if head[0] & 0x80 != 0 {
                    break;
                }
            }
            assert_eq!((received, pongs), (200_000, 1));
            listener
        };
        let (sender, listener) = futures::future::join(writing, reading).await;
        drop((sender, listener));
    })
    .await;
}

#[tokio::test]
async fn pings_end_at_the_hop() {
    let end = joined(64, |mut sender, mut listener| async move {
        sender.write_all(&masked(true, 9, b"a")).await.unwrap();
        expect(&mut sender, &plain(true, 10, b"a")).await;
        sender.write_all(&masked(true, 10, b"b")).await.unwrap();
        sender.write_all(&masked(true, 1, b"c")).await.unwrap();
        expect(&mut listener, &plain(true, 1, b"c")).await;
    })
    .await;
    assert!(matches!(end, PairEnd::Lost(_)));
}

#[tokio::test]
async fn who_breaks_the_protocol_is_told_and_so_is_the_other() {
    for broken in [
        plain(true, 1, b"unmasked"),
        masked(true, 3, b""),
        masked(true, 0, b"of nothing"),
        [masked(false, 1, b"a"), masked(true, 1, b"b")].concat(),
        masked(false, 9, b""),
        masked(true, 8, &[3]),
        masked(true, 8, &1005_u16.to_be_bytes()),
    ] {
        let end = joined(4096, |mut sender, mut listener| {
            let broken = &broken;
            async move {
                sender.write_all(broken).await.unwrap();
                let mut seen = Vec::new();
                listener.read_to_end(&mut seen).await.unwrap();
                let code = seen
                    .windows(2)
                    .position(|bytes| bytes == 1001_u16.to_be_bytes());
                assert!(code.is_some(), "{seen:x?}");
                drop(listener);
                let mut seen = Vec::new();
                sender.read_to_end(&mut seen).await.unwrap();
                assert_eq!(seen[0], 0x88);
                assert_eq!(seen[2..4], 1002_u16.to_be_bytes());
            }
        })
        .await;
        assert!(matches!(end, PairEnd::Violated(Side::Sender, _)));
    }
}

#[tokio::test]
async fn a_side_that_vanishes_is_told_to_the_other() {
    let end = joined(4096, |sender, mut listener| async move {
        drop(sender);
        let mut seen = Vec::new();
        listener.read_to_end(&mut seen).await.unwrap();
        assert_eq!(seen[..4], [0x88, seen[1], 3, 233]);
    })
    .await;
    assert_eq!(end, PairEnd::Lost(Side::Sender));
}

#[tokio::test]
async fn a_side_that_vanishes_within_a_frame_takes_the_other_with_it() {
    let frame = masked(true, 2, &[1; 1000]);
    let end = joined(4096, |mut sender, mut listener| {
        let frame = &frame;
        async move {
            sender.write_all(&frame[..500]).await.unwrap();
            drop(sender);
            let mut seen = Vec::new();
            listener.read_to_end(&mut seen).await.unwrap();
            // No close frame can be inside another frame.
            assert_eq!(seen.len(), 500 - 4);
        }
    })
    .await;
    assert_eq!(end, PairEnd::Lost(Side::Sender));
}

#[tokio::test]
async fn nothing_is_read_while_the_other_side_has_no_room() {
    let end = joined(1024, |mut sender, listener| async move {
        let frame = masked(true, 2, &[0; 1_000_000]);
        let mut taken = 0;
        // Polled until it stops: two connections of 1 KiB and one buffer are all the room there is.
        for _ in 0..1000 {
            match sender.write(&frame[taken..]).now_or_never() {
                Some(count) => taken += count.unwrap(),
                None => tokio::task::yield_now().await,
            }
        }
        assert!(taken < 80_000, "{taken}");
        drop(listener);
    })
    .await;
    assert!(matches!(end, PairEnd::Lost(_)));
}
