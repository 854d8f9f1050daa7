//! Plain copying proxies, and what lies behind them.

use std::net::SocketAddr;
use std::sync::Arc;

use azwire_tests::Authority;
use azwire_tests::background::on_thread;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional_with_sizes,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use transport::{Runtime as _, TokioRuntime};

/// Starts a server that sends back what it gets.
pub(super) fn echo() -> SocketAddr {
    serve(|mut stream| async move {
        let mut space = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = stream.read(&mut space).await {
            if stream.write_all(&space[..count]).await.is_err() {
                return;
            }
        }
    })
}

/// Starts a server that speaks first: a connection to it is open once its byte has come.
pub(super) fn greeter() -> SocketAddr {
    serve(|mut stream| async move {
        if stream.write_u8(1).await.is_ok() {
            // Until the client is done.
            let _ = stream.read_u8().await;
        }
    })
}

/// Starts three proxies in a row before `target`.
pub(super) fn plain(target: SocketAddr) -> SocketAddr {
    (0..3).fold(target, |next, _| {
        serve(move |stream| async move { copy(stream, connect(next).await).await })
    })
}

/// The same, with TLS between the first and the second, and between the second and the third.
pub(super) fn tls(target: SocketAddr) -> SocketAddr {
    let authority = Authority::new("the floor");
    let identity = authority.issue(&["localhost"]);
    let acceptor = TlsAcceptor::from(Arc::new(identity.server_config()));
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));

    let accept = acceptor.clone();
    let third = serve(move |stream| {
        let acceptor = accept.clone();
        async move {
            let near = acceptor.accept(stream).await.unwrap();
            copy(near, connect(target).await).await;
        }
    });
    let dial = connector.clone();
    let second = serve(move |stream| {
        let (acceptor, connector) = (acceptor.clone(), dial.clone());
        async move {
            let near = acceptor.accept(stream).await.unwrap();
            let far = connector.connect(name(), connect(third).await).await;
            copy(near, far.unwrap()).await;
        }
    });
    serve(move |stream| {
        let connector = connector.clone();
        async move {
            let far = connector.connect(name(), connect(second).await).await;
            copy(stream, far.unwrap()).await;
        }
    })
}

fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn copy(
    mut near: impl AsyncRead + AsyncWrite + Unpin,
    mut far: impl AsyncRead + AsyncWrite + Unpin,
) {
    // The size of our messages.
    const SIZE: usize = 32 * 1024;
    // A client that is done does not say so.
    let _ = copy_bidirectional_with_sizes(&mut near, &mut far, SIZE, SIZE).await;
}

/// Serves each connection in a task, all on one thread.
fn serve<F>(each: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    on_thread(|address| async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        address.send(listener.local_addr().unwrap()).unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            TokioRuntime::new().spawn(Box::pin(each(stream)));
        }
    })
}
