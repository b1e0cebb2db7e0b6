//! A file as an answer: whole or a part of it (RFC 9110 section 14), with its version (section 8.8.3). It is read while
//! it is sent, and never held whole.

use std::{io::SeekFrom, ops::RangeInclusive};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use http_range_header::{ParsedRanges, RangeUnsatisfiableError, parse_range_header};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncSeekExt},
};
use tokio_util::io::ReaderStream;

use crate::http::{
    problem::Problem,
    versions::{Conditions, Version},
};

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// What is known of a file that is sent.
pub(crate) struct Sent {
    pub(crate) file: File,
    /// Bytes.
    pub(crate) length: u64,
    pub(crate) version: Version,
    pub(crate) media_type: &'static str,
    /// The name to save it under; no character of it needs to be escaped.
    pub(crate) name: String,
}

/// The part that a client asks for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// All of it.
    Whole,
    /// These bytes.
    Bytes(RangeInclusive<u64>),
    /// Nothing that is there: 416.
    None,
}

/// Answers a GET or HEAD.
pub(crate) async fn send(
    mut sent: Sent,
    method: &Method,
    headers: &HeaderMap,
    conditions: &Conditions,
) -> Result<Response, Problem> {
    let length = sent.length;
    if conditions.excludes(Some(&sent.version)) {
        let tag: HeaderMap = sent.version.header().into_iter().collect();
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    conditions.allow(Some(&sent.version))?;
    // RFC 9110 14.2: ranges are for GET alone.
    let part = if method == Method::GET {
        part(headers, length, &sent.version)
    } else {
        Part::Whole
    };
    let (status, range) = match part {
        Part::Whole => (StatusCode::OK, None),
        Part::Bytes(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Part::None => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range_not_satisfiable",
                format!("there are {length} bytes, and none of those that were asked for"),
            );
            let problem = problem.field("Range");
            return Err(match HeaderValue::try_from(format!("bytes */{length}")) {
                Ok(value) => problem.header(header::CONTENT_RANGE, value),
                Err(_) => problem,
            });
        }
    };
    let (start, count) = range
        .as_ref()
        .map_or((0, length), |range| (*range.start(), range.end() - range.start() + 1));
    if start > 0 {
        let sought = sent.file.seek(SeekFrom::Start(start)).await;
        sought.map_err(|error| Problem::internal(&error))?;
    }
    let body = Body::from_stream(ReaderStream::with_capacity(sent.file.take(count), PIECE));
    let mut response = (status, body).into_response();
    let fields = response.headers_mut();
    fields.extend(sent.version.header());
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(sent.media_type));
    fields.insert(header::CONTENT_LENGTH, count.into());
    let range = range.map(|range| format!("bytes {}-{}/{length}", range.start(), range.end()));
    let name = format!("inline; filename=\"{}\"", sent.name);
    for (field, value) in [
        (header::CONTENT_RANGE, range),
        (header::CONTENT_DISPOSITION, Some(name)),
    ] {
        fields.extend(value.and_then(|value| Some((field, HeaderValue::try_from(value).ok()?))));
    }
    Ok(response)
}

/// RFC 9110 14.2: a Range that is no list of byte ranges, or asks for what no player asks for, is as if it were not
/// there; so is one that belongs to another version (13.1.5).
fn part(headers: &HeaderMap, length: u64, version: &Version) -> Part {
    let Some(range) = headers.get(header::RANGE) else {
        return Part::Whole;
    };
    let same = |tag: &HeaderValue| version.header().is_some_and(|(_, ours)| ours == tag);
    if !headers.get(header::IF_RANGE).is_none_or(same) {
        return Part::Whole;
    }
    let Some(asked) = range.to_str().ok().and_then(|text| parse_range_header(text).ok()) else {
        return Part::Whole;
    };
    one_of(&asked, length)
}

/// RFC 9110 15.3.7.2: of several ranges the server may send what it likes. All of it, here: no player asks so.
fn one_of(asked: &ParsedRanges, length: u64) -> Part {
    match asked.validate(length) {
        Ok(ranges) => match <[RangeInclusive<u64>; 1]>::try_from(ranges) {
            Ok([range]) if asked.len() == 1 => Part::Bytes(range),
            Ok(_) | Err(_) => Part::Whole,
        },
        Err(RangeUnsatisfiableError::Unsatisfiable) => Part::None,
        Err(_) => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_sent_where_one_part_is_asked_for() {
        let version = Version::of_text("x");
        let of = |range: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_bytes(range.as_bytes()).unwrap());
            part(&headers, 1_000, &version)
        };
        for (range, bytes) in [
            ("bytes=0-0", 0..=0),
            ("bytes=0-", 0..=999),
            ("bytes=10-19", 10..=19),
            ("bytes=990-18446744073709551615", 990..=999),
            ("bytes=990-99999999999999999999", 990..=999),
            ("bytes=-1", 999..=999),
            ("bytes=-5000", 0..=999),
            ("Bytes=0-1", 0..=1),
        ] {
            assert_eq!(of(range), Part::Bytes(bytes), "{range}");
        }
        for range in [
            "bytes=1000-",
            "bytes=1000-1001",
            "bytes=-0",
            "bytes=18446744073709551615-",
        ] {
            assert_eq!(of(range), Part::None, "{range}");
        }
        let many = format!("bytes={}", vec!["0-0"; 5_000].join(","));
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=a-b",
            "bytes=5-1",
            "bytes=1--2",
            "items=0-1",
            "bytes=0-1,4-5",
            "bytes=0-1,5000-",
            "é",
            &many,
        ] {
            assert_eq!(of(range), Part::Whole, "{range}");
        }
    }

    #[test]
    fn a_part_of_another_version_is_not_sent() {
        let version = Version::of_text("x");
        let tag = version.header().unwrap().1;
        let cases = [
            (tag.to_str().unwrap(), Part::Bytes(0..=1)),
            ("\"another\"", Part::Whole),
            ("Sat, 29 Oct 1994 19:43:31 GMT", Part::Whole),
        ];
        for (if_range, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
            headers.insert(header::IF_RANGE, if_range.parse().unwrap());
            assert_eq!(part(&headers, 10, &version), expected, "{if_range}");
        }
    }
}
