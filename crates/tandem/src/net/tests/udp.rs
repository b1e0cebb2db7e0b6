//! Datagrams.

use super::*;

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
fn a_stun_keep_alive_is_answered_on_the_sip_port() {
    // RFC 5626 section 8.
    run(async {
        let bench = Bench::new(&["udp:127.0.0.1:0"], Limits::default());
        let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let request = [&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..], &[7; 12]].concat();
        phone.send_to(&request, bench.address()).await.unwrap();
        let mut bench = bench;
        phone.send_to(OPTIONS.as_bytes(), bench.address()).await.unwrap();
        assert_eq!(bench.message().await.1, OPTIONS, "the keep-alive goes no further");
        let mut buffer = [0; 64];
        let length = phone.recv(&mut buffer).await.unwrap();
        let port = u16::from_be_bytes([buffer[26], buffer[27]]) ^ 0x2112;
        assert_eq!((length, port), (32, phone.local_addr().unwrap().port()));
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
fn a_message_that_no_socket_can_send_is_reported() {
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
