//! The kind of a message, read from its bytes without the cost of a parser.

use memchr::{memchr, memchr_iter};

/// The kinds of messages that admission control tells apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An INVITE outside of a dialog: a new call.
    Call,
    /// A REGISTER.
    Registration,
    /// Any other request outside of a dialog (OPTIONS, MESSAGE, SUBSCRIBE ...).
    Other,
    /// ACK, BYE, CANCEL, PRACK, or any request with a To tag: part of a dialog or transaction.
    InProgress,
    /// A response.
    Response,
    /// Only CR, LF, space and NUL: a keep-alive (RFC 5626 3.5.1) or an empty datagram.
    KeepAlive,
    /// Not SIP: the first line is neither a request line nor a status line.
    Junk,
}

/// Tells the kind of the message that begins with these bytes. Reads the first line, and the header up to the To field
/// (compact, folded, in any case). Allocates nothing and looks at each byte once.
///
/// A To tag is believed here; whether there is such a dialog is checked later.
pub fn peek(bytes: &[u8]) -> Kind {
    // RFC 3261 7.5: empty lines before the start line are ignored.
    let Some(begin) = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')) else {
        return Kind::KeepAlive;
    };
    let bytes = &bytes[begin..];
    if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | b' ' | 0)) {
        return Kind::KeepAlive;
    }
    let line = &bytes[..memchr(b'\n', bytes).unwrap_or(bytes.len())];
    if starts_with(line, b"SIP/") {
        return Kind::Response;
    }
    let Some(space) = memchr(b' ', line) else {
        return Kind::Junk;
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if space == 0 || !line[..space].iter().all(|byte| byte.is_ascii_graphic()) || !ends_with_version(line) {
        return Kind::Junk;
    }
    // RFC 3261 7.1: methods are case-sensitive.
    match &line[..space] {
        b"ACK" | b"BYE" | b"CANCEL" | b"PRACK" => Kind::InProgress,
        _ if to_field(bytes).is_some_and(has_tag) => Kind::InProgress,
        b"INVITE" => Kind::Call,
        b"REGISTER" => Kind::Registration,
        _ => Kind::Other,
    }
}

fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn ends_with_version(line: &[u8]) -> bool {
    let version = line.rsplit(|byte| *byte == b' ').find(|word| !word.is_empty());
    version.is_some_and(|word| starts_with(word, b"SIP/"))
}

/// The value of the first To field, with its continuation lines.
fn to_field(bytes: &[u8]) -> Option<&[u8]> {
    let mut ends = memchr_iter(b'\n', bytes);
    let mut start = ends.next()? + 1;
    for end in ends {
        let line = &bytes[start..end];
        if line.is_empty() || line == b"\r" {
            return None;
        }
        if let Some(value) = to_value(line) {
            let from = end - value.len();
            return Some(&bytes[from..end + folded(&bytes[end + 1..])]);
        }
        start = end + 1;
    }
    None
}

fn to_value(line: &[u8]) -> Option<&[u8]> {
    let rest = match line {
        [b't' | b'T', b'o' | b'O', rest @ ..] | [b't' | b'T', rest @ ..] => rest,
        _ => return None,
    };
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    rest.get(blanks..)?.strip_prefix(b":")
}

/// How many bytes of `rest` continue the field before it (RFC 3261 7.3.1).
fn folded(rest: &[u8]) -> usize {
    let mut length = 0;
    while let Some(b' ' | b'\t') = rest.get(length) {
        length += memchr(b'\n', &rest[length..]).map_or(rest.len() - length, |end| end + 1);
    }
    length
}

/// Whether a To value has a tag parameter: one behind the address, not in a quoted display name
/// and not in the URI between angle brackets.
fn has_tag(value: &[u8]) -> bool {
    let (mut quoted, mut escaped, mut bracket) = (false, false, false);
    for (index, byte) in value.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !bracket => quoted = !quoted,
            b'<' if !quoted => bracket = true,
            b'>' if !quoted => bracket = false,
            b';' if !quoted && !bracket && is_tag(&value[index + 1..]) => return true,
            _ => {}
        }
    }
    false
}

fn is_tag(parameter: &[u8]) -> bool {
    let parameter = parameter.trim_ascii_start();
    starts_with(parameter, b"tag") && parameter[3..].trim_ascii_start().first() == Some(&b'=')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let request =
            |method: &str, to: &str| format!("{method} sip:b SIP/2.0\r\nVia: x\r\n{to}\r\nFrom: a\r\n\r\nTo: b;tag=1");
        for (text, kind) in [
            (request("INVITE", "To: <sip:b>"), Kind::Call),
            (request("REGISTER", "To: <sip:b>"), Kind::Registration),
            (request("OPTIONS", "To: <sip:b>"), Kind::Other),
            (request("BREW", "t: sip:b"), Kind::Other),
            (request("invite", "To: <sip:b>"), Kind::Other),
            (request("INVITE", "To: <sip:b>;tag=x"), Kind::InProgress),
            (request("INVITE", "t:sip:b;tag=x"), Kind::InProgress),
            (request("UPDATE", "tO \t: <sip:b> ; TAG = x"), Kind::InProgress),
            (request("INFO", "To: <sip:b>\r\n ;a=b\r\n\t;tag=x"), Kind::InProgress),
            (request("INVITE", "To: <sip:b;tag=x>"), Kind::Call),
            (request("INVITE", "To: \"a;tag=1 \\\";tag=2\" <sip:b>"), Kind::Call),
            (request("INVITE", "To: \"a <\" <sip:b>;tag=2"), Kind::InProgress),
            (request("INVITE", "To: <sip:b>;tagged=x;stag=y;tag"), Kind::Call),
            (request("INVITE", "Topic: <sip:b>;tag=x"), Kind::Call),
            (request("INVITE", "X: y\r\n To: <sip:b>;tag=x"), Kind::Call),
            (request("INVITE", ""), Kind::Call),
            (request("ACK", ""), Kind::InProgress),
            (request("BYE", ""), Kind::InProgress),
            (request("CANCEL", "To: <sip:b>"), Kind::InProgress),
            ("\r\n\r\nINVITE sip:b SIP/2.0\r\n\r\n".into(), Kind::Call),
            ("INVITE sip:b SIP/2.0\nTo: b;tag=1\n\n".into(), Kind::InProgress),
            ("INVITE sip:b SIP/7.0\r\n\r\n".into(), Kind::Call),
            ("INVITE sip:b SIP/2.0".into(), Kind::Call),
            ("SIP/2.0 200 OK\r\n\r\n".into(), Kind::Response),
            ("sip/2.0 200 OK\r\n\r\n".into(), Kind::Response),
            ("".into(), Kind::KeepAlive),
            ("\r\n\r\n".into(), Kind::KeepAlive),
            ("\0\0\0\0".into(), Kind::KeepAlive),
            ("GET / HTTP/1.1\r\n\r\n".into(), Kind::Junk),
            (" INVITE sip:b SIP/2.0\r\n".into(), Kind::Junk),
            ("hello".into(), Kind::Junk),
        ] {
            assert_eq!(peek(text.as_bytes()), kind, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_kind(bytes: Vec<u8>) {
            peek(&bytes);
        }

        #[test]
        fn any_cut_or_flip_of_a_request_has_a_kind(cut in 0usize..100, flip in 0usize..100, bits: u8) {
            let mut bytes = b"INVITE sip:b SIP/2.0\r\nTo: \"a\\\" b\" <sip:b>\r\n ;tag=1\r\nt: x\r\n\r\n".to_vec();
            let at = flip % bytes.len();
            bytes[at] ^= bits;
            bytes.truncate(cut);
            peek(&bytes);
        }
    }
}
