//! SIP over WebSocket (RFC 7118), the server's side, without a socket: octets in, messages out, and the reverse.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    rc::Rc,
};

use bytes::{Buf, Bytes, BytesMut};
use tungstenite::{
    Error, HandshakeError, Message, Utf8Bytes,
    handshake::{
        MidHandshake,
        server::{Callback, ErrorResponse, Request, Response, ServerHandshake},
    },
    http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL},
    protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
};

use super::channel::Came;

/// What a connection sets aside to read into; it grows with a longer message, and only then.
const READ_AHEAD: usize = 1_024;
/// Frames of the protocol itself (pongs) that may wait to be written; of further ones only the last is kept.
const REPLIES: usize = 4_096;

/// One connection.
pub(super) struct WebSocket {
    pipe: Pipe,
    state: State,
    /// Octets have come after the last whole frame.
    within: bool,
}

enum State {
    /// The opening handshake (RFC 6455 section 4.2) is not through.
    Opening(Box<MidHandshake<ServerHandshake<Pipe, SipOnly>>>),
    Open(Box<tungstenite::WebSocket<Pipe>>),
    Over,
}

/// Both directions of octets, in memory.
#[derive(Clone, Debug, Default)]
struct Pipe(Rc<RefCell<Octets>>);

#[derive(Debug, Default)]
struct Octets {
    incoming: BytesMut,
    outgoing: Vec<u8>,
    /// More than replies may be written: a message, or the handshake.
    eager: bool,
}

impl Read for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let incoming = &mut self.0.borrow_mut().incoming;
        if incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = bytes.len().min(incoming.len());
        incoming.copy_to_slice(bytes.get_mut(..count).unwrap_or_default());
        if incoming.is_empty() {
            // Memory of a burst is given back.
            *incoming = BytesMut::new();
        }
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut octets = self.0.borrow_mut();
        if !octets.eager && octets.outgoing.len() > REPLIES {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        octets.outgoing.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// RFC 7118 section 4.1: the client offers the subprotocol `sip`, and the server chooses it.
struct SipOnly;

impl Callback for SipOnly {
    fn on_request(self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let offers = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
        let mut names = offers
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        if names.any(|name| name.trim().eq_ignore_ascii_case("sip")) {
            let name = HeaderValue::from_static("sip");
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, name);
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(Some("The subprotocol has to be sip (RFC 7118)".into()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        Err(refusal)
    }
}

impl WebSocket {
    /// For a connection that a client has opened. No message is longer than `longest` octets.
    pub(super) fn new(longest: usize) -> Self {
        let pipe = Pipe::default();
        pipe.0.borrow_mut().eager = true;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_AHEAD)
            .write_buffer_size(0)
            .max_message_size(Some(longest))
            .max_frame_size(Some(longest));
        let opening = ServerHandshake::start(pipe.clone(), SipOnly, Some(config));
        Self {
            pipe,
            state: State::Opening(Box::new(opening)),
            within: false,
        }
    }

    /// Octets have come.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.within = true;
        self.pipe.0.borrow_mut().incoming.extend_from_slice(bytes);
    }

    /// What they hold.
    pub(super) fn next(&mut self) -> Option<Result<Came, String>> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Opening(opening) => match opening.handshake() {
                Ok(open) => {
                    self.pipe.0.borrow_mut().eager = false;
                    self.state = State::Open(Box::new(open));
                    // Not yet a message: the time for the first one runs on.
                    self.next()
                }
                Err(HandshakeError::Interrupted(opening)) => {
                    self.state = State::Opening(Box::new(opening));
                    None
                }
                Err(HandshakeError::Failure(error)) => Some(Err(error.to_string())),
            },
            State::Open(mut open) => {
                let read = open.read();
                self.state = State::Open(open);
                self.came(read)
            }
            State::Over => None,
        }
    }

    fn came(&mut self, read: Result<Message, Error>) -> Option<Result<Came, String>> {
        #[allow(clippy::wildcard_enum_match_arm, reason = "the library's list, not ours")]
        let message = match read {
            Ok(message) => message,
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return None,
            Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Some(Ok(Came::Close)),
            Err(error) => {
                self.refuse(&error);
                return Some(Err(error.to_string()));
            }
        };
        self.within = !self.pipe.0.borrow().incoming.is_empty();
        // RFC 7118 5: each WebSocket message is one SIP message, as text or binary.
        let bytes = match message {
            Message::Text(text) => Bytes::from(text),
            Message::Binary(bytes) => bytes,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Some(Ok(Came::Alive)),
            Message::Close(_) => return Some(Ok(Came::Close)),
        };
        Some(Ok(match &*bytes {
            b"\r\n\r\n" => Came::Ping,
            alive if alive.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) => Came::Alive,
            _ => Came::Message(bytes),
        }))
    }

    /// Says by a close frame why the connection ends (RFC 6455 section 7.4.1).
    fn refuse(&mut self, error: &Error) {
        #[allow(clippy::wildcard_enum_match_arm, reason = "the library's list, not ours")]
        let code = match error {
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            Error::Protocol(_) => CloseCode::Protocol,
            _ => CloseCode::Error,
        };
        self.end(code);
    }

    fn end(&mut self, code: CloseCode) {
        if let State::Open(open) = &mut self.state {
            self.pipe.0.borrow_mut().eager = true;
            let reason = Utf8Bytes::default();
            // What cannot be said is not said.
            let _ = open
                .close(Some(CloseFrame { code, reason }))
                .and_then(|()| open.flush());
        }
    }

    /// Ends the connection from our side, in peace.
    pub(super) fn close(&mut self) {
        self.end(CloseCode::Away);
    }

    /// Whether a part of a frame or of the handshake has come whose rest is awaited.
    pub(super) fn is_within_message(&self) -> bool {
        self.within
    }

    /// One message, as text where it is text: some clients in browsers take nothing else.
    pub(super) fn send(&mut self, message: &Bytes) {
        let State::Open(open) = &mut self.state else { return };
        self.pipe.0.borrow_mut().eager = true;
        let message = match Utf8Bytes::try_from(message.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(message.clone()),
        };
        // It fails only where the connection is being closed, which the reading side is told.
        let _ = open.send(message);
        self.pipe.0.borrow_mut().eager = false;
    }

    pub(super) fn wants_write(&self) -> bool {
        !self.pipe.0.borrow().outgoing.is_empty()
    }

    /// What is to be written.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pipe.0.borrow_mut().outgoing)
    }
}
