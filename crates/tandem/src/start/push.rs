//! Asks a webhook to wake phones (RFC 8599): one POST with a JSON body over HTTP/1.1, on a connection of its own.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, StatusCode,
    client::conn::http1,
    header::{CONTENT_TYPE, HOST},
};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use switch::{Wake, WakeFor};
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};

use crate::config::Webhook;

/// Requests under way at once; a further one fails.
const AT_ONCE: usize = 64;
/// How long the webhook may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a webhook was not told. Its path is not shown: it may hold a token.
#[derive(Debug, thiserror::Error)]
pub(super) enum PushError {
    /// There is none.
    #[error("no --push-url is set")]
    None,
    /// Too many requests are under way.
    #[error("{AT_ONCE} requests are under way")]
    Busy,
    /// It took too long.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Silent,
    /// The connection failed.
    #[error("{0}")]
    Connection(#[from] io::Error),
    /// What it says is no HTTP, or the connection ended before its answer.
    #[error("{0}")]
    Http(#[from] hyper::Error),
    /// The request cannot be written.
    #[error("the address is none of HTTP")]
    Address(#[from] hyper::http::Error),
    /// It answered with another status than 2xx.
    #[error("it answered {0}")]
    Refused(StatusCode),
}

/// Who wakes phones. Clones share the limit.
#[derive(Clone)]
pub(super) struct Push {
    webhook: Option<Webhook>,
    room: Arc<Semaphore>,
}

#[derive(Serialize)]
struct Body<'a> {
    event: &'static str,
    extension: &'a str,
    reason: WakeFor,
    provider: &'a str,
    prid: &'a str,
    param: &'a str,
}

impl Push {
    pub(super) fn new(webhook: Option<Webhook>) -> Self {
        Self {
            webhook,
            room: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Asks for a phone to be woken. Returns whether the webhook has taken that (2xx).
    pub(super) async fn wake(&self, wake: Wake) -> bool {
        let told = self.tell(&wake).await;
        if let Err(error) = &told {
            tracing::warn!(number = wake.number, provider = wake.push.provider, %error, "the push webhook was not told");
        }
        told.is_ok()
    }

    async fn tell(&self, wake: &Wake) -> Result<(), PushError> {
        let webhook = self.webhook.as_ref().ok_or(PushError::None)?;
        let _room = self.room.try_acquire().map_err(|_| PushError::Busy)?;
        let body = Body {
            event: "phone.wake",
            extension: &wake.number,
            reason: wake.why,
            provider: &wake.push.provider,
            prid: &wake.push.prid,
            param: &wake.push.param,
        };
        let body = serde_json::to_vec(&body).map_err(io::Error::from)?;
        let answer = timeout(PATIENCE, post(webhook, body)).await;
        let status = answer.map_err(|_| PushError::Silent)??;
        status.is_success().then_some(()).ok_or(PushError::Refused(status))
    }
}

/// One request; the status of its answer.
async fn post(webhook: &Webhook, body: Vec<u8>) -> Result<StatusCode, PushError> {
    let stream = TcpStream::connect(&webhook.host).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::post(webhook.path.reveal())
        .header(HOST, &webhook.host)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let answer = sender.send_request(request).await;
    connection.abort();
    Ok(answer?.status())
}

#[cfg(test)]
mod tests {
    use switch::PushTarget;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::config::Secret;

    fn wake() -> Wake {
        Wake {
            number: "102".into(),
            push: PushTarget {
                provider: "apns".into(),
                prid: "p\"1".into(),
                param: "app".into(),
            },
            why: WakeFor::Call,
        }
    }

    /// A webhook that answers so; what it was sent, and whether the wake succeeded.
    async fn asked(answer: &'static str) -> (String, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let push = Push::new(Some(Webhook {
            host: listener.local_addr().unwrap().to_string(),
            path: Secret::new("/wake?token=x"),
        }));
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"}") {
                assert!(stream.read_buf(&mut heard).await.unwrap() > 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(heard).unwrap()
        });
        let ok = push.wake(wake()).await;
        (server.await.unwrap(), ok)
    }

    #[tokio::test]
    async fn a_webhook_is_told_which_phone_to_wake() {
        let (heard, ok) = asked("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert!(ok);
        assert!(
            heard.starts_with("POST /wake?token=x HTTP/1.1\r\nhost: 127.0.0.1:"),
            "{heard}"
        );
        let body = heard.split("\r\n\r\n").nth(1).unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "event": "phone.wake", "extension": "102", "reason": "call",
                "provider": "apns", "prid": "p\"1", "param": "app"
            })
        );
    }

    #[tokio::test]
    async fn a_webhook_that_refuses_or_is_no_http_has_not_woken_the_phone() {
        for answer in [
            "HTTP/1.1 500 Oops\r\n\r\n",
            "HTTP/1.1 302 Found\r\n\r\n",
            "SSH-2.0-x\r\n",
            "",
        ] {
            assert!(!asked(answer).await.1, "{answer}");
        }
        assert!(!Push::new(None).wake(wake()).await);
        let nobody = Webhook {
            host: "127.0.0.1:1".into(),
            path: Secret::new("/secret"),
        };
        let error = Push::new(Some(nobody)).tell(&wake()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
