//! Messages out of a byte stream.

use super::*;

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
