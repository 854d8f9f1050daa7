//! Connection attempts to several addresses of a name, staggered (RFC 8305). Shell.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Poll, ready};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;

use crate::SharedRuntime;

/// Connects to one address after another, [`STAGGER`] apart or as soon as one
/// fails, and returns the first connection (RFC 8305 §5).
///
/// # Errors
///
/// The error of the first address to fail, once all have failed.
pub(super) async fn race(
    addresses: Vec<SocketAddr>,
    runtime: &SharedRuntime,
) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts: FuturesUnordered<_> =
        waiting.next().map(TcpStream::connect).into_iter().collect();
    let mut timer = runtime.sleep_until(runtime.after(STAGGER));
    let mut first_error = None;
    poll_fn(|cx| {
        loop {
            match attempts.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(stream))) => return Poll::Ready(Ok(stream)),
                Poll::Ready(Some(Err(error))) => {
                    first_error.get_or_insert(error);
                }
                Poll::Ready(None) if waiting.len() == 0 => {
                    let error = first_error.take();
                    return Poll::Ready(Err(
                        error.unwrap_or_else(|| io::ErrorKind::NotFound.into())
                    ));
                }
                Poll::Ready(None) => {}
                Poll::Pending if waiting.len() == 0 => return Poll::Pending,
                Poll::Pending => ready!(timer.as_mut().poll(cx)),
            }
            if let Some(address) = waiting.next() {
                attempts.push(TcpStream::connect(address));
                timer.as_mut().reset(runtime.after(STAGGER));
            }
        }
    })
    .await
}

/// Alternates between the address families, starting with that of the first address (RFC 8305 §4).
pub(super) fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let mut second = second.into_iter();
    let mut order = Vec::new();
    for address in first {
        order.push(address);
        order.extend(second.next());
    }
    order.extend(second);
    order
}

/// The delay before the next attempt starts (RFC 8305 §5 recommends 250 ms).
const STAGGER: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_families_take_turns() {
        let order = |list: &[&str]| -> Vec<String> {
            let addresses = list
                .iter()
                .map(|address| address.parse().unwrap())
                .collect();
            interleave(addresses)
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(
            order(&["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1"]),
            ["[::1]:1", "1.1.1.1:1", "[::2]:1", "[::3]:1"]
        );
        assert_eq!(
            order(&["1.1.1.1:1", "[::1]:1", "[::2]:1", "[::3]:1"]),
            ["1.1.1.1:1", "[::1]:1", "[::2]:1", "[::3]:1"]
        );
    }
}
