//! Both forwarders around an emulator, each on a thread.

use std::net::SocketAddr;
use std::time::Instant;

use azwire_tests::background::{current_thread, on_thread};
use azwire_tests::free_ports;
use azwire_tests::measure::{median, record, rounds};
use emulator::Emulator;
use forward::expression::{LocalBinding, PortName, RemoteBinding};
use forward::{ForwardOptions, LocalForwarder, RemoteForwarder};
use futures::StreamExt;
use relay::{Listener, ListenerBuilder, Sender, SenderBuilder};
use transport::net::Connector;
use transport::tls::{RootCertificates, TlsConnector};
use transport::{Runtime as _, TokioRuntime};

use super::clients::{AT_ONCE, greeted};
use super::{REPEATS, floor};

/// An emulator on a thread, and how to reach it.
#[derive(Clone)]
pub(super) struct Relay {
    pub(super) connection_string: String,
    /// `None` in plain text.
    pub(super) authority: Option<String>,
}

impl Relay {
    pub(super) fn start(is_tls: bool) -> Self {
        on_thread(move |told| async move {
            let emulator = Emulator::builder().config(free_ports()).start().await;
            let emulator = emulator.unwrap();
            let relay = emulator.relay();
            let string = match is_tls {
                true => relay.connection_string("hc1"),
                false => relay.plain_connection_string("hc1"),
            };
            told.send(Self {
                connection_string: string.expose().to_owned(),
                authority: is_tls.then(|| relay.ca_pem().to_owned()),
            })
            .unwrap();
            std::future::pending().await
        })
    }

    pub(super) fn sender(&self) -> SenderBuilder {
        let builder = SenderBuilder::from_connection_string(&self.connection_string).unwrap();
        match self.connector() {
            Some(connector) => builder.connector(connector),
            None => builder,
        }
    }

    pub(super) fn listener(&self) -> ListenerBuilder {
        let builder = Listener::from_connection_string(&self.connection_string).unwrap();
        match self.connector() {
            Some(connector) => builder.connector(connector),
            None => builder,
        }
    }

    fn connector(&self) -> Option<Connector> {
        let pem = self.authority.as_ref()?;
        let roots = RootCertificates::none().with_pem(pem.as_bytes()).unwrap();
        let tls = TlsConnector::ring(roots).unwrap();
        Some(Connector::builder().tls(tls).build())
    }

    /// Forwards a free port to `target`, and returns its address.
    pub(super) fn forward(&self, target: SocketAddr) -> SocketAddr {
        let relay = self.clone();
        on_thread(move |ready| async move {
            let remote = relay.remote(target).await;
            ready.send(()).unwrap();
            let _kept = remote;
            std::future::pending::<()>().await;
        });
        let relay = self.clone();
        on_thread(move |address| async move {
            let local = relay.local().await;
            address.send(local.local_addrs()[0]).unwrap();
            let _kept = local;
            std::future::pending::<()>().await;
        })
    }

    pub(super) async fn local(&self) -> LocalForwarder {
        let binding = LocalBinding::tcp(0).with_host("127.0.0.1").unwrap();
        LocalForwarder::builder(self.sender().build().unwrap())
            .bind(binding.with_port_name(name()))
            .options(options())
            .open()
            .await
            .unwrap()
    }

    pub(super) async fn remote(&self, target: SocketAddr) -> RemoteForwarder {
        let target = RemoteBinding::tcp(target.to_string().parse().unwrap());
        RemoteForwarder::builder(self.listener())
            .target(target.with_port_name(name()))
            .options(options())
            .open()
            .await
            .unwrap()
    }
}

fn name() -> PortName {
    PortName::new("echo").unwrap()
}

fn options() -> ForwardOptions {
    ForwardOptions::default().with_max_connections(10_000)
}

/// Measures connections until the target's first byte has come, beside `Sender::connect` alone. All stay open until the
/// time is taken, so that their ends do not count.
pub(super) fn compare_opening() {
    let relay = Relay::start(false);
    let forwarded = relay.forward(floor::greeter());
    let bare = Relay::start(false);
    let listening = bare.clone();
    on_thread(move |ready| async move {
        let mut listener = listening.listener().open().await.unwrap();
        ready.send(()).unwrap();
        while let Some(incoming) = listener.accept().await {
            TokioRuntime::new().spawn(Box::pin(async move {
                let mut stream = incoming.accept().await.unwrap();
                // Held until the sender is done.
                while let Ok(Some(_)) = stream.receive().await {}
            }));
        }
    });
    let sender: Sender = bare.sender().build().unwrap();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds(REPEATS) {
        let runtime = current_thread();
        let start = Instant::now();
        let opened: Vec<_> = runtime.block_on(async {
            let opening = futures::stream::iter(0..OPENED);
            let one = async |_| sender.connect().await.unwrap();
            opening.map(one).buffer_unordered(AT_ONCE).collect().await
        });
        times[0].push(start.elapsed().as_secs_f64());
        runtime.block_on(async { drop(opened) });
        let start = Instant::now();
        let opened: Vec<_> = runtime.block_on(async {
            let opening = futures::stream::iter(0..OPENED);
            let one = async |_| greeted(forwarded).await;
            opening.map(one).buffer_unordered(AT_ONCE).collect().await
        });
        times[1].push(start.elapsed().as_secs_f64());
        runtime.block_on(async { drop(opened) });
    }
    for (subject, times) in ["connect", "ours"].iter().zip(&times) {
        record("forward-open", subject, "s", times.iter().copied());
    }
    let [connect, ours] = times.map(|times| median(&times));
    println!(
        "forward-open: Sender::connect {connect:.3} s, ours {ours:.3} s: {:.2} of its time",
        ours / connect
    );
}

const OPENED: usize = 400;
