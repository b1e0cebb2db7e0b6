//! As much of an HTTP client as the tests need.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// A status and a body.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// One request of text on a connection of its own.
pub fn request(server: SocketAddr, token: &str, method: &str, path: &str, body: &str) -> io::Result<Answer> {
    let (status, octets) = exchange(server, token, method, path, "", body)?;
    let body = String::from_utf8_lossy(&octets).into_owned();
    Ok(Answer { status, body })
}

/// The status and the octets of what is at a path, or of a range of its octets such as `bytes=0-99`.
pub fn fetch(server: SocketAddr, token: &str, path: &str, range: Option<&str>) -> io::Result<(u16, Vec<u8>)> {
    let more = range.map_or_else(String::new, |range| format!("Range: {range}\r\n"));
    exchange(server, token, "GET", path, &more, "")
}

/// `more`: whole header lines.
fn exchange(
    server: SocketAddr,
    token: &str,
    method: &str,
    path: &str,
    more: &str,
    body: &str,
) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         {more}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets)?;
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n");
    let body = octets.split_off(end.map_or(octets.len(), |end| end + 4));
    let head = String::from_utf8_lossy(&octets);
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("no HTTP answer"))?;
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    Ok((status, body))
}
