//! XML: documents of phones are read, and text is written.

use std::borrow::Cow;

use roxmltree::{Document, Node, ParsingOptions};
use sip::StatusCode;

use crate::answer::Answer;

/// Elements and pieces of text of a document that is read. Each takes some hundred bytes while it is.
const MOST_NODES: u32 = 2_000;

/// Reads a document whose size the caller has checked. Declarations of entities are refused, so that no document is larger
/// than it looks.
///
/// # Errors
/// 400.
pub(in crate::subscriptions) fn read(body: &[u8]) -> Result<Document<'_>, Answer> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MOST_NODES,
        ..ParsingOptions::default()
    };
    let text = std::str::from_utf8(body).map_err(|_| unreadable())?;
    Document::parse_with_options(text.trim(), options).map_err(|_| unreadable())
}

/// The answer to a document that cannot be read.
pub(in crate::subscriptions) fn unreadable() -> Answer {
    Answer::because(StatusCode::BAD_REQUEST, "Document Cannot Be Read")
}

/// The text in an element, without white space around it.
pub(in crate::subscriptions) fn text(node: Node<'_, '_>) -> String {
    let texts = node.children().filter(Node::is_text);
    let pieces = texts.filter_map(|text| text.text());
    pieces.collect::<String>().trim().to_owned()
}

/// What every document begins with.
pub(in crate::subscriptions) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Text as it may stand in an attribute or an element. What XML 1.0 (section 2.2) cannot hold becomes a question mark.
pub(in crate::subscriptions) fn escape(text: &str) -> Cow<'_, str> {
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
