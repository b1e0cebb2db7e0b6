//! Errors as the client sees them: RFC 9457 problem details. The one place where an error becomes a
//! status code.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use store::StoreError;
use switch::CommandError;
use utoipa::ToSchema;

use crate::{
    model::ImportLine,
    shell::{
        dialplans::{DialplanError, Fault},
        switch_handle::SwitchGone,
    },
};

/// The body of every error: RFC 9457 problem details, `application/problem+json`.
///
/// `type` is `about:blank`, so `title` is the status's own phrase (RFC 9457 section 4.2.1);
/// programs tell errors apart by `status` and `code`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "type": "about:blank", "title": "Unprocessable Entity", "status": 422, "code": "invalid",
    "detail": "a number is 1 to 32 of A-Z a-z 0-9 * # + . _ -", "field": "number"
}))]
pub(crate) struct ProblemBody {
    /// Always `about:blank`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The phrase of the status.
    title: &'static str,
    /// The HTTP status, again.
    status: u16,
    /// The kind of error, for programs: `exists`, `not_found`, `no_phone`, `invalid` ... Stable.
    code: &'static str,
    /// The error, in words for people.
    detail: Cow<'static, str>,
    /// The field, query parameter or header at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Cow<'static, str>>,
    /// The dialplan file at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The line at fault, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// The column at fault, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    /// The fault of each faulty line of an import.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<ImportLine>,
}

/// The answer to a request without a good token, as the operations describe it.
#[derive(utoipa::IntoResponses)]
#[response(
    status = 401,
    description = "No token, or a wrong one",
    content_type = "application/problem+json"
)]
pub(crate) struct NoToken(#[expect(dead_code, reason = "read by the derive")] ProblemBody);

/// The answer while the switch takes no commands, as the operations describe it.
#[derive(utoipa::IntoResponses)]
#[response(
    status = 503,
    description = "The switch is stopping or too busy",
    content_type = "application/problem+json"
)]
pub(crate) struct SwitchBusy(#[expect(dead_code, reason = "read by the derive")] ProblemBody);

/// The answer to a change that is on disk but not in the switch, as the operations describe it.
#[derive(utoipa::IntoResponses)]
#[response(
    status = 503,
    description = "Stored, but the switch is stopping",
    content_type = "application/problem+json"
)]
pub(crate) struct StoredOnly(#[expect(dead_code, reason = "read by the derive")] ProblemBody);

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    body: Box<ProblemBody>,
    headers: Vec<(header::HeaderName, HeaderValue)>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let body = ProblemBody {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            field: None,
            file: None,
            line: None,
            column: None,
            lines: Vec::new(),
        };
        Self {
            status,
            body: Box::new(body),
            headers: Vec::new(),
        }
    }

    /// 422: well-formed, but a field's value is not acceptable.
    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).field(field)
    }

    /// 400: not even the format is right.
    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// 404 for a thing of ours.
    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// 409: it is there already.
    pub(crate) fn exists(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, "exists", detail).field(field)
    }

    /// 500, with nothing of the reason; that goes into the log.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "admin request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "this went wrong on our side; the log says more",
        )
    }

    /// 503: cannot be done now, may be done later.
    pub(crate) fn unavailable(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail)
            .header(header::RETRY_AFTER, HeaderValue::from_static("2"))
    }

    pub(crate) fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.body.field = Some(field.into());
        self
    }

    pub(crate) fn lines(mut self, lines: Vec<ImportLine>) -> Self {
        self.body.lines = lines;
        self
    }

    pub(crate) fn header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> &'static str {
        self.body.code
    }

    pub(crate) fn detail(&self) -> &str {
        &self.body.detail
    }

    pub(crate) fn field_at_fault(&self) -> Option<&str> {
        self.body.field.as_deref()
    }

    /// The answer to a command about a thing of this kind.
    pub(crate) fn command(error: CommandError, what: &str) -> Self {
        match error {
            CommandError::NotFound => Self::not_found(what),
            CommandError::NoPhone(number) => {
                let detail = format!("extension {number} has no phone registered, so there is nothing to ring");
                Self::new(StatusCode::CONFLICT, "no_phone", detail).field("from")
            }
            CommandError::Conflict(detail) => Self::new(StatusCode::CONFLICT, "conflict", detail),
            CommandError::Busy => Self::unavailable("busy", "too much is going on, or Tandem is shutting down"),
        }
    }
}

impl From<SwitchGone> for Problem {
    fn from(error: SwitchGone) -> Self {
        match error {
            SwitchGone::Stopped => Self::unavailable("stopping", "Tandem is shutting down"),
            SwitchGone::Slow => Self::unavailable("busy", "the switch did not answer in time"),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "dialplan_fault", fault.detail);
        problem.body.file = Some(fault.file);
        problem.body.line = Some(fault.line);
        problem.body.column = Some(fault.column);
        problem
    }
}

impl From<DialplanError> for Problem {
    fn from(error: DialplanError) -> Self {
        match error {
            DialplanError::NotFound => Self::not_found("dialplan"),
            DialplanError::Fault(fault) => fault.into(),
            DialplanError::Refused(detail) => Self::new(StatusCode::CONFLICT, "refused", detail),
            DialplanError::Io(error) => Self::internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists(what) => Self::exists("number", format!("{what} exists already")),
            StoreError::NotFound(what) => {
                Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} does not exist"))
            }
            StoreError::Invalid { field, reason } => Self::invalid(field, reason),
            StoreError::BadCursor => Self::invalid("cursor", "this is no next_cursor of an earlier page"),
            StoreError::Closed => Self::unavailable("stopping", "Tandem is shutting down"),
            StoreError::Overloaded | StoreError::Locked(_) => Self::unavailable("busy", "the database is busy"),
            StoreError::DiskFull(_) => Self::unavailable("disk_full", "the disk is full"),
            // Their words hold paths of this machine: they go into the log.
            error @ (StoreError::ReadOnly(_)
            | StoreError::CannotOpen { .. }
            | StoreError::NotADatabase(_)
            | StoreError::Damaged { .. }
            | StoreError::NewerSchema { .. }
            | StoreError::OtherSchema { .. }
            | StoreError::Unsaved(_)
            | StoreError::Database { .. }
            | _) => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
