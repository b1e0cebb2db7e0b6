//! Which connection a message takes, and what happens when one ends.

use super::*;

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
fn a_request_to_a_peer_that_closed_its_connection_goes_over_a_new_one() {
    run(async {
        let mut bench = Bench::tcp(Limits::default());
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut phone = TcpStream::connect(bench.address()).await.unwrap();
        phone.write_all(OPTIONS.as_bytes()).await.unwrap();
        let (flow, _) = bench.message().await;
        drop(phone);
        assert_eq!(Some(bench.closed().await), flow.connection);
        // The switch still knows its contact, and the connection that it had.
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
fn queued_messages_are_written_before_the_end() {
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
