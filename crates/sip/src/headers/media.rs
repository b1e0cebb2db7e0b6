//! Content-Type, Accept and Content-Disposition (RFC 3261 sections 20.1, 20.11 and 20.15).

use super::{Header, is_token, item::Item, name::HeaderName, trim};
use crate::Params;

/// A media type or, in Accept, a range such as `text/*`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct MediaType<'a> {
    /// Such as `application`.
    pub kind: &'a str,
    /// Such as `sdp`.
    pub subtype: &'a str,
    /// Such as `boundary`.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Reads a media type.
    pub fn parse(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::split(value)?;
        let (kind, subtype) = item.value.split_once('/').ok_or("a type and a subtype are expected")?;
        let (kind, subtype) = (trim(kind), trim(subtype));
        if !is_token(kind.as_bytes()) || !is_token(subtype.as_bytes()) {
            return Err("the type or the subtype is not a token");
        }
        Ok(Self {
            kind,
            subtype,
            params: item.params,
        })
    }

    /// Whether this is `kind/subtype`, in any case.
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    /// Whether this range, such as `*/*` or `text/*`, covers `kind/subtype`.
    pub fn covers(&self, kind: &str, subtype: &str) -> bool {
        (self.kind == "*" || self.kind.eq_ignore_ascii_case(kind))
            && (self.subtype == "*" || self.subtype.eq_ignore_ascii_case(subtype))
    }
}

impl<'a> Header<'a> for MediaType<'a> {
    const NAME: HeaderName = HeaderName::ContentType;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        Self::parse(value)
    }
}

/// What a body is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ContentDisposition<'a> {
    /// Such as `session` or `render`.
    pub kind: &'a str,
    /// `handling=optional`: a UAS that does not understand the body may pass over it.
    pub optional: bool,
    /// `handling=required`: it must not (RFC 3261 section 8.2.3).
    pub required: bool,
    /// All parameters.
    pub params: Params<'a>,
}

impl<'a> Header<'a> for ContentDisposition<'a> {
    const NAME: HeaderName = HeaderName::ContentDisposition;

    fn read(value: &'a str) -> Result<Self, &'static str> {
        let item = Item::parse(value)?;
        let handling = item.params.get("handling").unwrap_or_default();
        Ok(Self {
            kind: item.value,
            optional: handling.eq_ignore_ascii_case("optional"),
            required: handling.eq_ignore_ascii_case("required"),
            params: item.params,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_ranges() {
        let read = MediaType::parse("multipart / mixed ; boundary=\"a b\"").unwrap();
        assert!(read.is("Multipart", "MIXED"));
        assert_eq!(read.params.get("boundary"), Some("a b"));
        assert!(MediaType::parse("text/*").unwrap().covers("text", "plain"));
        assert!(MediaType::parse("*/*").unwrap().covers("application", "sdp"));
        assert!(!MediaType::parse("text/*").unwrap().covers("application", "sdp"));
        for bad in ["", "sdp", "application/", "/sdp", "a/b/c", "a b/c"] {
            assert!(MediaType::parse(bad).is_err(), "{bad}");
        }
        let read = ContentDisposition::read("session;handling=Optional").unwrap();
        assert!(read.optional && !read.required && read.kind == "session");
        let read = ContentDisposition::read("x; handling=\"required\"").unwrap();
        assert!(read.required && !read.optional);
    }
}
