//! How long, how many and how much.

use super::*;

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
fn pongs_that_are_not_read_fill_no_memory() {
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
fn when_all_queues_are_too_long_peers_that_do_not_read_are_closed_first() {
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
