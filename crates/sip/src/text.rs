//! Control octets stop here (RFC 3261 section 25.1).
//!
//! A quoted string may hold a control octet behind a backslash, and phones send worse. None of them goes into a message
//! of ours, a log or a record: a terminal would obey ESC, and a C program would see the end of the text at NUL.

use std::borrow::Cow;

/// Text for people: each control character (C0, DEL and C1) becomes a blank.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(text.replace(char::is_control, " "))
    } else {
        Cow::Borrowed(text)
    }
}

/// Adds text to a line of a message: each control octet becomes a blank. A tab stays, it is white space of SIP (`HTAB`);
/// so do the C1 controls, which are `UTF8-NONASCII` and may be part of what a response must repeat.
pub(crate) fn push_line(line: &mut Vec<u8>, text: &str) {
    let at = line.len();
    line.extend_from_slice(text.as_bytes());
    let control = |byte: u8| (byte < b' ') & (byte != b'\t') | (byte == 0x7f);
    // Without an early end: so the compiler looks at many octets at once.
    if text.bytes().fold(false, |found, byte| found | control(byte)) {
        line.iter_mut()
            .skip(at)
            .filter(|byte| control(**byte))
            .for_each(|byte| *byte = b' ');
    }
}

/// FNV-1a of 64 bits: a fingerprint that is the same in each version and on each machine. It is no secret, and who chooses
/// the octets can make two fingerprints equal.
pub fn fnv1a(octets: impl IntoIterator<Item = u8>) -> u64 {
    octets.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_become_blanks_and_the_rest_stays() {
        for (text, clear, in_line) in [
            ("Alice", "Alice", "Alice"),
            ("a\0b\u{1b}[31mc\u{7f}", "a b [31mc ", "a b [31mc "),
            ("a\r\nSubject: x", "a  Subject: x", "a  Subject: x"),
            ("a\tb", "a b", "a\tb"),
            (
                "\u{85}\u{9b}31m \u{a3}\u{e9}\u{20ac}",
                "  31m \u{a3}\u{e9}\u{20ac}",
                "\u{85}\u{9b}31m \u{a3}\u{e9}\u{20ac}",
            ),
        ] {
            assert_eq!(clean(text), clear, "{text:?}");
            let mut line = b"\0".to_vec();
            push_line(&mut line, text);
            assert_eq!(String::from_utf8(line).unwrap(), format!("\0{in_line}"), "{text:?}");
        }
    }
}
