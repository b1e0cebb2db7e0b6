//! One connection's life: read and cut into messages, write what waits, end for a reason.

use std::{fmt, io};

use bytes::Bytes;
use sip::{Flow, FrameError};
use switch::{Input, Transmit};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    channel::{Came, Channel, Fault},
    handshake,
    queue::Queue,
    tcp::Shared,
};

/// The answer to a ping (RFC 5626 4.4.1): ours, and no message of anybody's.
pub(super) const PONG: &[u8] = b"\r\n";

/// Why a connection ended.
#[derive(Debug)]
pub(super) enum End {
    /// The peer closed, and nothing was left to be said.
    Closed,
    /// Reading or writing failed.
    Failed(io::Error),
    /// No message could be cut from what came.
    Framing(FrameError),
    /// The peer closed its WebSocket, after which nothing more may be said (RFC 6455 section 5.5.1).
    Left,
    /// The same as [`End::Framing`] of a WebSocket; in words.
    WebSocket(String),
    /// TLS did not come about.
    Handshake(handshake::Failed),
    /// A message, or the first one, took too long to arrive.
    Slow,
    /// Nothing came or went for too long.
    Idle,
    /// The peer reads too slowly for what there is to say.
    Overflow,
    /// The switch is gone.
    Over,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed | Self::Left => f.write_str("closed by the peer"),
            Self::Failed(error) => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(tls) => f.write_str(&handshake::words(tls)),
                None => error.fmt(f),
            },
            Self::WebSocket(fault) => f.write_str(fault),
            Self::Handshake(failed) => failed.fmt(f),
            Self::Framing(error) => error.fmt(f),
            Self::Slow => f.write_str("a message took too long"),
            Self::Idle => f.write_str("idle"),
            Self::Overflow => f.write_str("the peer does not read"),
            Self::Over => f.write_str("shutting down"),
        }
    }
}

/// Runs a connection until it ends; with the message whose writing failed, if that was why.
pub(super) async fn serve(shared: &Shared, channel: Channel, flow: Flow, queue: &Queue) -> (End, Option<Transmit>) {
    let (reading, writing) = (read(shared, &channel, flow, queue), write(shared, &channel, queue));
    tokio::pin!(reading, writing);
    let end = tokio::select! {
        end = &mut reading => end,
        (end, unsent) = &mut writing => return (end, unsent),
    };
    // Half closed (RFC 9293 3.6): the peer says no more, but may wait for our answers.
    let patience = match &end {
        End::Closed => shared.linger(flow.connection),
        End::Framing(_) => shared.limits.last_answer,
        End::Failed(_)
        | End::WebSocket(_)
        | End::Handshake(_)
        | End::Left
        | End::Slow
        | End::Idle
        | End::Overflow
        | End::Over => {
            channel.close();
            return (end, None);
        }
    };
    if let Some(id) = flow.connection {
        shared.retire(id).await;
    }
    let ended = tokio::select! {
        written = timeout(patience, &mut writing) => written.unwrap_or((end, None)),
        error = channel.reset() => (End::Failed(error), None),
    };
    channel.close();
    ended
}

async fn read(shared: &Shared, channel: &Channel, flow: Flow, queue: &Queue) -> End {
    let limits = &shared.limits;
    let mut patience = Patience {
        begun: Some(Instant::now()),
        heard: Instant::now(),
    };
    loop {
        let deadline = patience.begun.map_or(patience.heard + limits.idle_timeout, |begun| {
            begun + limits.message_timeout
        });
        tokio::select! {
            ready = channel.readable() => if let Err(error) = ready {
                return End::Failed(error);
            },
            () = sleep_until(deadline) => {
                if patience.begun.is_some() {
                    return End::Slow;
                }
                // Messages of ours count as much.
                patience.heard = queue.spoken().map_or(patience.heard, |spoken| patience.heard.max(spoken));
                if patience.heard + limits.idle_timeout <= Instant::now() {
                    return End::Idle;
                }
                continue;
            }
        }
        let closed = match shared.read(channel) {
            Ok(count) => count == 0,
            // Woken for nothing.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return End::Failed(error),
        };
        patience.heard = Instant::now();
        let mut whole = false;
        while let Some(came) = channel.next() {
            whole = true;
            let bytes = match came {
                Ok(Came::Message(bytes)) => bytes,
                // RFC 5626 4.4.1: a double CRLF is answered by a single one.
                Ok(Came::Ping) => {
                    let pong = Transmit {
                        flow,
                        bytes: Bytes::from_static(PONG),
                    };
                    if queue.push(pong, limits).is_err() {
                        return End::Overflow;
                    }
                    continue;
                }
                Ok(Came::Alive) => continue,
                Ok(Came::Close) => return End::Left,
                Err(Fault::Frame(error)) => return unframed(shared, flow, error).await,
                Err(Fault::WebSocket(fault)) => return End::WebSocket(fault),
            };
            if shared.reporter.send(Input::Received { flow, bytes }).await.is_err() {
                return End::Over;
            }
        }
        if channel.wants_write() {
            queue.changed.notify_one();
        }
        if closed {
            return End::Closed;
        }
        patience.begun = match (channel.is_within_message(), whole) {
            (false, true) => None,
            (true, true) => Some(patience.heard),
            (_, false) => patience.begun.or(Some(patience.heard)),
        };
    }
}

/// Since when a message is on its way (or the first one is waited for), and when anything was heard.
struct Patience {
    begun: Option<Instant>,
    heard: Instant,
}

/// A message that cannot be framed may still get an answer: its head is given to the switch.
async fn unframed(shared: &Shared, flow: Flow, error: FrameError) -> End {
    let head = match &error {
        FrameError::TooLarge(head) | FrameError::NoLength(head) => Some(head.clone()),
        FrameError::HeadTooLarge => None,
    };
    let Some(bytes) = head else {
        return End::Failed(io::Error::new(io::ErrorKind::InvalidData, error));
    };
    if shared.reporter.send(Input::Received { flow, bytes }).await.is_err() {
        return End::Over;
    }
    End::Framing(error)
}

async fn write(shared: &Shared, channel: &Channel, queue: &Queue) -> (End, Option<Transmit>) {
    loop {
        if queue.is_overflown() {
            return (End::Overflow, None);
        }
        let transmit = queue.pop();
        if transmit.is_none() && !channel.wants_write() {
            queue.changed.notified().await;
            continue;
        }
        let writing = async {
            match &transmit {
                Some(transmit) => channel.write(&transmit.bytes).await,
                None => channel.flush().await,
            }
        };
        let written = tokio::select! {
            written = timeout(shared.limits.message_timeout, writing) => written,
            () = overflow(queue) => return (End::Overflow, transmit),
        };
        match written {
            Ok(Ok(())) => transmit.into_iter().for_each(|transmit| queue.written(transmit)),
            Ok(Err(error)) => return (End::Failed(error), transmit),
            Err(_) => return (End::Overflow, transmit),
        }
    }
}

/// Waits until the queue has overflown.
async fn overflow(queue: &Queue) {
    while !queue.is_overflown() {
        queue.changed.notified().await;
    }
}
