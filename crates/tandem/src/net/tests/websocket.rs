//! SIP over WebSocket, against a client of its own in a thread.

use std::net::TcpStream as Blocking;

use tokio::task::spawn_blocking;
use tungstenite::{
    ClientRequestBuilder, Error, Message, WebSocket,
    protocol::frame::{
        Frame,
        coding::{CloseCode, Data, OpCode},
    },
};

use super::{secure::Secured, *};

type Client = WebSocket<Blocking>;

fn request(address: SocketAddr) -> ClientRequestBuilder {
    let uri = format!("ws://{address}/").parse().unwrap();
    ClientRequestBuilder::new(uri).with_sub_protocol("sip")
}

async fn connects(bench: &mut Bench) -> Client {
    let address = bench.address();
    let opening = spawn_blocking(move || {
        let socket = Blocking::connect(address).unwrap();
        let (client, response) = tungstenite::client(request(address), socket).unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
        client
    });
    bench.while_quiet(opening).await.unwrap()
}

fn ws(limits: Limits) -> Bench {
    Bench::new(&["ws:127.0.0.1:0"], limits)
}

async fn reads(bench: &mut Bench, mut client: Client) -> (Client, Result<Message, Error>) {
    let reading = spawn_blocking(move || {
        let message = client.read();
        (client, message)
    });
    bench.while_quiet(reading).await.unwrap()
}

#[test]
fn each_websocket_message_is_a_sip_message() {
    run(async {
        let mut bench = ws(Limits::default());
        let mut client = connects(&mut bench).await;
        // Without a Content-Length: the frame says how long it is (RFC 7118 section 5.4).
        let text = "OPTIONS sip:a@b SIP/2.0\r\n\r\n";
        client.send(Message::text(text)).unwrap();
        let (flow, bytes) = bench.message().await;
        assert_eq!((flow.transport, &bytes[..]), (Transport::Ws, text.as_bytes()));
        client.send(Message::binary(&b"\xff\x00SIP"[..])).unwrap();
        assert_eq!(bench.message().await.1, &b"\xff\x00SIP"[..]);
        // In fragments, with a ping between them (RFC 6455 section 5.4).
        let part =
            |data: &'static str, kind, last| Message::Frame(Frame::message(data.as_bytes(), OpCode::Data(kind), last));
        client.send(part("OPTIONS sip:a@b ", Data::Text, false)).unwrap();
        client.send(Message::Ping(b"there?"[..].into())).unwrap();
        client.send(part("SIP/2.0\r\n\r\n", Data::Continue, true)).unwrap();
        assert_eq!(bench.message().await, (flow, Bytes::from(text)));
        let (client, pong) = reads(&mut bench, client).await;
        assert_eq!(pong.unwrap(), Message::Pong(b"there?"[..].into()));
        bench.send(flow, "SIP/2.0 200 OK\r\n\r\n");
        let (client, answer) = reads(&mut bench, client).await;
        assert_eq!(answer.unwrap(), Message::text("SIP/2.0 200 OK\r\n\r\n"));
        bench.net.transmit(Transmit {
            flow,
            bytes: Bytes::from_static(b"\xff"),
        });
        let (mut client, answer) = reads(&mut bench, client).await;
        assert_eq!(answer.unwrap(), Message::binary(&b"\xff"[..]));
        client.close(None).unwrap();
        assert_eq!(Some(bench.closed().await), flow.connection);
        let (_, end) = reads(&mut bench, client).await;
        assert!(
            matches!(end, Ok(Message::Close(_)) | Err(Error::ConnectionClosed)),
            "{end:?}"
        );
    });
}

#[test]
fn a_keep_alive_is_answered_and_is_no_message() {
    run(async {
        let mut bench = ws(Limits::default());
        let mut client = connects(&mut bench).await;
        client.send(Message::text("\r\n")).unwrap();
        client.send(Message::text("\r\n\r\n")).unwrap();
        let (_, answer) = reads(&mut bench, client).await;
        assert_eq!(answer.unwrap(), Message::text("\r\n"));
    });
}

#[test]
fn a_client_that_does_not_offer_sip_is_refused() {
    run(async {
        let mut bench = ws(Limits::default());
        let address = bench.address();
        for protocol in [None, Some("xmpp")] {
            let opening = spawn_blocking(move || {
                let uri = format!("ws://{address}/").parse().unwrap();
                let request = ClientRequestBuilder::new(uri);
                let request = match protocol {
                    Some(protocol) => request.with_sub_protocol(protocol),
                    None => request,
                };
                match tungstenite::client(request, Blocking::connect(address).unwrap()) {
                    Err(tungstenite::HandshakeError::Failure(Error::Http(response))) => response.status().as_u16(),
                    other => panic!("{:?}", other.map(|_| ())),
                }
            });
            bench.closed().await;
            let status = opening.await.unwrap();
            assert_eq!(status, 400);
        }
        assert_eq!(bench.net.connections(), 0);
    });
}

#[test]
fn frames_that_break_the_rules_end_the_connection_with_a_code() {
    let long = format!("OPTIONS {}", "x".repeat(2_000));
    for (frame, code) in [
        // Not masked (RFC 6455 section 5.1).
        (b"\x81\x02hi".to_vec(), CloseCode::Protocol),
        // A reserved bit, and a kind of frame that does not exist.
        (b"\xf1\x80\0\0\0\0".to_vec(), CloseCode::Protocol),
        (b"\x83\x80\0\0\0\0".to_vec(), CloseCode::Protocol),
        // Text that is not UTF-8 (section 8.1).
        (b"\x81\x81\0\0\0\0\xff".to_vec(), CloseCode::Invalid),
        // A length of 2^62.
        (b"\x82\xff\x40\0\0\0\0\0\0\0\0\0\0\0".to_vec(), CloseCode::Size),
        // Too long for a message.
        ([b"\x81\xfe\x07\xd8\0\0\0\0", long.as_bytes()].concat(), CloseCode::Size),
    ] {
        run(async {
            let mut bench = ws(Limits {
                message: 1_024,
                ..Limits::default()
            });
            let mut client = connects(&mut bench).await;
            std::io::Write::write_all(client.get_mut(), &frame).unwrap();
            bench.closed().await;
            let (_, end) = reads(&mut bench, client).await;
            let Ok(Message::Close(Some(end))) = end else {
                panic!("{end:?} after {frame:?}")
            };
            assert_eq!(end.code, code, "after {frame:?}");
        });
    }
}

#[test]
fn a_client_that_does_not_come_to_the_point_is_closed() {
    for first in ["", "GET / HTTP/1.1\r\n", "OPTIONS sip:a@b SIP/2.0\r\n"] {
        run(async {
            let mut bench = ws(Limits {
                message_timeout: Duration::from_millis(50),
                ..Limits::default()
            });
            let mut client = TcpStream::connect(bench.address()).await.unwrap();
            client.write_all(first.as_bytes()).await.unwrap();
            bench.closed().await;
            is_closed(&mut client).await;
        });
    }
    run(async {
        let mut bench = ws(Limits {
            message_timeout: Duration::from_millis(300),
            ..Limits::default()
        });
        let mut client = connects(&mut bench).await;
        client.send(Message::text(OPTIONS)).unwrap();
        bench.message().await;
        // A frame that is never whole.
        std::io::Write::write_all(client.get_mut(), b"\x81\xfe").unwrap();
        bench.closed().await;
    });
}

#[test]
fn a_handshake_beyond_measure_ends_its_connection() {
    run(async {
        let mut bench = ws(Limits::default());
        let mut client = TcpStream::connect(bench.address()).await.unwrap();
        let header = format!("X: {}\r\n", "x".repeat(1_000));
        let endless = format!("GET / HTTP/1.1\r\n{}", header.repeat(2_000));
        let writing = async {
            let _ = client.write_all(endless.as_bytes()).await;
            is_closed(&mut client).await;
        };
        let (_, ()) = tokio::join!(bench.closed(), writing);
        assert_eq!(bench.net.connections(), 0);
    });
}

#[test]
fn pings_whose_pongs_are_not_read_fill_no_memory() {
    run(async {
        let mut bench = ws(Limits::default());
        let mut client = connects(&mut bench).await;
        let pings = b"\x89\x80\0\0\0\0".repeat(200_000);
        let writing = spawn_blocking(move || {
            std::io::Write::write_all(client.get_mut(), &pings).unwrap();
            client.send(Message::text(OPTIONS)).unwrap();
            client
        });
        let (flow, bytes) = bench.message().await;
        assert_eq!((flow.transport, bytes), (Transport::Ws, Bytes::from(OPTIONS)));
        drop(writing.await.unwrap());
    });
}

#[test]
fn a_websocket_under_tls_carries_messages() {
    run(async {
        let mut pbx = Secured::new("wss:127.0.0.1:0", Limits::default(), None);
        let client = pbx.connects(&rustls::version::TLS13).await;
        let address = pbx.bench.address();
        let opening = spawn_blocking(move || tungstenite::client(request(address), client).unwrap().0);
        let mut client = pbx.bench.while_quiet(opening).await.unwrap();
        client.send(Message::text(OPTIONS)).unwrap();
        let (flow, bytes) = pbx.bench.message().await;
        assert_eq!((flow.transport, bytes), (Transport::Wss, Bytes::from(OPTIONS)));
        pbx.bench.send(flow, OPTIONS);
        let reading = spawn_blocking(move || (client.read().unwrap(), client));
        let (message, _client) = pbx.bench.while_quiet(reading).await.unwrap();
        assert_eq!(message, Message::text(OPTIONS));
    });
}
