//! One connection's life: read and cut into messages, write what waits, end for a reason.

use std::{fmt, io};

use bytes::Bytes;
use sip::{Flow, Frame, FrameError, Framer};
use switch::{Input, Transmit};
use tokio::{
    io::{AsyncWriteExt, Interest},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    time::{Instant, sleep_until, timeout},
};

use super::tcp::{Queue, Shared};

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
            Self::Closed => f.write_str("closed by the peer"),
            Self::Failed(error) => error.fmt(f),
            Self::Framing(error) => error.fmt(f),
            Self::Slow => f.write_str("a message took too long"),
            Self::Idle => f.write_str("idle"),
            Self::Overflow => f.write_str("the peer does not read"),
            Self::Over => f.write_str("shutting down"),
        }
    }
}

/// Runs a connection until it ends; with the message whose writing failed, if that was why.
pub(super) async fn serve(
    shared: &Shared,
    mut stream: TcpStream,
    flow: Flow,
    queue: &Queue,
) -> (End, Option<Transmit>) {
    let (reader, writer) = stream.split();
    let (reading, writing) = (read(shared, &reader, flow, queue), write(shared, writer, queue));
    tokio::pin!(reading, writing);
    let end = tokio::select! {
        end = &mut reading => end,
        (end, unsent) = &mut writing => return (end, unsent),
    };
    // Half closed (RFC 9293 3.6): the peer says no more, but may wait for our answers.
    let patience = match &end {
        End::Closed => shared.limits.linger,
        End::Framing(_) => shared.limits.last_answer,
        End::Failed(_) | End::Slow | End::Idle | End::Overflow | End::Over => return (end, None),
    };
    if let Some(id) = flow.connection {
        shared.retire(id).await;
    }
    tokio::select! {
        written = timeout(patience, &mut writing) => written.unwrap_or((end, None)),
        error = reset(&reader) => (End::Failed(error), None),
    }
}

/// Waits until the peer says that it has closed its other half, too: it has not read what was written since.
async fn reset(reader: &ReadHalf<'_>) -> io::Error {
    match reader.ready(Interest::ERROR).await {
        Ok(_) => io::ErrorKind::ConnectionReset.into(),
        Err(error) => error,
    }
}

async fn read(shared: &Shared, reader: &ReadHalf<'_>, flow: Flow, queue: &Queue) -> End {
    let limits = &shared.limits;
    let mut framer = Framer::new(sip::Limits {
        max_message: limits.message,
        ..sip::Limits::default()
    });
    let mut patience = Patience {
        begun: Some(Instant::now()),
        heard: Instant::now(),
    };
    loop {
        let deadline = patience.begun.map_or(patience.heard + limits.idle_timeout, |begun| {
            begun + limits.message_timeout
        });
        tokio::select! {
            ready = reader.readable() => if let Err(error) = ready {
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
        match shared.read(reader, |bytes| framer.push(bytes)) {
            Ok(0) => return End::Closed,
            Ok(_) => {}
            // Woken for nothing.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return End::Failed(error),
        }
        patience.heard = Instant::now();
        let mut whole = false;
        while let Some(frame) = framer.next() {
            let bytes = match frame {
                Ok(Frame::Message(bytes)) => bytes,
                // RFC 5626 4.4.1: a double CRLF is answered by a single one.
                Ok(Frame::Ping) => {
                    let pong = Transmit {
                        flow,
                        bytes: Bytes::from_static(PONG),
                    };
                    if queue.push(pong, limits).is_err() {
                        return End::Overflow;
                    }
                    whole = true;
                    continue;
                }
                Ok(Frame::Pong) => {
                    whole = true;
                    continue;
                }
                Err(error) => return unframed(shared, flow, error).await,
            };
            whole = true;
            if shared.reporter.send(Input::Received { flow, bytes }).await.is_err() {
                return End::Over;
            }
        }
        patience.begun = match (framer.pending() > 0, whole) {
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

async fn write(shared: &Shared, mut writer: WriteHalf<'_>, queue: &Queue) -> (End, Option<Transmit>) {
    loop {
        if queue.is_overflown() {
            return (End::Overflow, None);
        }
        let Some(transmit) = queue.pop() else {
            queue.changed.notified().await;
            continue;
        };
        let written = tokio::select! {
            written = timeout(shared.limits.message_timeout, writer.write_all(&transmit.bytes)) => written,
            () = overflow(queue) => return (End::Overflow, Some(transmit)),
        };
        match written {
            Ok(Ok(())) => queue.written(transmit),
            Ok(Err(error)) => return (End::Failed(error), Some(transmit)),
            Err(_) => return (End::Overflow, Some(transmit)),
        }
    }
}

/// Waits until the queue has overflown.
async fn overflow(queue: &Queue) {
    while !queue.is_overflown() {
        queue.changed.notified().await;
    }
}
