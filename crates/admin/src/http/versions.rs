//! Versions of what is kept (RFC 9110 sections 8.8.3 and 13.1): what was read names what it was, and a
//! change that was made from an older version is refused, so that no change is overwritten unnoticed.

use std::time::SystemTime;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
};
use sha2::{Digest, Sha256};

use crate::http::problem::Problem;

/// A strong entity tag: equal tags are equal texts and fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(String);

impl Version {
    /// Of an extension. The time of its last change differs between any two versions of it.
    pub(crate) fn of_extension(account: &store::Account) -> Self {
        Self(format!("{:x}-{:x}", account.created_at, account.updated_at))
    }

    /// Of a dialplan: by its text, since files are changed by hand, too.
    pub(crate) fn of_text(text: &str) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        Self(hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }

    /// Of a file that is written once: by its size and the time of its last change.
    pub(crate) fn of_file(bytes: u64, changed: SystemTime) -> Self {
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(format!("{bytes:x}-{:x}", since.as_nanos()))
    }

    fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// The `ETag` field.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let value = HeaderValue::try_from(self.quoted()).ok()?;
        Some((header::ETAG, value))
    }
}

/// Which version a client wants to change or to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    /// `If-Match`: only one of these.
    only: Option<Tags>,
    /// `If-None-Match`: the present version is none of these.
    not: Option<Tags>,
}

#[derive(Clone, Debug)]
enum Tags {
    /// `*`: any version there is.
    Any,
    /// As they were sent.
    These(Vec<String>),
}

impl Conditions {
    /// Whether a change may be made of what is there; `None` where nothing is.
    pub(crate) fn allow(&self, there: Option<&Version>) -> Result<(), Problem> {
        let fits = match (&self.only, there) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Tags::Any), Some(_)) => true,
            // RFC 9110 13.1.1: compared strongly, so a weak tag never fits.
            (Some(Tags::These(tags)), Some(version)) => tags.contains(&version.quoted()),
        };
        if fits && !self.excludes(there) {
            return Ok(());
        }
        let detail = match there {
            Some(_) => "somebody changed it meanwhile; read it again",
            None => "it is not there any more",
        };
        let problem = Problem::new(StatusCode::PRECONDITION_FAILED, "changed", detail);
        Err(match there.and_then(Version::header) {
            Some((name, value)) => problem.header(name, value),
            None => problem,
        })
    }

    /// True if the reader has this version already (304, RFC 9110 13.1.2).
    pub(crate) fn excludes(&self, there: Option<&Version>) -> bool {
        match (&self.not, there) {
            (None, _) | (_, None) => false,
            (Some(Tags::Any), Some(_)) => true,
            (Some(Tags::These(tags)), Some(version)) => {
                let quoted = version.quoted();
                tags.iter().any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == quoted)
            }
        }
    }

    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            only: tags(headers, &header::IF_MATCH)?,
            not: tags(headers, &header::IF_NONE_MATCH)?,
        })
    }
}

/// `*`, or a list of entity tags. What is neither is refused: to take no notice of it would overwrite.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let mut all = Vec::new();
    let mut any = false;
    for value in headers.get_all(name) {
        let text = value.to_str().unwrap_or("?");
        for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let bare = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = bare.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            match inner {
                _ if tag == "*" => any = true,
                Some(inner) if bare.len() >= 2 && !inner.contains('"') => all.push(tag.to_owned()),
                Some(_) | None => {
                    let detail = "expected * or entity tags in double quotes, as ETag shows them";
                    return Err(Problem::malformed(detail).field(name.as_str().to_owned()));
                }
            }
        }
    }
    Ok(match (any, all.is_empty()) {
        (true, _) => Some(Tags::Any),
        (false, false) => Some(Tags::These(all)),
        (false, true) => None,
    })
}

impl<S: Send + Sync> FromRequestParts<S> for Conditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(fields: &[(HeaderName, &str)]) -> Result<Conditions, Problem> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name.clone(), value.parse().unwrap());
        }
        Conditions::read(&headers)
    }

    #[test]
    fn a_change_is_allowed_to_the_version_that_was_read() {
        let (one, two) = (Version::of_text("one"), Version::of_text("two"));
        assert_ne!(one, two);
        let tag = one.quoted();
        for (field, allowed) in [
            (tag.clone(), true),
            (format!("\"x\", {tag}"), true),
            ("*".to_owned(), true),
            (two.quoted(), false),
            (format!("W/{tag}"), false),
            ("\"\"".to_owned(), false),
        ] {
            let conditions = conditions(&[(header::IF_MATCH, &field)]).unwrap();
            assert_eq!(conditions.allow(Some(&one)).is_ok(), allowed, "{field}");
            assert!(conditions.allow(None).is_err(), "{field}: nothing is there");
        }
        assert!(Conditions::default().allow(None).is_ok() && Conditions::default().allow(Some(&one)).is_ok());
        let new = conditions(&[(header::IF_NONE_MATCH, "*")]).unwrap();
        assert!(new.allow(None).is_ok() && new.allow(Some(&one)).is_err());
        let weak = conditions(&[(header::IF_NONE_MATCH, &format!("W/{tag}"))]).unwrap();
        assert!(weak.excludes(Some(&one)) && !weak.excludes(Some(&two)));
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for field in ["abc", "\"a", "\"", "\"a\"b\"", "W/", "W/x"] {
            let error = conditions(&[(header::IF_MATCH, field)]).unwrap_err();
            assert_eq!(
                (error.code(), error.field_at_fault()),
                ("malformed", Some("if-match")),
                "{field}"
            );
        }
        assert!(conditions(&[(header::IF_MATCH, " , ")]).unwrap().only.is_none());
    }
}
