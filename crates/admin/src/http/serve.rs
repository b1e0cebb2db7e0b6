//! The HTTP server: accepts, limits, ends in good order.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, pin::Pin, time::Duration};

use axum::{Router, body::Body, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::{
    auth::Peer,
    routes,
    shell::state::{AdminState, Limits},
};

/// Bytes of a request's head, and of what is read ahead of a body.
const MAX_HEAD: usize = 32 * 1024;

/// Serves until `shutdown` resolves; then requests in progress get [`Limits::shutdown`] to finish and
/// event streams end.
///
/// # Errors
/// The listener has failed for good. What fails for one connection is logged and survived.
pub async fn serve(state: AdminState, listener: TcpListener, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let app = state.share();
    let (closing, limits) = (app.streams.closing.clone(), app.limits.clone());
    let router = routes::assemble(app);
    let places = std::sync::Arc::new(Semaphore::new(limits.connections.max(1)));
    let open = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        // While all places are taken, new connections wait in the kernel's queue.
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(stream, peer, router.clone(), &limits);
                let connection = open.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%peer, %error, "admin connection ended");
                    }
                    drop(place);
                });
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    closing.send_replace(true);
    if tokio::time::timeout(limits.shutdown, open.shutdown()).await.is_err() {
        tracing::warn!("admin requests were cut off by the shutdown");
    }
    Ok(())
}

/// A stream that fails when a write has waited for too long: an answer that the client does not read must not hold a
/// place for ever.
type Patient = Pin<Box<TimeoutStream<TcpStream>>>;

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: &Limits,
) -> http1::Connection<
    TokioIo<Patient>,
    impl hyper::service::HttpService<Incoming, ResBody = Body, Future: Send, Error = Infallible> + use<>,
> {
    // Answers are small and events are waited for.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        router.clone().oneshot(request)
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_timeout));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
}

/// Out of file descriptors, or a peer that is gone already: neither ends the server, and the first
/// must not turn it into a busy loop.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    if [ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted].contains(&error.kind()) {
        return;
    }
    tracing::warn!(%error, "admin connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(200)).await;
}
