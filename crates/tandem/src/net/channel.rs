//! What a connection's octets pass on their way between the socket and messages: nothing, TLS, WebSocket, or both.

use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead, Read, Write},
};

use bytes::Bytes;
use rustls::Connection;
use sip::{Frame, FrameError, Framer};
use tokio::{io::Interest, net::TcpStream};

use super::ws::WebSocket;

/// A socket under whatever its transport puts on it. Reading and writing take turns in one task, and neither waits while
/// it holds anything.
pub(super) struct Channel {
    socket: TcpStream,
    tls: Option<Box<RefCell<Connection>>>,
    ws: Option<Box<RefCell<WebSocket>>>,
    framer: RefCell<Framer>,
    /// Octets that came together with the end of the handshake have not been looked at.
    unread: Cell<bool>,
}

/// What has come.
#[derive(Debug)]
pub(super) enum Came {
    /// A message.
    Message(Bytes),
    /// A question whether we are there: a double CRLF (RFC 5626 section 4.4.1, RFC 7118 section 6).
    Ping,
    /// Octets that only keep the connection alive.
    Alive,
    /// The peer ends the connection by a WebSocket close frame.
    Close,
}

/// Why nothing more can be cut from what came.
#[derive(Debug)]
pub(super) enum Fault {
    /// Of the stream.
    Frame(FrameError),
    /// Of the WebSocket; in words.
    WebSocket(String),
}

impl Channel {
    /// `tls`: past its handshake. `ws`: before or after its own.
    pub(super) fn new(socket: TcpStream, tls: Option<Connection>, ws: Option<WebSocket>, longest: usize) -> Self {
        let framer = Framer::new(sip::Limits {
            max_message: longest,
            ..sip::Limits::default()
        });
        Self {
            socket,
            unread: Cell::new(tls.is_some()),
            tls: tls.map(|tls| Box::new(RefCell::new(tls))),
            ws: ws.map(|ws| Box::new(RefCell::new(ws))),
            framer: RefCell::new(framer),
        }
    }

    /// Waits until there may be something to read.
    pub(super) async fn readable(&self) -> io::Result<()> {
        if self.unread.get() {
            return Ok(());
        }
        self.socket.readable().await
    }

    /// Waits until the peer says that it has closed its other half, too: it has not read what was written since.
    pub(super) async fn reset(&self) -> io::Error {
        match self.socket.ready(Interest::ERROR).await {
            Ok(_) => io::ErrorKind::ConnectionReset.into(),
            Err(error) => error,
        }
    }

    /// Reads once into `chunk` and takes what came. 0 at the end of the stream, else how many octets the wire had.
    pub(super) fn read(&self, chunk: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            let count = self.socket.try_read(chunk)?;
            self.take(chunk.get(..count).unwrap_or_default());
            return Ok(count);
        };
        let mut tls = tls.borrow_mut();
        if self.unread.replace(false) {
            let (count, closed) = self.decrypted(&mut tls)?;
            // Nothing more has come: not an end, and the socket has to be asked again.
            return if closed {
                Ok(0)
            } else if count == 0 {
                Err(io::ErrorKind::WouldBlock.into())
            } else {
                Ok(count)
            };
        }
        let count = self.socket.try_read(chunk)?;
        let mut wire = chunk.get(..count).unwrap_or_default();
        while !wire.is_empty() {
            tls.read_tls(&mut wire)?;
            if let Err(error) = tls.process_new_packets() {
                // The alert that says why, if it can go at once.
                let _ = tls.write_tls(&mut Wire(&self.socket));
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            if self.decrypted(&mut tls)?.1 {
                return Ok(0);
            }
        }
        Ok(count)
    }

    /// Takes what has been decrypted: how much, and whether the peer has closed its half (RFC 8446 section 6.1).
    fn decrypted(&self, tls: &mut Connection) -> io::Result<(usize, bool)> {
        let mut all = 0;
        loop {
            let mut reader = tls.reader();
            let count = match reader.fill_buf() {
                Ok([]) => return Ok((all, true)),
                Ok(bytes) => {
                    self.take(bytes);
                    bytes.len()
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((all, false)),
                Err(error) => return Err(error),
            };
            reader.consume(count);
            all += count;
        }
    }

    fn take(&self, bytes: &[u8]) {
        match &self.ws {
            Some(ws) => ws.borrow_mut().push(bytes),
            None => self.framer.borrow_mut().push(bytes),
        }
    }

    /// The next piece of what was read.
    pub(super) fn next(&self) -> Option<Result<Came, Fault>> {
        if let Some(ws) = &self.ws {
            return ws.borrow_mut().next().map(|came| came.map_err(Fault::WebSocket));
        }
        let frame = self.framer.borrow_mut().next()?;
        Some(match frame {
            Ok(Frame::Message(bytes)) => Ok(Came::Message(bytes)),
            Ok(Frame::Ping) => Ok(Came::Ping),
            Ok(Frame::Pong) => Ok(Came::Alive),
            Err(error) => Err(Fault::Frame(error)),
        })
    }

    /// Whether a part of a message has come whose rest is awaited.
    pub(super) fn is_within_message(&self) -> bool {
        match &self.ws {
            Some(ws) => ws.borrow().is_within_message(),
            None => self.framer.borrow().pending() > 0,
        }
    }

    /// Whether the layers have something to say of their own (a pong, an answer to a handshake, a key update).
    pub(super) fn wants_write(&self) -> bool {
        let ws = self.ws.as_ref().is_some_and(|ws| ws.borrow().wants_write());
        ws || self.tls.as_ref().is_some_and(|tls| tls.borrow().wants_write())
    }

    /// Writes one message, and whatever else waits.
    pub(super) async fn write(&self, message: &Bytes) -> io::Result<()> {
        match (&self.ws, &self.tls) {
            (Some(ws), _) => ws.borrow_mut().send(message),
            (None, Some(tls)) => tls.borrow_mut().writer().write_all(message)?,
            (None, None) => return self.write_plain(message).await,
        }
        self.flush().await
    }

    /// Writes what the layers have ready.
    pub(super) async fn flush(&self) -> io::Result<()> {
        if let Some(ws) = &self.ws {
            let ready = ws.borrow_mut().take();
            match &self.tls {
                Some(tls) => tls.borrow_mut().writer().write_all(&ready)?,
                None => return self.write_plain(&ready).await,
            }
        }
        let Some(tls) = &self.tls else { return Ok(()) };
        loop {
            let written = {
                let mut tls = tls.borrow_mut();
                if !tls.wants_write() {
                    return Ok(());
                }
                tls.write_tls(&mut Wire(&self.socket))
            };
            match written {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.socket.writable().await?,
                Err(error) => return Err(error),
            }
        }
    }

    async fn write_plain(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.socket.try_write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.socket.writable().await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that we close the connection, where its layers have words for that and the socket takes them at once.
    pub(super) fn close(&self) {
        if let Some(tls) = &self.tls {
            let mut tls = tls.borrow_mut();
            if let Some(ws) = &self.ws {
                let mut ws = ws.borrow_mut();
                ws.close();
                let _ = tls.writer().write_all(&ws.take());
            }
            tls.send_close_notify();
            let _ = tls.write_tls(&mut Wire(&self.socket));
        } else if let Some(ws) = &self.ws {
            let mut ws = ws.borrow_mut();
            ws.close();
            let _ = self.socket.try_write(&ws.take());
        }
    }
}

/// The socket as rustls writes to it: now, or not at all.
pub(super) struct Wire<'a>(pub(super) &'a TcpStream);

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(bytes)
    }
}
