//! A UDP socket or a TCP connection to the server, which carries messages as text.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
};

use crate::support::message::Message;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        }
    }
}

pub enum Line {
    Udp(UdpSocket, SocketAddr),
    /// With what has come of a message that is not whole yet.
    Tcp(TcpStream, Vec<u8>),
}

impl Line {
    pub fn new(transport: Transport, server: SocketAddr) -> Self {
        match transport {
            Transport::Udp => {
                let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
                let finds = UdpSocket::bind(any).unwrap();
                // The address that leads to the server: it stands in Via and Contact.
                finds.connect(server).unwrap();
                let host = finds.local_addr().unwrap().ip();
                let socket = UdpSocket::bind((host, 0)).unwrap();
                socket.set_nonblocking(true).unwrap();
                Self::Udp(socket, server)
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(server).unwrap();
                stream.set_nonblocking(true).unwrap();
                stream.set_nodelay(true).unwrap();
                Self::Tcp(stream, Vec::new())
            }
        }
    }

    pub fn transport(&self) -> Transport {
        match self {
            Self::Udp(..) => Transport::Udp,
            Self::Tcp(..) => Transport::Tcp,
        }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Udp(socket, _) => socket.local_addr(),
            Self::Tcp(stream, _) => stream.local_addr(),
        }
        .unwrap()
    }

    pub fn send(&mut self, text: &str) {
        match self {
            Self::Udp(socket, server) => drop(socket.send_to(text.as_bytes(), *server)),
            // A server that has closed the connection shows that by its silence.
            Self::Tcp(stream, _) => drop(stream.write_all(text.as_bytes())),
        }
    }

    /// What has come. Line ends between messages (RFC 5626 section 4.4.1) are no message.
    pub fn receive(&mut self) -> Vec<Message> {
        let text = |octets: &[u8]| Message(String::from_utf8_lossy(octets).into_owned());
        let mut chunk = [0; 65_536];
        let mut messages = Vec::new();
        match self {
            Self::Udp(socket, _) => {
                while let Ok(length) = socket.recv(&mut chunk) {
                    messages.push(text(&chunk[..length]));
                }
            }
            Self::Tcp(stream, buffer) => {
                loop {
                    match stream.read(&mut chunk) {
                        Ok(0) => break,
                        Ok(length) => buffer.extend(&chunk[..length]),
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(_) => break,
                    }
                }
                while let Some(length) = first_message(buffer) {
                    messages.push(text(&buffer[..length]));
                    buffer.drain(..length);
                }
            }
        }
        messages
    }
}

/// The length of the message at the front, once it is whole.
fn first_message(buffer: &mut Vec<u8>) -> Option<usize> {
    let blank = buffer.iter().take_while(|octet| b"\r\n".contains(octet)).count();
    buffer.drain(..blank);
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let message = Message(String::from_utf8_lossy(&buffer[..head]).into_owned());
    let body: usize = message.header("Content-Length").parse().unwrap_or(0);
    (buffer.len() >= head + body).then_some(head + body)
}
