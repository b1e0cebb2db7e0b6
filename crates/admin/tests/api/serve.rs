use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::support::{Setup, TOKEN, World};

struct Server {
    world: World,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<std::io::Result<()>>,
}

async fn server(setup: Setup) -> Server {
    let (world, state) = World::state(setup).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let done = tokio::spawn(admin::serve(state, listener, async {
        let _ = stopped.await;
    }));
    Server {
        world,
        address,
        stop,
        done,
    }
}

impl Server {
    async fn send(&self, head: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }
}

async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while !text.contains(wanted) {
        let n = stream.read(&mut bytes).await.unwrap();
        assert!(n > 0, "{wanted} did not come: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    text
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn events_flow_over_a_real_connection_and_end_with_the_server() {
    let server = server(Setup::default()).await;
    let head = format!("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    let mut stream = server.send(&head).await;
    read_until(&mut stream, "event: hello").await;
    server.world.events.dialplan_reloaded(9);
    read_until(&mut stream, "data: {\"generation\":9}").await;
    server.stop.send(()).unwrap();
    server.done.await.unwrap().unwrap();
    assert!(
        read_to_end(stream).await.ends_with("0\r\n\r\n"),
        "the stream was ended in good order"
    );
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn noise_gets_400_and_the_server_goes_on() {
    let server = server(Setup::default()).await;
    for noise in [
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET\r\n\r\n",
        "INVITE sip:a@b SIP/2.0\r\n\r\n",
    ] {
        let answer = read_to_end(server.send(noise).await).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{noise:?}: {answer:?}");
    }
    let long = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let _ = stream.write_all(long.as_bytes()).await;
    assert!(!read_to_end(stream).await.contains("200 OK"));
    let answer = read_to_end(
        server
            .send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await,
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_head_or_body_that_never_ends_is_cut_off() {
    let mut setup = Setup::default();
    setup.limits.head_timeout = Duration::from_millis(50);
    setup.limits.request_timeout = Duration::from_millis(50);
    let server = server(setup).await;
    assert_eq!(read_to_end(server.send("GET / HTTP/1.1\r\nHost:").await).await, "");
    let head = format!(
        "POST /api/v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    let answer = read_to_end(server.send(&head).await).await;
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.contains("application/problem+json"),
        "{answer}"
    );
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let mut setup = Setup::default();
    setup.limits.connections = 1;
    let server = server(setup).await;
    let mut first = server.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    read_until(&mut first, "not_ready").await;
    let second = server
        .send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    drop(first);
    assert!(read_to_end(second).await.contains("not_ready"));
}

#[tokio::test]
async fn a_client_that_keeps_its_connection_does_not_delay_the_stop() {
    let mut setup = Setup::default();
    setup.limits.shutdown = Duration::from_millis(50);
    let server = server(setup).await;
    let head = format!(
        "POST /api/v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    );
    let _open = server.send(&head).await;
    server.stop.send(()).unwrap();
    server.done.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_that_the_client_does_not_read_is_given_up() {
    let mut setup = Setup::default();
    setup.limits.connections = 1;
    setup.limits.write_timeout = Duration::from_millis(50);
    let server = server(setup).await;
    let request = format!("GET /api/v1/openapi.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n");
    // More than the kernel's buffers take, and never read.
    let mut first = TcpStream::connect(server.address).await.unwrap();
    let flood = tokio::spawn(async move {
        while first.write_all(request.as_bytes()).await.is_ok() {}
        first
    });
    let second = server
        .send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert!(read_to_end(second).await.contains("not_ready"));
    flood.abort();
}
