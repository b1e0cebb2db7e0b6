//! Bodies of the type `message/sipfrag` (RFC 3420) as a NOTIFY of the event `refer` has them: a status line tells how far
//! the request that was asked for has come (RFC 3515 section 2.4.5).

use super::build::Line;
use crate::StatusCode;

/// The Content-Type of such a body (RFC 3515 section 2.4.5).
pub const CONTENT_TYPE: &str = "message/sipfrag;version=2.0";

/// The body that reports `status`. Control characters in `reason` become blanks.
pub fn write(status: StatusCode, reason: &str) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut body = Vec::with_capacity(32 + reason.len());
    let _ = write!(Line(&mut body), "SIP/2.0 {status} {reason}");
    body.extend_from_slice(b"\r\n");
    body
}

/// The status that a body reports; `None` if its first line is no status line. What follows that line is not read.
pub fn read(body: &[u8]) -> Option<StatusCode> {
    let end = memchr::memchr2(b'\r', b'\n', body).unwrap_or(body.len());
    let line = std::str::from_utf8(body.get(..end)?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    if !version.eq_ignore_ascii_case("SIP/2.0") {
        return None;
    }
    let code = rest.split_once(' ').map_or(rest, |(code, _)| code);
    let is_number = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    StatusCode::new(code.parse().ok().filter(|_| is_number)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_written_and_read() {
        let body = write(StatusCode::TRYING, "Trying");
        assert_eq!(body, b"SIP/2.0 100 Trying\r\n");
        assert_eq!(read(&body), Some(StatusCode::TRYING));
        let body = write(StatusCode::NOT_FOUND, "a\r\nb");
        assert_eq!(body, b"SIP/2.0 404 a  b\r\n");
        for (text, code) in [
            ("SIP/2.0 200 OK", Some(200)),
            ("sip/2.0 486\r\nTo: x", Some(486)),
            ("SIP/2.0 603 \n", Some(603)),
            ("", None),
            ("SIP/2.0", None),
            ("SIP/2.0 ", None),
            ("SIP/2.0 +20 x", None),
            ("SIP/2.0 0200 x", None),
            ("SIP/2.0 700 x", None),
            ("INVITE sip:a@b SIP/2.0", None),
            ("SIP/2.0 \u{0662}00 OK", None),
        ] {
            assert_eq!(read(text.as_bytes()).map(StatusCode::code), code, "{text:?}");
        }
    }
}
