//! Reading requests: JSON bodies, plain text and queries, with an error that names the field at fault.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Request,
        rejection::{BytesRejection, PathRejection},
    },
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::IntoResponse,
};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use switch::did_you_mean;

use crate::http::problem::Problem;

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A query string.
pub(crate) struct QueryParams<T>(pub(crate) T);

/// The one parameter of the path, decoded.
pub(crate) struct PathText(pub(crate) String);

/// The two parameters of the path, decoded.
pub(crate) struct PathPair(pub(crate) String, pub(crate) String);

/// The media type without parameters, in lower case; `None` where none is given.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("?");
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The whole body, within the limit that holds for the route.
pub(crate) async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection: BytesRejection| {
            if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
                Problem::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too_large",
                    "the body is longer than is accepted here",
                )
            } else {
                Problem::malformed("the body could not be read to its end")
            }
        })
}

/// 415, and what would be accepted.
pub(crate) fn unsupported(accepted: &str) -> Problem {
    let detail = format!("the body must be {accepted}, and Content-Type must say so");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail).field("Content-Type")
}

/// True if a media type is JSON (RFC 6839 section 3.1 for the suffix).
pub(crate) fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || (media_type.starts_with("application/") && media_type.ends_with("+json"))
}

/// Parses JSON. Not JSON at all is 400; JSON of another shape is 422 and names the field.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            Category::Io | Category::Syntax | Category::Eof => not_json(&error),
            Category::Data => {
                // A wrong type before a syntax error is still no JSON.
                if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
                    return not_json(&error);
                }
                let (path, detail) = data_error(path, &error.to_string());
                Problem::invalid(path, detail)
            }
        }
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// Parses a JSON object. A list would do for serde, with the fields in their order; not for us.
pub(crate) fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let is_list = bytes.trim_ascii_start().first() == Some(&b'[');
    match parse_json::<serde::de::IgnoredAny>(bytes) {
        Ok(_) if is_list => Err(Problem::invalid("body", "expected an object")),
        Ok(_) | Err(_) => parse_json(bytes),
    }
}

fn not_json(error: &serde_json::Error) -> Problem {
    // Only where, not what: the text may hold a password.
    Problem::malformed(format!(
        "the body is not JSON (line {}, column {})",
        error.line(),
        error.column()
    ))
}

/// The field at fault and what is wrong with it, without the place in the text, and without any
/// value of the client's: it may be a password in the wrong type.
fn data_error(path: String, message: &str) -> (String, String) {
    let message = message.split(" at line ").next().unwrap_or(message);
    // serde names missing and unknown fields in backticks; the path then is that of the object around.
    let named = |prefix: &str| message.strip_prefix(prefix).and_then(|rest| rest.split('`').next());
    for (prefix, detail) in [
        ("missing field `", "this field is required"),
        ("unknown field `", "there is no such field"),
        ("duplicate field `", "this field is given twice"),
    ] {
        if let Some(field) = named(prefix) {
            let inner = if path == "." || path == field {
                field.to_owned()
            } else {
                join(&path, field)
            };
            // serde goes on with the fields there are, in backticks too.
            let known = message.split('`').skip(3).step_by(2);
            return (inner, format!("{detail}{}", did_you_mean(field, known)));
        }
    }
    let field = if path == "." { "body".to_owned() } else { path };
    let expected = message
        .rsplit_once("expected ")
        .map_or("another value", |(_, expected)| expected);
    (field, format!("expected {expected}"))
}

/// The fault of a value that was read by itself.
pub(crate) fn value_fault(field: &str, message: &str) -> Problem {
    let (field, detail) = data_error(field.to_owned(), message);
    Problem::invalid(field, detail)
}

/// The accepted values of parameters whose type does not say it in plain words.
fn accepted(parameter: &str) -> Option<&'static str> {
    Some(match parameter {
        "limit" => "expected a whole number from 1 to 500",
        "dry_run" => "expected true or false",
        "from" | "to" => "expected a time as in RFC 3339, such as 2026-01-05T08:30:00Z (a + in it is written %2B)",
        _ => return None,
    })
}

fn join(path: &str, field: &str) -> String {
    if path.ends_with(field) {
        path.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !media_type(request.headers()).is_some_and(|kind| is_json(&kind)) {
            return Err(unsupported("application/json"));
        }
        let bytes = body(request, state).await?;
        parse_object(&bytes).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let path = error.path().to_string();
            let (field, detail) = data_error(path, &error.into_inner().to_string());
            let detail = accepted(&field).map_or(detail, str::to_owned);
            Problem::invalid(field, detail)
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(text)| Self(text)).map_err(not_utf_8)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathPair {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<(String, String)>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path((first, second))| Self(first, second))
            .map_err(not_utf_8)
    }
}

fn not_utf_8(_: PathRejection) -> Problem {
    Problem::malformed("the path is not UTF-8 once it is decoded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExtensionPatch, NewExtension};

    fn fault<T: DeserializeOwned>(text: &str) -> (&'static str, Option<String>) {
        let problem = parse_object::<T>(text.as_bytes()).err().unwrap();
        (problem.code(), problem.field_at_fault().map(str::to_owned))
    }

    #[test]
    fn what_is_not_json_is_malformed_and_what_is_names_the_field() {
        for text in [
            "",
            "{",
            "nope",
            "{\"number\":1",
            "{} {}",
            "\u{0}",
            "{\"number\":\"1\",}",
        ] {
            assert_eq!(fault::<NewExtension>(text), ("malformed", None), "{text:?}");
        }
        let cases = [
            ("{}", "number"),
            ("[]", "body"),
            (" [\"1\",null,null]", "body"),
            ("7", "body"),
            ("{\"number\":1}", "number"),
            ("{\"number\":\"1\",\"name\":7}", "name"),
            ("{\"number\":\"1\",\"nmae\":\"x\"}", "nmae"),
            ("{\"number\":\"1\",\"number\":\"2\"}", "number"),
        ];
        for (text, field) in cases {
            assert_eq!(
                fault::<NewExtension>(text),
                ("invalid", Some(field.to_owned())),
                "{text}"
            );
        }
        assert_eq!(
            fault::<ExtensionPatch>("{\"password\":null}"),
            ("invalid", Some("password".to_owned()))
        );
    }

    #[test]
    fn a_field_nobody_knows_is_named_with_the_one_that_was_meant() {
        for (text, detail) in [
            (
                r#"{"number":"1","nmae":"x"}"#,
                "there is no such field; did you mean name?",
            ),
            (r#"{"number":"1","colour":"x"}"#, "there is no such field"),
        ] {
            let problem = parse_object::<NewExtension>(text.as_bytes()).err().unwrap();
            assert!(format!("{problem:?}").contains(&format!("\"{detail}\"")), "{problem:?}");
        }
    }

    #[test]
    fn a_value_in_the_wrong_type_is_not_repeated() {
        let problem = parse_json::<NewExtension>(b"{\"number\":\"1\",\"password\":918273645}")
            .err()
            .unwrap();
        assert!(!format!("{problem:?}").contains("918273645"), "{problem:?}");
    }
}
