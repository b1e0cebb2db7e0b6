//! The sockets, on loopback.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it wants to see")]

mod connections;
mod hosts;
mod limits;
mod names;
mod proofs;
mod secure;
mod stream;
mod udp;
mod websocket;

use std::future::Future;

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::LocalSet,
    time::timeout,
};

use super::*;

/// Ends a test that hangs; nothing is measured by it.
const FOREVER: Duration = Duration::from_secs(20);
const OPTIONS: &str = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n";

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, async { timeout(FOREVER, test).await.unwrap() });
}

fn listener(text: &str) -> Listener {
    let (transport, address) = text.split_once(':').unwrap();
    Listener {
        transport: Transport::from_name(transport).unwrap(),
        address: address.parse().unwrap(),
    }
}

struct Bench {
    net: Net,
    inputs: VecDeque<Input>,
}

impl Bench {
    fn new(listeners: &[&str], limits: Limits) -> Self {
        let listeners: Vec<_> = listeners.iter().map(|text| listener(text)).collect();
        Self {
            net: Net::bind(&listeners, &limits, None).unwrap(),
            inputs: VecDeque::new(),
        }
    }

    fn tcp(limits: Limits) -> Self {
        Self::new(&["tcp:127.0.0.1:0"], limits)
    }

    fn address(&self) -> SocketAddr {
        self.net.listeners()[0].address
    }

    async fn next(&mut self) -> Input {
        while self.inputs.is_empty() {
            let mut inputs = Vec::new();
            self.net.receive(&mut inputs).await;
            self.inputs.extend(inputs);
        }
        self.inputs.pop_front().unwrap()
    }

    async fn message(&mut self) -> (Flow, Bytes) {
        match self.next().await {
            Input::Received { flow, bytes } => (flow, bytes),
            other => panic!("not a message: {other:?}"),
        }
    }

    async fn closed(&mut self) -> sip::ConnectionId {
        match self.next().await {
            Input::ConnectionClosed { connection } => connection,
            other => panic!("not closed: {other:?}"),
        }
    }

    async fn failed(&mut self) -> Flow {
        match self.next().await {
            Input::TransmitFailed { flow } => flow,
            other => panic!("not failed: {other:?}"),
        }
    }

    /// Lets the sockets work while something else is waited for; nothing may be reported.
    async fn while_quiet<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut inputs = Vec::new();
        tokio::select! {
            value = other => value,
            () = self.net.receive(&mut inputs) => panic!("reported: {inputs:?}"),
        }
    }

    fn send(&mut self, flow: Flow, text: &str) {
        self.net.transmit(Transmit {
            flow,
            bytes: Bytes::copy_from_slice(text.as_bytes()),
        });
    }
}

async fn read_exactly(stream: &mut TcpStream, text: &str) {
    let mut read = vec![0; text.len()];
    stream.read_exact(&mut read).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&read), text);
}

async fn is_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is as good as an end.
    let _ = stream.read_to_end(&mut rest).await;
}
