//! The sockets, on loopback.
#![allow(clippy::wildcard_enum_match_arm, reason = "a test says what it wants to see")]

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
            net: Net::bind(&listeners, &limits).unwrap(),
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

#[test]
fn a_datagram_is_answered_from_the_address_it_was_sent_to() {
    for (listen, phone, to) in [
        ("udp:0.0.0.0:0", "127.0.0.1:0", "127.0.0.2"),
        ("udp:127.0.0.1:0", "127.0.0.1:0", "127.0.0.1"),
        ("udp:[::]:0", "[::1]:0", "::1"),
    ] {
        run(async {
            let mut bench = Bench::new(&[listen], Limits::default());
            let phone = UdpSocket::bind(phone).await.unwrap();
            let to = SocketAddr::new(to.parse().unwrap(), bench.address().port());
            phone.send_to(OPTIONS.as_bytes(), to).await.unwrap();
            let (flow, bytes) = bench.message().await;
            assert_eq!(bytes, OPTIONS);
            assert_eq!(
                (flow.transport, flow.local, flow.remote),
                (Transport::Udp, to, phone.local_addr().unwrap())
            );
            bench.send(flow, "answer");
            let mut buffer = [0; 64];
            let (length, from) = phone.recv_from(&mut buffer).await.unwrap();
            assert_eq!((&buffer[..length], from), (b"answer".as_slice(), to));
        });
    }
}

#[test]
fn datagrams_without_content_are_dropped_and_a_double_crlf_is_answered() {
    run(async {
        let mut bench = Bench::new(&["udp:127.0.0.1:0"], Limits::default());
        let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let noise = vec![0xff_u8; 65_507];
        for bytes in [
            b"".as_slice(),
            b"\r\n",
            b"\0\0\0\0",
            b"\r\n\r\n",
            &noise,
            OPTIONS.as_bytes(),
        ] {
            phone.send_to(bytes, bench.address()).await.unwrap();
        }
        assert_eq!(bench.message().await.1, noise);
        assert_eq!(bench.message().await.1, OPTIONS);
        let mut buffer = [0; 64];
        let length = phone.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], b"\r\n");
    });
}

#[test]
fn a_flood_on_one_socket_leaves_the_other_its_turn() {
    run(async {
        let limits = Limits {
            batch: 4,
            ..Limits::default()
        };
        let mut bench = Bench::new(&["udp:127.0.0.1:0", "udp:127.0.0.1:0"], limits);
        let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (first, second) = (bench.net.listeners()[0].address, bench.net.listeners()[1].address);
        for _ in 0..20 {
            phone.send_to(b"flood", first).await.unwrap();
        }
        phone.send_to(b"call", second).await.unwrap();
        let mut order = Vec::new();
        while order.len() < 21 {
            order.push(bench.message().await.1);
        }
        assert!(order.iter().position(|bytes| bytes == "call").unwrap() <= 4);
    });
}

#[test]
fn a_port_where_nobody_listens_is_reported_with_its_flow() {
    run(async {
        let mut bench = Bench::new(&["udp:127.0.0.1:0"], Limits::default());
        let gone = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let flow = Flow {
            transport: Transport::Udp,
            local: bench.address(),
            remote: gone,
            connection: None,
        };
        bench.send(flow, "anybody?");
        assert_eq!(bench.failed().await, flow);
        // The socket itself goes on.
        let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        bench.send(
            Flow {
                remote: phone.local_addr().unwrap(),
                ..flow
            },
            "still there",
        );
        let mut buffer = [0; 64];
        assert_eq!(phone.recv(&mut buffer).await.unwrap(), 11);
    });
}

#[test]
fn what_no_socket_can_send_is_reported() {
    run(async {
        let mut bench = Bench::new(&["udp:127.0.0.1:0"], Limits::default());
        let remote = "127.0.0.1:9".parse().unwrap();
        let flow = Flow {
            transport: Transport::Udp,
            local: "127.0.0.1:1".parse().unwrap(),
            remote,
            connection: None,
        };
        bench.send(flow, "x");
        assert_eq!(bench.failed().await, flow);
        let long = Flow {
            local: bench.address(),
            ..flow
        };
        bench.send(long, &"x".repeat(70_000));
        assert_eq!(bench.failed().await, long);
    });
}

#[test]
fn messages_are_cut_from_a_stream_however_it_arrives() {
    run(async {
        let mut bench = Bench::new(&["tcp:0.0.0.0:0"], Limits::default());
        let to = SocketAddr::new("127.0.0.2".parse().unwrap(), bench.address().port());
        let mut phone = TcpStream::connect(to).await.unwrap();
        phone
            .write_all(format!("{OPTIONS}{OPTIONS}OPTI").as_bytes())
            .await
            .unwrap();
        let (flow, bytes) = bench.message().await;
        assert_eq!(bytes, OPTIONS);
        assert_eq!(
            (flow.transport, flow.local, flow.remote),
            (Transport::Tcp, to, phone.local_addr().unwrap())
        );
        assert_eq!(bench.message().await, (flow, Bytes::from(OPTIONS)));
        for byte in &OPTIONS.as_bytes()[4..] {
            phone.write_all(&[*byte]).await.unwrap();
        }
        assert_eq!(bench.message().await, (flow, Bytes::from(OPTIONS)));
        bench.send(flow, "answer");
        bench.while_quiet(read_exactly(&mut phone, "answer")).await;
    });
}

#[test]
fn a_ping_is_answered_with_a_pong() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.write_all(b"\r\n\r\n").await.unwrap();
        bench.while_quiet(read_exactly(&mut phone, "\r\n")).await;
    });
}

#[test]
fn keep_alives_of_other_kinds_swallow_no_message_and_want_no_answer() {
    for alive in ["\r\n\0", "\r\n", "\0\0\0\0", "\n"] {
        run(async {
            let mut bench = Bench::tcp(Limits::default());
            let mut phone = TcpStream::connect(bench.address()).await.unwrap();
            for _ in 0..2 {
                phone.write_all(alive.as_bytes()).await.unwrap();
                phone.write_all(OPTIONS.as_bytes()).await.unwrap();
                let (flow, bytes) = bench.message().await;
                assert_eq!(bytes, OPTIONS, "after {alive:?}");
                bench.send(flow, OPTIONS);
                bench.while_quiet(read_exactly(&mut phone, OPTIONS)).await;
            }
        });
    }
}

#[test]
fn a_connection_is_opened_once_and_used_by_both_sides() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let flow = Flow {
            transport: Transport::Tcp,
            local: bench.address(),
            remote: peer.local_addr().unwrap(),
            connection: None,
        };
        bench.send(flow, "one");
        bench.send(flow, "two");
        let (mut stream, _) = bench.while_quiet(peer.accept()).await.unwrap();
        bench.while_quiet(read_exactly(&mut stream, "onetwo")).await;
        stream.write_all(OPTIONS.as_bytes()).await.unwrap();
        let (back, _) = bench.message().await;
        // Our side is named by the listener, although the connection left from another port.
        assert_eq!((back.local, back.remote), (flow.local, flow.remote));
        bench.send(back, "three");
        bench.send(flow, "four");
        bench.while_quiet(read_exactly(&mut stream, "threefour")).await;
        assert_eq!(bench.net.connections(), 1);
    });
}

#[test]
fn an_answer_to_a_lost_connection_goes_over_a_new_one() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            linger: Duration::ZERO,
            ..Limits::default()
        });
        let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote = peer.local_addr().unwrap();
        let flow = Flow {
            transport: Transport::Tcp,
            local: bench.address(),
            remote,
            connection: None,
        };
        bench.send(flow, "one");
        let (stream, _) = bench.while_quiet(peer.accept()).await.unwrap();
        drop(stream);
        let connection = Some(bench.closed().await);
        bench.send(Flow { connection, ..flow }, "two");
        let (mut stream, _) = bench.while_quiet(peer.accept()).await.unwrap();
        bench.while_quiet(read_exactly(&mut stream, "two")).await;
    });
}

#[test]
fn a_peer_that_cannot_be_connected_is_reported_for_every_message() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let remote = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let flow = Flow {
            transport: Transport::Tcp,
            local: bench.address(),
            remote,
            connection: None,
        };
        bench.send(flow, "one");
        bench.send(flow, "two");
        assert_eq!(bench.failed().await, flow);
        assert_eq!(bench.failed().await, flow);
        bench.closed().await;
        assert_eq!(bench.net.connections(), 0);
    });
}

#[test]
fn a_half_closed_connection_still_gets_its_answer_but_no_new_request() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.write_all(OPTIONS.as_bytes()).await.unwrap();
        phone.shutdown().await.unwrap();
        let (flow, _) = bench.message().await;
        assert_eq!(Some(bench.closed().await), flow.connection, "the peer says no more");
        let answer = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
        bench.send(flow, answer);
        bench.while_quiet(read_exactly(&mut phone, answer)).await;
        let other = Flow {
            connection: None,
            ..flow
        };
        for way in [other, flow] {
            bench.send(way, OPTIONS);
            assert_eq!(bench.failed().await, way);
            // That of the attempt to open another one.
            bench.closed().await;
        }
    });
}

#[test]
fn an_answer_that_its_connection_no_longer_takes_goes_over_a_new_one() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.write_all(OPTIONS.as_bytes()).await.unwrap();
        let (flow, _) = bench.message().await;
        // It may have closed its half, or all of it: that shows when something is sent there.
        drop(phone);
        bench.closed().await;
        let answer = "SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
        // To the port of its Via's sent-by.
        let way = Flow {
            remote: door.local_addr().unwrap(),
            ..flow
        };
        bench.send(way, answer);
        let (mut stream, _) = bench.while_quiet(door.accept()).await.unwrap();
        bench.while_quiet(read_exactly(&mut stream, answer)).await;
    });
}

#[test]
fn a_request_for_who_closed_its_connection_goes_over_a_new_one() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.write_all(OPTIONS.as_bytes()).await.unwrap();
        let (flow, _) = bench.message().await;
        drop(phone);
        assert_eq!(Some(bench.closed().await), flow.connection);
        // Its contact, and the connection it had: what the switch still knows of it.
        let way = Flow {
            remote: door.local_addr().unwrap(),
            ..flow
        };
        bench.send(way, OPTIONS);
        let (mut stream, _) = bench.while_quiet(door.accept()).await.unwrap();
        bench.while_quiet(read_exactly(&mut stream, OPTIONS)).await;
    });
}

#[test]
fn a_half_closed_connection_does_not_stay() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            linger: Duration::from_millis(1),
            ..Limits::default()
        });
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.shutdown().await.unwrap();
        bench.closed().await;
        bench.while_quiet(is_closed(&mut phone)).await;
    });
}

#[test]
fn a_message_that_takes_too_long_ends_its_connection() {
    for partial in [
        "",
        "OPTIONS sip:a@b SIP/2.0\r\n",
        "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 9\r\n\r\n",
    ] {
        run(async {
            let limits = Limits {
                message_timeout: Duration::from_millis(1),
                ..Limits::default()
            };
            let mut bench = Bench::tcp(limits);
            let mut phone = TcpStream::connect(bench.address()).await.unwrap();
            phone.write_all(partial.as_bytes()).await.unwrap();
            bench.closed().await;
            is_closed(&mut phone).await;
            assert_eq!(bench.net.connections(), 0);
        });
    }
}

#[test]
fn trickling_bytes_does_not_buy_more_time() {
    run(async {
        let limits = Limits {
            message_timeout: Duration::from_millis(50),
            ..Limits::default()
        };
        let mut bench = Bench::tcp(limits);
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        let trickle = async {
            while phone.write_all(b"x").await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = bench.closed() => {}
            () = trickle => {}
        }
    });
}

#[test]
fn an_idle_connection_is_closed() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            idle_timeout: Duration::from_millis(1),
            ..Limits::default()
        });
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.write_all(OPTIONS.as_bytes()).await.unwrap();
        bench.message().await;
        bench.closed().await;
        is_closed(&mut phone).await;
    });
}

#[test]
fn garbage_ends_its_connection_only() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let mut good = TcpStream::connect(bench.address()).await.unwrap();
        let mut bad = TcpStream::connect(bench.address()).await.unwrap();
        let _ = bad.write_all(&vec![0xff; 200_000]).await;
        bench.closed().await;
        is_closed(&mut bad).await;
        good.write_all(OPTIONS.as_bytes()).await.unwrap();
        assert_eq!(bench.message().await.1, OPTIONS);
    });
}

#[test]
fn a_head_without_a_length_is_given_to_the_switch_and_its_answer_is_the_last() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            last_answer: Duration::from_millis(50),
            ..Limits::default()
        });
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        let head = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: x\r\n\r\n";
        phone.write_all(format!("{head}{OPTIONS}").as_bytes()).await.unwrap();
        let (flow, bytes) = bench.message().await;
        assert_eq!(bytes, head);
        bench.closed().await;
        bench.send(flow, "SIP/2.0 400 Bad Request\r\n\r\n");
        bench
            .while_quiet(read_exactly(&mut phone, "SIP/2.0 400 Bad Request\r\n\r\n"))
            .await;
        bench.while_quiet(is_closed(&mut phone)).await;
    });
}

#[test]
fn connections_are_counted_by_source_and_in_all() {
    run(async {
        let limits = Limits {
            connections_per_source: 2,
            connections: 3,
            ..Limits::default()
        };
        let mut bench = Bench::tcp(limits);
        let mut phones = Vec::new();
        for _ in 0..2 {
            let mut phone = TcpStream::connect(bench.address()).await.unwrap();
            phone.write_all(OPTIONS.as_bytes()).await.unwrap();
            bench.message().await;
            phones.push(phone);
        }
        let mut third = TcpStream::connect(bench.address()).await.unwrap();
        bench.while_quiet(is_closed(&mut third)).await;
        // One that leaves makes room.
        drop(phones.pop());
        bench.closed().await;
        assert_eq!(bench.net.tcp.of_source("127.0.0.1".parse().unwrap()), 1);
        let mut fourth = TcpStream::connect(bench.address()).await.unwrap();
        fourth.write_all(OPTIONS.as_bytes()).await.unwrap();
        bench.message().await;
        assert_eq!(bench.net.connections(), 3);
    });
}

#[test]
fn the_oldest_half_closed_connection_makes_room_for_a_new_one() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            connections: 2,
            ..Limits::default()
        });
        let mut phones = Vec::new();
        for _ in 0..2 {
            let mut phone = TcpStream::connect(bench.address()).await.unwrap();
            phone.write_all(OPTIONS.as_bytes()).await.unwrap();
            phone.shutdown().await.unwrap();
            let (flow, _) = bench.message().await;
            assert_eq!(Some(bench.closed().await), flow.connection);
            phones.push(phone);
        }
        let mut third = TcpStream::connect(bench.address()).await.unwrap();
        third.write_all(OPTIONS.as_bytes()).await.unwrap();
        bench.message().await;
        let [first, _] = &mut phones[..] else {
            panic!("two phones")
        };
        bench.while_quiet(is_closed(first)).await;
        assert_eq!(bench.net.connections(), 2);
    });
}

#[test]
fn a_peer_that_does_not_read_loses_its_connection_and_nothing_grows() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            write_queue: 65_536,
            ..Limits::default()
        });
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.write_all(OPTIONS.as_bytes()).await.unwrap();
        let (flow, _) = bench.message().await;
        let text = "x".repeat(60_000);
        bench.send(flow, &text);
        bench.send(flow, &text);
        // More than may wait: reported at once, and the connection goes.
        loop {
            match bench.next().await {
                Input::TransmitFailed { flow: failed } => assert_eq!(failed, flow),
                Input::ConnectionClosed { connection } => break assert_eq!(Some(connection), flow.connection),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(bench.net.connections(), 0);
    });
}

#[test]
fn pings_whose_answers_nobody_reads_fill_no_memory() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            write_queue: 16_384,
            ..Limits::default()
        });
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        // The answers to these are 4,096 bytes, but as many messages that wait.
        let _ = phone.write_all(&b"\r\n\r\n".repeat(2_048)).await;
        bench.closed().await;
        assert_eq!(bench.net.connections(), 0);
    });
}

#[test]
fn where_much_waits_in_all_those_who_do_not_read_go_and_the_others_stay() {
    run(async {
        let mut bench = Bench::tcp(Limits {
            write_queues: 1 << 20,
            ..Limits::default()
        });
        let (mut phones, mut flows) = (Vec::new(), Vec::new());
        for _ in 0..4 {
            let mut phone = TcpStream::connect(bench.address()).await.unwrap();
            phone.write_all(OPTIONS.as_bytes()).await.unwrap();
            flows.push(bench.message().await.0);
            phones.push(phone);
        }
        // None of three has too much by itself.
        for flow in &flows[..3] {
            bench.send(*flow, &"x".repeat(400_000));
        }
        bench.send(flows[3], "answer");
        let mut gone = Vec::new();
        while gone.is_empty() {
            match bench.next().await {
                Input::TransmitFailed { .. } => {}
                Input::ConnectionClosed { connection } => gone.push(Some(connection)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(gone, [flows[2].connection]);
        read_exactly(&mut phones[3], "answer").await;
    });
}

#[test]
fn a_listener_that_cannot_be_bound_says_why() {
    run(async {
        let bench = Bench::new(&["udp:127.0.0.1:0"], Limits::default());
        let taken = listener(&format!("udp:{}", bench.address()));
        let Err(error) = Net::bind(&[taken], &Limits::default()) else {
            panic!("bound twice")
        };
        let expected = format!(
            "sip = \"udp:{}\": the port is in use by another program",
            bench.address()
        );
        assert_eq!(error.to_string(), expected);
        let Err(error) = Net::bind(&[listener("tcp:192.0.2.1:0")], &Limits::default()) else {
            panic!("bound")
        };
        assert_eq!(
            error.to_string(),
            "sip = \"tcp:192.0.2.1:0\": this machine has no such address"
        );
    });
}

#[test]
fn hosts_become_flows_with_a_concrete_local_address() {
    run(async {
        let mut bench = Bench::new(&["udp:0.0.0.0:0", "tcp:127.0.0.1:0"], Limits::default());
        let (udp, tcp) = (
            bench.net.listeners()[0].address.port(),
            bench.net.listeners()[1].address,
        );
        let mut ask = async |host: &str, port, transport| {
            bench.net.resolve(QueryId(7), host, port, transport);
            match bench.next().await {
                Input::Resolved {
                    query: QueryId(7),
                    flows,
                } => flows,
                other => panic!("{other:?}"),
            }
        };
        let flows = ask("127.0.0.9", None, None).await;
        let local = SocketAddr::new("127.0.0.1".parse().unwrap(), udp);
        let remote = "127.0.0.9:5060".parse().unwrap();
        assert_eq!(
            flows,
            [Flow {
                transport: Transport::Udp,
                local,
                remote,
                connection: None
            }]
        );
        let flows = ask("localhost", Some(5070), Some(Transport::Tcp)).await;
        let remote = "127.0.0.1:5070".parse().unwrap();
        assert_eq!(
            flows,
            [Flow {
                transport: Transport::Tcp,
                local: tcp,
                remote,
                connection: None
            }]
        );
        // No listener speaks it.
        assert_eq!(ask("[::1]", None, None).await, []);
        assert_eq!(ask("127.0.0.9", None, Some(Transport::Tls)).await, []);
        assert_eq!(ask("nobody.invalid", None, None).await, []);
    });
}

#[test]
fn without_udp_hosts_are_reached_over_tcp() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        bench.net.resolve(QueryId(1), "127.0.0.9", None, None);
        let Input::Resolved { flows, .. } = bench.next().await else {
            panic!("not resolved")
        };
        assert_eq!(flows[0].transport, Transport::Tcp);
    });
}

#[test]
fn what_is_still_to_be_written_leaves_before_the_end() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote = peer.local_addr().unwrap();
        bench.send(
            Flow {
                transport: Transport::Tcp,
                local: bench.address(),
                remote,
                connection: None,
            },
            "BYE",
        );
        bench.net.flush(FOREVER).await;
        drop(bench);
        let (mut stream, _) = peer.accept().await.unwrap();
        read_exactly(&mut stream, "BYE").await;
    });
}

#[test]
fn too_many_lookups_find_nothing() {
    run(async {
        let mut bench = Bench::new(
            &["udp:127.0.0.1:0"],
            Limits {
                lookups: 0,
                ..Limits::default()
            },
        );
        bench.net.resolve(QueryId(1), "localhost", None, None);
        assert!(matches!(bench.next().await, Input::Resolved { flows, .. } if flows.is_empty()));
    });
}
