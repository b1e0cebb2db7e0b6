//! Pages of lists. A cursor is opaque and safe in a query string: the store's own, in hexadecimal.

use std::fmt::Write;

use crate::http::problem::Problem;

const DEFAULT: u32 = 50;
/// The most items of a page.
pub(crate) const MAX: u32 = 500;
/// The longest cursor that is looked at.
const MAX_CURSOR: usize = 512;

pub(crate) struct Page {
    pub(crate) limit: u32,
    pub(crate) cursor: Option<String>,
}

pub(crate) fn page(limit: Option<u32>, cursor: Option<&str>) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(DEFAULT);
    if !(1..=MAX).contains(&limit) {
        return Err(Problem::invalid("limit", format!("a limit is 1 to {MAX}")));
    }
    let cursor = cursor
        .filter(|text| !text.is_empty())
        .map(|text| decode(text).ok_or_else(bad_cursor))
        .transpose()?;
    Ok(Page { limit, cursor })
}

impl Page {
    /// The owner and the id of the item that the page follows, in a list for [`cut`].
    pub(crate) fn after(&self) -> Result<Option<(String, u64)>, Problem> {
        let split = |text: &str| {
            let (owner, id) = text.split_once(' ')?;
            Some((owner.to_owned(), id.parse().ok()?))
        };
        let after = self.cursor.as_deref();
        after.map(|text| split(text).ok_or_else(bad_cursor)).transpose()
    }
}

/// Makes a page of items that the switch holds, in the order of their owner and id: those that follow `after`, at most
/// `limit`. Gives the next cursor, if there are more.
pub(crate) fn cut<T>(
    items: &mut Vec<T>,
    after: Option<&(String, u64)>,
    limit: usize,
    place: impl Fn(&T) -> (&str, u64),
) -> Option<String> {
    items.retain(|item| after.is_none_or(|(owner, id)| (owner.as_str(), *id) < place(item)));
    items.sort_unstable_by(|a, b| place(a).cmp(&place(b)));
    let more = items.len() > limit;
    items.truncate(limit);
    let (owner, id) = items.last().filter(|_| more).map(place)?;
    Some(encode(&format!("{owner} {id}")))
}

/// A text that is not too long, in bytes; an empty text is none.
pub(crate) fn text(field: &'static str, text: Option<String>, most: usize) -> Result<Option<String>, Problem> {
    let text = text.filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.len() > most) {
        return Err(Problem::invalid(field, format!("at most {most} bytes")));
    }
    Ok(text)
}

pub(crate) fn bad_cursor() -> Problem {
    Problem::invalid("cursor", "this is no next_cursor of an earlier page")
}

pub(crate) fn encode(cursor: &str) -> String {
    cursor
        .bytes()
        .fold(String::with_capacity(cursor.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn decode(text: &str) -> Option<String> {
    if text.len() > MAX_CURSOR || !text.len().is_multiple_of(2) || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let byte = |i| text.get(i..i + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes = (0..text.len()).step_by(2).map(byte).collect::<Option<Vec<_>>>()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_the_way_to_the_client_and_back() {
        for text in ["101", "*#+._-", "1767602400000000-42"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
            assert!(encode(text).bytes().all(|b| b.is_ascii_hexdigit()));
        }
        for bad in ["1", "zz", "ff", "é9", &"00".repeat(257)] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
