//! How phones write descriptions, with harmless errors or in another charset, and how odd phones spoil their messages: needless header fields that are unreadable or there twice, answers that only
//! Via and CSeq identify, and a BYE without the empty line at its end.

use bytes::Bytes;
use sip::{Limits, Message, Method, Transport};

/// Fields for information only, twice; a line that is no field; a field that no user agent server reads.
const NEEDLESS: [&str; 8] = [
    "User-Agent: Desk 1.0",
    "User-Agent: Gateway 2.0",
    "Date: yesterday",
    "Date: tomorrow",
    "Organization: One",
    "Organization: Two",
    "this is no field",
    "Route: <sip:a b>",
];

/// Unreadable values of fields that matter only in a request outside of dialogs.
const UNREADABLE: [&str; 4] = [
    "Contact: <sip:101@127.0.0.1:5099;x-tiu=\"VGhdcw==\">",
    "Expires: soon",
    "Max-Forwards: many",
    "Record-Route: <sip:a@b",
];

/// The bytes of a message as an odd phone sends them. Bytes that are no message stay as they are.
pub(super) fn spoil(bytes: &Bytes, transport: Transport) -> Bytes {
    let Ok(message) = Message::parse(bytes.clone(), &Limits::default()) else {
        return bytes.clone();
    };
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, rest) = bytes.split_at(end.expect("a message has an end"));
    // The body is bytes, in any charset.
    let (head, body) = (String::from_utf8_lossy(head), &rest[4..]);
    let answers = message.status().is_some_and(|status| status.is_final());
    let method = message.method();
    let begins = message.is_request() && message.to_tag().is_none() && !matches!(method, Method::Ack | Method::Cancel);
    let mut lines: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        match (line.split_once(':'), message.to_tag()) {
            (Some(("From", _)), _) if answers => {}
            (Some(("To", _)), Some(tag)) if answers => lines.push(format!("{line};tag={tag}")),
            // The switch's sent-by, whose port is the default.
            (Some(("Via", _)), _) if answers => lines.push(line.replacen(":5060;", ";", 1)),
            (Some(("Content-Length", _)), _) => {
                lines.extend(NEEDLESS.map(str::to_owned));
                if !begins {
                    lines.extend(UNREADABLE.map(str::to_owned));
                }
                lines.push(line.to_owned());
            }
            _ => lines.push(line.to_owned()),
        }
    }
    let open = *method == Method::Bye && message.is_request() && body.is_empty() && transport == Transport::Udp;
    let end = if open { "\r\n" } else { "\r\n\r\n" };
    [lines.join("\r\n").as_bytes(), end.as_bytes(), body].concat().into()
}

/// The number of kinds.
pub const ODDITIES: usize = 8;

/// The description as the phone writes it.
pub(super) fn written(kind: Option<usize>, sdp: &[u8]) -> Vec<u8> {
    let ends = |tail: &[u8]| [sdp, tail].concat();
    match kind {
        // RFC 4566 5 and 6: free text in a charset that is named or not, and unknown attributes.
        Some(0) => replaced(sdp, b"s=-\r\n", b"s=Gespr\xe4ch\r\n"),
        Some(1) => replaced(
            sdp,
            b"t=0 0\r\n",
            b"t=0 0\r\na=charset:ISO-8859-1\r\na=x-name:J\xf6rg\r\n",
        ),
        Some(2) => ends(b"a=x-key:\xff\xfe\xe4\x80\r\n"),
        Some(3) => ends(b"  \r\n"),
        Some(4) => ends(b"\0"),
        Some(5) => replaced(sdp, b"o=- ", b"o=J\xf6rg Doe x"),
        Some(6) => replaced(sdp, b"t=0 0\r\n", b"t=now\r\nr=7d\r\n"),
        // RFC 3551 4.5.2: the clock of the samples instead of the clock of the packets.
        Some(7) => replaced(sdp, b"G722/8000", b"G722/16000"),
        Some(_) | None => sdp.to_vec(),
    }
}

/// Replaces bytes by others, everywhere.
pub(super) fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        written.extend_from_slice(&rest[..at]);
        written.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    written.extend_from_slice(rest);
    written
}
