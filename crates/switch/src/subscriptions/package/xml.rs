//! Text in XML.

use std::borrow::Cow;

/// What every document begins with.
pub(super) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Text as it may stand in an attribute or an element. What XML 1.0 (section 2.2) cannot hold becomes a question mark.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !matches!(c, '&' | '<' | '>' | '"' | '\'' | '\u{fffe}' | '\u{ffff}') && !c.is_control();
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c if is_plain(c) => out.push(c),
            _ => out.push('?'),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_its_place() {
        assert_eq!(escape("sip:101@h;a=b"), "sip:101@h;a=b");
        assert_eq!(escape("a\"'><&b"), "a&quot;&apos;&gt;&lt;&amp;b");
        assert_eq!(escape("a\r\n\u{0}\u{7f}\u{ffff}é"), "a?????é");
    }
}
