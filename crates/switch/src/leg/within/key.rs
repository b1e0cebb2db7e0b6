//! Keys in the body of an INFO, in the forms that phones send.

/// The hook flash (RFC 2833 and RFC 4734 section 2: event 16), as the media engine calls it.
pub(crate) const FLASH: char = '!';

/// The duration of a key in an INFO without a duration, in milliseconds.
const USUAL: u16 = 160;
/// The shortest and the longest press, in milliseconds.
const BOUNDS: (u16, u16) = (40, 5_000);

/// The key in an INFO, and for how many milliseconds it was pressed:
///
/// - `application/dtmf-relay`: `Signal=5` and `Duration=160`; `Signal` may be the key, or the number of its event
///   (RFC 4733 section 3.2: 10 to 16 are `*`, `#`, `A` to `D` and the flash);
/// - `application/dtmf`: the key, or its number;
/// - `application/hook-flash` with any body, and `application/broadsoft` with `event flashhook`.
pub(crate) fn info_key(content_type: &str, body: &[u8]) -> Option<(char, u16)> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    if is("application/hook-flash") {
        return Some((FLASH, USUAL));
    }
    let text = std::str::from_utf8(body).ok()?;
    if is("application/broadsoft") {
        let mut words = text.split_ascii_whitespace();
        let flash = words.next()?.eq_ignore_ascii_case("event") && words.next()?.eq_ignore_ascii_case("flashhook");
        return flash.then_some((FLASH, USUAL));
    }
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let signal = if is("application/dtmf-relay") {
        field("Signal")?
    } else if is("application/dtmf") {
        text.trim()
    } else {
        return None;
    };
    let millis = field("Duration").and_then(|value| value.parse().ok()).unwrap_or(USUAL);
    Some((key(signal)?, millis.clamp(BOUNDS.0, BOUNDS.1)))
}

fn key(signal: &str) -> Option<char> {
    let is = |name: &str| signal.eq_ignore_ascii_case(name);
    let mut chars = signal.chars();
    Some(match (chars.next()?, chars.next()) {
        (one, None) if one.is_ascii_digit() || matches!(one, '*' | '#' | FLASH) => one,
        (one, None) => Some(one.to_ascii_uppercase()).filter(|one| matches!(one, 'A'..='D'))?,
        _ => match signal {
            "10" => '*',
            "11" => '#',
            "12" => 'A',
            "13" => 'B',
            "14" => 'C',
            "15" => 'D',
            "16" => FLASH,
            _ if is("hf") || is("flash") => FLASH,
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::info_key;

    #[test]
    fn keys_in_info_are_read_in_the_forms_phones_send() {
        let relay = "application/dtmf-relay";
        assert_eq!(info_key(relay, b"Signal=5\r\nDuration=100\r\n"), Some(('5', 100)));
        assert_eq!(info_key(relay, b"Signal= *\r\n"), Some(('*', 160)));
        assert_eq!(info_key(relay, b"Signal=11\r\nDuration=9\r\n"), Some(('#', 40)));
        assert_eq!(info_key("application/dtmf; x=y", b"d"), Some(('D', 160)));
        assert_eq!(info_key("application/dtmf", b"12"), Some(('A', 160)));
        for (number, key) in (12..=16).zip("ABCD!".chars()) {
            let body = format!("Signal={number}\r\nDuration=200\r\n");
            assert_eq!(info_key(relay, body.as_bytes()), Some((key, 200)));
        }
        for flash in ["!", "hf", "Flash"] {
            assert_eq!(
                info_key(relay, format!("Signal={flash}\r\n").as_bytes()),
                Some(('!', 160))
            );
        }
        assert_eq!(info_key("application/hook-flash", b"signal=hf"), Some(('!', 160)));
        assert_eq!(info_key("application/hook-flash", b""), Some(('!', 160)));
        assert_eq!(
            info_key("application/broadsoft; version=1.0", b"event flashhook\r\n"),
            Some(('!', 160))
        );
        for (kind, body) in [
            (relay, &b"Signal=17\r\n"[..]),
            (relay, b"Signal=E\r\n"),
            (relay, b"Signal=\r\n"),
            (relay, b"\xff\xff"),
            ("application/dtmf", b""),
            ("application/broadsoft", b"event talk"),
            ("text/plain", b"5"),
        ] {
            assert_eq!(info_key(kind, body), None, "{kind} {body:?}");
        }
    }
}
