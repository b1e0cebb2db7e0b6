//! Dialplans: list, read, replace, remove. Files of the same folder may also be edited by hand.

use std::sync::PoisonError;

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    http::{
        extract::{PathText, body, media_type, unsupported},
        problem::{NoToken, Problem, ProblemBody},
        versions::{Conditions, Version},
    },
    model::{DialplanPage, validate},
    shell::{
        dialplans::{DialplanError, Dialplans},
        state::App,
    },
};

/// List dialplans
#[utoipa::path(
    get, path = "/dialplans", tag = "dialplans", operation_id = "list_dialplans",
    responses(
        (status = 200, description = "The dialplans, by name", body = DialplanPage),
        NoToken,
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<DialplanPage>, Problem> {
    let (items, fault) = with_files(&app, |dialplans| Ok((dialplans.list()?, dialplans.fault()))).await?;
    Ok(Json(DialplanPage {
        items,
        fault,
        next_cursor: None,
    }))
}

/// Read a dialplan
#[utoipa::path(
    get, path = "/dialplans/{name}", tag = "dialplans", operation_id = "read_dialplan",
    params(
        ("name" = String, Path, description = "With or without `.rhai`", pattern = "^[A-Za-z0-9_-]{1,64}(\\.rhai)?$", example = "main"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that was read: 304 where it is still that version"),
    ),
    responses(
        (status = 304, description = "Still the version that `If-None-Match` names"),
        (status = 200, description = "Its text", body = String, content_type = "text/plain",
            headers(("ETag" = String, description = "Its version, for `If-Match`")),
            example = "fn on_call(caller) {\n    caller.dial(caller.dialed, #{ timeout: 20 });\n}\n"),
        NoToken,
        (status = 404, description = "No such dialplan", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn read(
    State(app): State<App>,
    conditions: Conditions,
    PathText(name): PathText,
) -> Result<Response, Problem> {
    let name = existing(&name)?;
    let text = with_files(&app, move |dialplans| dialplans.read(&name)).await?;
    let version = Version::of_text(&text);
    let tag: HeaderMap = version.header().into_iter().collect();
    if conditions.excludes(Some(&version)) {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Replace or add a dialplan
///
/// It is compiled first, together with the others. With a fault nothing changes, on disk or in force. With
/// `If-Match` only the version that was read is replaced; with `If-None-Match: *` only a new file is made.
#[utoipa::path(
    put, path = "/dialplans/{name}", tag = "dialplans", operation_id = "put_dialplan",
    params(
        ("name" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ -`, with or without `.rhai`", pattern = "^[A-Za-z0-9_-]{1,64}(\\.rhai)?$", example = "main"),
        ("If-Match" = Option<String>, Header, description = "An `ETag` that was read: only that version is replaced"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only where there is no such file yet"),
    ),
    request_body(content = String, content_type = "text/plain",
        example = "fn on_call(caller) {\n    caller.dial(caller.dialed, #{ timeout: 20 });\n}\n"),
    responses(
        (status = 204, description = "In force for every call from now on", headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "Not UTF-8, or a condition that is none", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 409, description = "Not allowed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "It is not the version of `If-Match`, or is there already; `ETag` is what it is", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too long", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not text/plain", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It does not compile: `file`, `line`, `column` and `detail`; or the name is none", body = ProblemBody,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    conditions: Conditions,
    PathText(name): PathText,
    request: Request,
) -> Result<(StatusCode, HeaderMap), Problem> {
    let Some(name) = validate::dialplan_name(&name).map(str::to_owned) else {
        return Err(Problem::invalid(
            "name",
            "a dialplan's name is 1 to 64 of A-Z a-z 0-9 _ -",
        ));
    };
    if media_type(request.headers()).is_some_and(|kind| kind != "text/plain") {
        return Err(unsupported("text/plain"));
    }
    let text = body(request, &app).await?;
    let text = String::from_utf8(text.into()).map_err(|_| Problem::malformed("the text is not UTF-8"))?;
    // The body was forgotten: an empty dialplan would end all calls.
    if text.trim().is_empty() {
        return Err(Problem::invalid("body", "the text is empty; DELETE removes a dialplan"));
    }
    let (put, version) = (name.clone(), Version::of_text(&text));
    change(&app, name.clone(), conditions, move |dialplans| {
        dialplans.put(&put, &text)
    })
    .await?;
    tracing::info!(name, "dialplan changed");
    Ok((StatusCode::NO_CONTENT, version.header().into_iter().collect()))
}

/// Remove a dialplan
#[utoipa::path(
    delete, path = "/dialplans/{name}", tag = "dialplans", operation_id = "delete_dialplan",
    params(
        ("name" = String, Path, description = "With or without `.rhai`", pattern = "^[A-Za-z0-9_-]{1,64}(\\.rhai)?$", example = "night"),
        ("If-Match" = Option<String>, Header, description = "An `ETag` that was read: only that version is removed"),
    ),
    responses(
        (status = 204, description = "Removed"),
        (status = 400, description = "An `If-Match` that is none", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "It is not the version of `If-Match`", body = ProblemBody, content_type = "application/problem+json"),
        NoToken,
        (status = 404, description = "No such dialplan", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "Not allowed", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "What remains does not compile", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn delete(
    State(app): State<App>,
    conditions: Conditions,
    PathText(name): PathText,
) -> Result<StatusCode, Problem> {
    let name = existing(&name)?;
    let removed = name.clone();
    change(&app, name.clone(), conditions, move |dialplans| {
        dialplans.delete(&removed)
    })
    .await?;
    tracing::info!(name, "dialplan removed");
    Ok(StatusCode::NO_CONTENT)
}

/// 404 for a text that cannot be the name of a dialplan.
fn existing(name: &str) -> Result<String, Problem> {
    validate::dialplan_name(name)
        .map(str::to_owned)
        .ok_or_else(|| Problem::not_found("dialplan"))
}

/// Makes a change, if the file may be changed. Changes over the API wait for one another here, so
/// that the condition still holds when the change is made.
async fn change(
    app: &App,
    name: String,
    conditions: Conditions,
    work: impl FnOnce(&dyn Dialplans) -> Result<(), DialplanError> + Send + 'static,
) -> Result<(), Problem> {
    let turn = app.dialplan_turn.clone();
    let changed = with_files(app, move |dialplans| {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let there = match dialplans.read(&name) {
            Ok(text) => Some(Version::of_text(&text)),
            Err(DialplanError::NotFound) => None,
            Err(error) => return Err(error),
        };
        if let Err(refusal) = conditions.allow(there.as_ref()) {
            return Ok(Err(refusal));
        }
        work(dialplans).map(Ok)
    });
    changed.await?
}

/// Compiling and the disk take their time: on a thread of their own.
async fn with_files<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&dyn Dialplans) -> Result<T, DialplanError> + Send + 'static,
) -> Result<T, Problem> {
    let dialplans = app.dialplans.clone();
    let done = tokio::task::spawn_blocking(move || work(&*dialplans)).await;
    Ok(done.map_err(|error| Problem::internal(&error))??)
}
